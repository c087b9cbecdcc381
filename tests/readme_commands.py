"""Runs the commands of the README that need neither KonIQ-10k nor a GPU, as they stand there. For .ci/run.

They run in a temporary folder with the study file and the demo's finished runs, which `make demo` has left.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDS_DATA = {"--all", "--gpu", "--resume", "--repeat", "--seed", "verify", "prepare", "test", "qalign.csv"}
COMPLETE = {"relaunch"}  # there is nothing to relaunch where all is complete
LOOKS_ON = 5  # seconds after which what watches for ever is ended


def commands(text: str) -> list[str]:
    """Indented lines that start with iqa-train or grep, comments cut off, continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", text)
    lines = re.findall(r"^ {4,}((?:iqa-train|grep|CUDA_VISIBLE_DEVICES=0 iqa-train) .*)$", joined, re.MULTILINE)
    found = [line.partition("  #")[0].strip() for line in lines]
    return [command for command in found if "   " not in command]  # in a transcript, words follow at a distance


def expected(command: str) -> set[int]:
    """Exit codes that are right for it here; those that need data must end with one sentence that says so, and 2."""
    words = set(shlex.split(command))
    if (words & NEEDS_DATA and not words & {"stop", "status"}) or "koniq-10k --model_size" in command:
        return {2}
    if words & COMPLETE:
        return {2}
    if "report" in words and "--demo" not in words:
        return {1}  # of the study without a profile nothing has been run here
    if "--watch" in words:
        return {124}
    return {0, 1} if "doctor" in words else {0}  # a small disk is no fault of the program


def main() -> int:
    """Run each; returns 1 if any ended otherwise than it should."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in ("experiments.toml", "examples", "runs", "logs", "data"):
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, Path(folder, name))
        for command in commands((ROOT / "README.md").read_text()):
            line = command.replace("| tee baseline_lr5e7.log", "| cat")
            if "--watch" in line:
                line = f"timeout {LOOKS_ON} {line}"
            shell = ["bash", "-o", "pipefail", "-c", line]
            done = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            ok = done.returncode in expected(command) and "Traceback" not in done.stderr + done.stdout
            failed += not ok
            sys.stdout.write(f"{'ok  ' if ok else 'FAIL'} {done.returncode} {command}\n")
            if not ok:
                sys.stdout.write(done.stdout[-2000:] + done.stderr[-2000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
