"""Runs the commands of the README that need neither KonIQ-10k nor a GPU, as they stand there. For .ci/run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDS_DATA = {"--all", "--gpu", "--resume", "--seed", "verify", "prepare"}


def commands(text: str) -> list[str]:
    """Indented lines that start with iqa-train or grep, comments cut off, continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", text)
    lines = re.findall(r"^ {4,}((?:iqa-train|grep|CUDA_VISIBLE_DEVICES=0 iqa-train) .*)$", joined, re.MULTILINE)
    return [line.partition("  #")[0].strip() for line in lines]


def main() -> int:
    """Run each; those that need data must end with one sentence that says so, and exit code 2."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    failed = 0
    for command in commands((ROOT / "README.md").read_text()):
        without_data = bool(NEEDS_DATA & set(shlex.split(command))) or "koniq-10k --model_size" in command
        expected = 2 if without_data else 0
        shell = ["bash", "-o", "pipefail", "-c", command.replace("| tee baseline_lr5e7.log", "| cat")]
        done = subprocess.run(shell, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        ok = done.returncode == expected and "Traceback" not in done.stderr + done.stdout
        failed += not ok
        sys.stdout.write(f"{'ok  ' if ok else 'FAIL'} {done.returncode} {command}\n")
        if not ok:
            sys.stdout.write(done.stdout[-2000:] + done.stderr[-2000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
