"""The sealed designs of two runs folders: verdicts hold only for runs that were made under one declaration.

A design that both sealed alike counts from the earlier of the two times, since that is when it was declared first.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from iqa_train.files import write_atomic
from iqa_train.locks import locked
from iqa_train.runs.design_file import SealedDesign, changes, extends, read_design, write_design
from iqa_train.runs.layout import DesignFiles
from iqa_train.runs.merge.side import Side

TAKEN, EXTENDED = "joined", "extended"


@dataclass(frozen=True)
class DesignDecision:
    """Of one study. `what` is joined, extended or "" for nothing to do; `conflict` says why no run may be joined."""

    study: str
    what: str = ""
    conflict: str = ""


def decide_design(
    study: str, ours: SealedDesign | None, theirs: SealedDesign | None, here: Iterable[Side], there: Iterable[Side]
) -> DesignDecision:
    """What becomes of the design of `study`; `here` and `there` are its runs."""
    if ours is not None and theirs is not None:
        return _of_both(study, ours, theirs)
    if ours is None and theirs is None:
        return DesignDecision(study)
    sealed, results = (ours, there) if theirs is None else (theirs, here)
    assert sealed is not None
    place, other = ("there", "here") if theirs is None else ("here", "there")
    early = None if sealed.exploratory else _before(sealed, results)
    if early is None:
        return DesignDecision(study, TAKEN if theirs is not None else "")
    side, when = early
    return DesignDecision(
        study,
        conflict=f"{side.run.experiment} ({side.run.seed_words}) was finished {place} at {when}, before the design was "
        f"sealed {other} at {sealed.sealed_at} as declared before any result; {_ADVICE}",
    )


_ADVICE = "join the runs into another folder (--runs-dir), or give one of the two studies another name"


def _of_both(study: str, ours: SealedDesign, theirs: SealedDesign) -> DesignDecision:
    if ours.content == theirs.content or extends(theirs, ours):
        return DesignDecision(study)
    if extends(ours, theirs):
        return DesignDecision(study, EXTENDED)
    words = changes(ours, theirs).replace("the study file declares", "the design there declares")
    words = words.replace(" now,", ",").replace("the study file", "the other machine's")
    return DesignDecision(study, conflict=f"{words}: verdicts would mix runs of two designs; {_ADVICE}")


def _before(sealed: SealedDesign, results: Iterable[Side]) -> tuple[Side, str] | None:
    """The first of `results` that had ended before the design was sealed."""
    when = _time(sealed.sealed_at)
    ended = [(side, time) for side in results if side.finished and (time := _time(side.ended)) is not None]
    early = [(side, time) for side, time in ended if when is not None and time < when]
    if not early:
        return None
    side, time = min(early, key=lambda one: one[1])
    return side, time.isoformat(timespec="seconds")


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.astimezone()


def join_design(decision: DesignDecision, runs_dir: Path, their_dir: Path) -> None:
    """Carry out what was decided."""
    files, theirs = DesignFiles(runs_dir, decision.study), DesignFiles(their_dir, decision.study)
    if not decision.what:
        return
    with locked(files.lock):
        if decision.what == TAKEN:
            if not files.design.exists():
                write_atomic(files.design, theirs.design.read_bytes())
            return
        ours, longer = read_design(runs_dir, decision.study), read_design(their_dir, decision.study)
        if ours is not None and longer is not None and extends(ours, longer):
            write_design(files.design, replace(ours, max_seeds=longer.max_seeds, seeds=longer.seeds))
