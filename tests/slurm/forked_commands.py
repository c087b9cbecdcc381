"""Runs iqa-train's commands in forks of a process that has imported them: a fraction of the cost of a new one.

`python -m tests.slurm.forked_commands` reads the words of a command on each line, as JSON, and answers with the file of
its standard output, that of its standard error, and its exit code.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


class ForkedCommands:
    """Commands given in `folder`; may be used by several threads, one command at a time."""

    def __init__(self, folder: Path, environment: Mapping[str, str], like: list[str]) -> None:
        """`like` is a command whose modules are imported first; it is run for that."""
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.slurm.forked_commands", json.dumps(like)], cwd=folder,
            env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self._turn = threading.Lock()
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == "ready\n"

    def run(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with self._turn:
            self._server.stdin.write(json.dumps(words) + "\n")
            code, out, err = json.loads(self._server.stdout.readline())
        return code, out, err

    def close(self) -> None:
        """End the process."""
        with self._turn:
            if self._server.poll() is None:
                self._server.communicate()


def _fork(words: list[str], *, tell_modules: bool = False) -> tuple[int, str, str]:
    from iqa_train.cli.main import main

    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            code = 70
            try:
                code = main(words)
                sys.stdout.flush()
                if tell_modules:
                    os.ftruncate(1, 0)
                    os.pwrite(1, json.dumps(sorted(sys.modules)).encode(), 0)
            except SystemExit as end:
                code = int(end.code or 0)
            except BaseException:  # noqa: BLE001 (told to the caller)
                import traceback

                traceback.print_exc()
            finally:
                with suppress(OSError, ValueError):
                    sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        for file in (out, err):
            file.seek(0)
        return os.waitstatus_to_exitcode(status), out.read(), err.read()


def _serve(like: list[str]) -> None:
    code, told, err = _fork(like, tell_modules=True)
    assert code == 0, err
    for name in [*json.loads(told), "iqa_train.scheduler.slurm.reconcile", "iqa_train.scheduler.slurm.backend"]:
        with suppress(Exception):
            importlib.import_module(name)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_fork(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
