"""What two hosts see of each other's files in one folder: locks, creation, how late files show, and the clocks."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iqa_train.doctor.file_abilities import FileAbilities, measure_abilities
from iqa_train.doctor.pair_meeting import Meeting
from iqa_train.errors import RunError
from iqa_train.locks import lock_now, open_lock

VISIBLE_WITHIN = 90.0  # seconds after which a change is no longer waited for
_RACES = 200
_POLL = 0.01
_LOOKS = ("new file", "renamed file", "folder entry", "append")


@dataclass(frozen=True)
class PairMeasures:
    """Of two processes. `delays` are seconds until a change shows at the other, the longer way; None: not at all."""

    hosts: tuple[str, str]
    flock: bool  # a lock that one holds keeps the other out, both ways
    races: int
    won_twice: int  # files that both have created exclusively
    never_won: int
    delays: dict[str, float | None]
    clocks: float  # seconds by which the first host's clock is ahead of the second's

    @property
    def same_host(self) -> bool:
        return self.hosts[0] == self.hosts[1]

    def as_json(self) -> dict[str, Any]:
        """What `iqa-train doctor --pair --json` shows."""
        return {
            "hosts": list(self.hosts), "same_host": self.same_host, "locks_reach": self.flock, "races": self.races,
            "won_twice": self.won_twice, "never_won": self.never_won, "delays_s": self.delays, "clocks_s": self.clocks,
        }  # fmt: skip


def measure_pair(meeting: Meeting) -> PairMeasures:
    """Measure together with the other process, which does the same; both get the same. Raises RunError, OSError."""
    own = measure_abilities(meeting.folder)
    if own is None:
        raise RunError(f"{meeting.folder} does not answer; ask the administrator of the file server")
    meeting.tell("hello", host=os.uname().nodename, boot=_boot(), ahead=own.ahead)
    other = meeting.hear("hello")
    kept_out = [_locks(meeting, holder) for holder in ("a", "b")]
    won = _race(meeting)
    late: dict[str, float | None] = {}
    for writer in ("a", "b"):
        late |= _delays(meeting, writer, own)
    meeting.tell("found", kept_out=[one for one in kept_out if one is not None], won=won, late=late)
    theirs = meeting.hear("found")
    first, second = (own.ahead, other["ahead"]) if meeting.role == "a" else (other["ahead"], own.ahead)
    mine, name = os.uname().nodename, other["host"]
    if name == mine and other["boot"] != _boot():
        name = f"{name} (another host of that name)"
    both = late, theirs["late"]
    return PairMeasures(
        hosts=(mine, name) if meeting.role == "a" else (name, mine),
        flock=all([*(one for one in kept_out if one is not None), *theirs["kept_out"]]),
        races=_RACES,
        won_twice=len({*won} & {*theirs["won"]}),
        never_won=_RACES - len({*won} | {*theirs["won"]}),
        delays={look: _longer([found[look] for found in both]) for look in _LOOKS},
        clocks=second - first,  # how far the server is ahead of each
    )


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _longer(delays: list[float | None]) -> float | None:
    known = [delay for delay in delays if delay is not None]
    return max(known) if len(known) == len(delays) else None


def _locks(meeting: Meeting, holder: str) -> bool | None:
    """Whether the lock of `holder` keeps this process out; None of the holder itself."""
    descriptor = open_lock(meeting.folder / f"lock-{holder}")
    try:
        if meeting.role == holder:
            lock_now(descriptor)
            meeting.tell(f"locked-{holder}")
            meeting.hear(f"tried-{holder}")
            return None
        meeting.hear(f"locked-{holder}")
        kept_out = not lock_now(descriptor)
        meeting.tell(f"tried-{holder}")
        return kept_out
    finally:
        os.close(descriptor)


def _race(meeting: Meeting) -> list[int]:
    """The numbers of the files that this process was the one to create."""
    folder = meeting.folder / "races"
    folder.mkdir(exist_ok=True)
    meeting.tell("ready")
    meeting.hear("ready")
    won = []
    for number in range(_RACES):
        with suppress(FileExistsError):
            os.close(os.open(folder / str(number), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            won.append(number)
    return won


def _delays(meeting: Meeting, writer: str, own: FileAbilities) -> dict[str, float | None]:
    """Of what `writer` changes: how long after it this process sees it, by the server's clock; nothing for the writer.

    Nothing else is done in these folders, and everything has been looked at before: so what is known is kept as it is
    in folders that a program reads again and again.
    """
    folders = {look: meeting.folder / f"{writer}-{look.replace(' ', '-')}" for look in _LOOKS}
    if meeting.role == writer:
        for folder in folders.values():
            folder.mkdir()
        (folders["renamed file"] / "file").write_bytes(b"old")
        (folders["append"] / "file").write_bytes(b"one\n")
        meeting.tell(f"made-{writer}")
        meeting.hear(f"looks-{writer}")
        times = {look: _changed(look, folder) + own.ahead for look, folder in folders.items()}
        meeting.tell(f"changed-{writer}", **times)
        return {}
    meeting.hear(f"made-{writer}")
    for look, folder in folders.items():
        _succeeds(_LOOK[look], folder)
    meeting.tell(f"looks-{writer}")
    seen: dict[str, float] = {}
    deadline = time.monotonic() + VISIBLE_WITHIN
    while len(seen) < len(folders) and time.monotonic() < deadline:
        for look, folder in folders.items():
            if look not in seen and _succeeds(_LOOK[look], folder):
                seen[look] = time.time() + own.ahead
        time.sleep(_POLL)
    times = meeting.hear(f"changed-{writer}")
    return {look: max(0.0, seen[look] - times[look]) if look in seen else None for look in _LOOKS}


def _changed(look: str, folder: Path) -> float:
    """Make the change; returns when it was done."""
    file = folder / "file"
    if look == "renamed file":
        (folder / "next").write_bytes(b"new")
        (folder / "next").replace(file)
    else:
        with file.open("ab") as opened:
            opened.write(b"two\n")
            opened.flush()
            os.fsync(opened.fileno())
    return time.time()


_LOOK: dict[str, Callable[[Path], bool]] = {
    "new file": lambda folder: (folder / "file").exists(),
    "renamed file": lambda folder: (folder / "file").read_bytes() == b"new",
    "folder entry": lambda folder: "file" in os.listdir(folder),  # noqa: PTH208
    "append": lambda folder: (folder / "file").read_bytes().endswith(b"two\n"),
}


def _succeeds(look: Callable[[Path], bool], folder: Path) -> bool:
    try:
        return look(folder)
    except OSError:  # not there, or replaced while it was read
        return False
