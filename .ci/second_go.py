"""Runs pytest; a test that fails has one more go alone, and is printed as UNSTEADY if it passes then.

    .ci/second_go.py [pytest's options]

Exit codes are pytest's: 0 if every test passed at the first or the second go.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

_TESTS_FAILED = 1  # pytest's exit code; other codes (usage, collection, interruption) have no test to repeat


def pytest(*words: str, cache: Path) -> tuple[int, list[str]]:
    """Run pytest; returns its exit code and the ids of the tests that failed."""
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={cache}", *words]
    code = subprocess.run(command, check=False).returncode
    failed = cache / "v" / "cache" / "lastfailed"
    return code, list(json.loads(failed.read_text())) if failed.exists() else []


def main(words: list[str]) -> int:
    """Run all, then each failed one alone."""
    with tempfile.TemporaryDirectory() as folder:
        code, failed = pytest(*words, cache=Path(folder, "all"))
        if code != _TESTS_FAILED or not failed:
            return code
        again = [pytest("-m", "", test, cache=Path(folder, str(number)))[0] for number, test in enumerate(failed)]
    for test, code in zip(failed, again, strict=True):
        sys.stdout.write(f"{'FAILED TWICE' if code else 'UNSTEADY'} {test}\n")
    sys.stdout.flush()
    return max(again)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
