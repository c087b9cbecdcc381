"""How two processes, on two hosts as a rule, meet through files in a folder, and talk.

Each message is a file of its own, written whole. Who waits for one changes the folder of the messages now and then,
which lets a client of NFS see what others have put there.
"""

import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from iqa_train.errors import RunError
from iqa_train.files import write_json

MEETS_WITHIN = 120.0  # seconds for the second to come
ANSWERS_WITHIN = 120.0
_PREFIX = ".doctor-pair-"
_POLL = 0.02
_FRESH = 60.0  # seconds since the last sign of one that waits, by the clock of the file server
_SIGN = 5.0


class Meeting:
    """Two in one folder, which the first (`role` "a") removes at the end."""

    def __init__(self, folder: Path, role: str) -> None:
        self.folder = folder
        self.role = role
        self.other = "b" if role == "a" else "a"

    def tell(self, word: str, **facts: Any) -> None:  # noqa: ANN401
        """Say something to the other, under a word that is said once."""
        write_json(self.folder / "talk" / f"{self.role}-{word}.json", facts)

    def hear(self, word: str) -> dict[str, Any]:
        """Wait for what the other says under that word. Raises RunError if it does not come."""
        path = self.folder / "talk" / f"{self.other}-{word}.json"
        deadline = time.monotonic() + ANSWERS_WITHIN
        while time.monotonic() < deadline:
            with suppress(OSError, ValueError):
                os.utime(path.parent)
                return dict(json.loads(path.read_bytes()))
            time.sleep(_POLL)
        raise RunError(
            f"the other process has not answered within {ANSWERS_WITHIN:.0f} s: it was ended, or its files do not "
            "show here; start both again"
        )

    def end(self) -> None:
        """Leave; the first waits for the second, and removes the folder."""
        with suppress(RunError, OSError):
            if self.role == "b":
                self.tell("done")
                return
            self.hear("done")
        if self.role == "a":
            shutil.rmtree(self.folder, ignore_errors=True)


def meet(runs_dir: Path, waiting: Callable[[], None]) -> Meeting:
    """Meet another process that does the same; `waiting` is called once if it has not come yet. Raises RunError."""
    own = runs_dir / f"{_PREFIX}{os.urandom(6).hex()}"
    deadline, told, next_sign = time.monotonic() + MEETS_WITHIN, False, 0.0
    (own / "talk").mkdir(parents=True)
    try:
        while time.monotonic() < deadline:
            if time.monotonic() >= next_sign:
                next_sign = time.monotonic() + _SIGN
                (own / "waits").write_bytes(b"")
            if (own / "second").exists():
                return Meeting(own, "a")
            found = _waiting_one(runs_dir, own)
            if found is not None:
                if not _is_second(own):  # somebody has just come
                    return Meeting(own, "a")
                shutil.rmtree(own, ignore_errors=True)
                if _is_second(found):
                    return Meeting(found, "b")
                return meet(runs_dir, waiting)
            if not told:
                told = True
                waiting()
            time.sleep(_POLL * 5)
    except BaseException:
        shutil.rmtree(own, ignore_errors=True)
        raise
    if _is_second(own):
        shutil.rmtree(own, ignore_errors=True)
        raise RunError(
            f"no other process has come to {runs_dir} within {MEETS_WITHIN:.0f} s; start `iqa-train doctor --pair` on "
            "both hosts at the same time, with the same --runs-dir"
        )
    return Meeting(own, "a")


def _is_second(folder: Path) -> bool:
    """Be the second in a meeting; False if somebody is. Who is that in its own closes it."""
    try:
        os.close(os.open(folder / "second", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except OSError:
        return False
    return True


def _waiting_one(runs_dir: Path, own: Path) -> Path | None:
    """The folder of one that waits, of those whose name is before that of `own`: so only one of two gives way."""
    with suppress(OSError):
        now = (own / "waits").stat().st_mtime
        os.utime(runs_dir)
        for path in sorted(runs_dir.glob(f"{_PREFIX}*")):
            with suppress(OSError):
                silent = now - (path / "waits").stat().st_mtime
                if path.name < own.name and silent < _FRESH and not (path / "second").exists():
                    return path
                if silent > 10 * _FRESH:  # its processes were killed
                    shutil.rmtree(path, ignore_errors=True)
    return None
