"""What is loaded when, and who may know whom."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "torchvision", "timm", "textual", "rich", "scipy", "pandas", "matplotlib", "PIL"}

_RUN_AND_TELL = """
import runpy, sys
sys.argv = ["iqa-train", *sys.argv[1:]]
try:
    runpy.run_module("iqa_train.cli.main", run_name="__main__")
except SystemExit as end:
    code = end.code or 0
print("\\n".join(["", "LOADED", str(code), *sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def loaded_by(folder: Path, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _RUN_AND_TELL, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    code, *names = done.stdout.partition("\nLOADED\n")[2].split()
    assert code == "0", done.stderr
    assert "iqa_train" in names
    return set(names)


@pytest.mark.parametrize("words", [["--help"], ["check", "--json"], ["data", "--help"]], ids=" ".join)
def test_questions_are_answered_without_loading_a_network_or_a_screen(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "experiments.toml").write_bytes((ROOT / "experiments.toml").read_bytes())
    loaded = loaded_by(tmp_path, *words)
    allowed = {"scipy"} if words[0] == "check" else set()  # the audit computes with distributions
    assert loaded & HEAVY <= allowed


def test_the_import_contracts_hold() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert ", 0 broken." in done.stdout
