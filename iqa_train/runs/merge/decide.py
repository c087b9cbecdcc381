"""What becomes of a run of another machine: a pure function of the run here, if there is one, and the run there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iqa_train.runs.document_cache import Damage
from iqa_train.runs.documents import SpecFacts
from iqa_train.runs.merge.side import Side
from iqa_train.runs.state import SILENCE
from iqa_train.study.revision import revision_in
from iqa_train.study.setting_fields import is_local
from iqa_train.study.settings import TrainingConfig

NEW, WINS, CONTINUES, ASIDE, REPEAT = "joined", "replaced", "continued", "kept-aside", "as-repeat"
SAME = "unchanged"
CONFLICT, ALIVE, INCOMPLETE, WAITS, FAILED = "conflict", "alive", "incomplete", "queued-here", "failed"

LEFT = frozenset({CONFLICT, ALIVE, INCOMPLETE, WAITS, FAILED})
"""What was not joined: the run stays in its folder, and in this one as it was."""

_DECLARED = ("baseline", "expect", "differs", "external")  # beyond what the hash in the folder's name holds


@dataclass(frozen=True)
class Decision:
    """`what` is one of the words above, `words` say why, or what is there now. `repeats`: --as-repeat would join it."""

    what: str
    words: str = ""
    repeats: bool = False

    @property
    def left(self) -> bool:
        return self.what in LEFT


def decide(here: Side | None, there: Side, *, newest_sign: float, gone: bool, queued: bool) -> Decision:
    """The decision on the run `there`.

    `newest_sign` is the latest sign of life of anything in its folder, which shows when a copy was made; `gone`
    says that the other machine continues nothing. `queued`: the run waits in the queue here.
    """
    if words := alive_words(there, newest_sign, gone=gone):
        return Decision(ALIVE, words)
    if here is None:
        return Decision(NEW, there.words)
    if here.state.alive:
        return Decision(ALIVE, f"it is {here.state.name} here; merge again when it has ended")
    if here.damage and not here.tries:
        return Decision(FAILED, here.damage)
    if words := declared_differently(here.spec, there.spec):
        return Decision(CONFLICT, words)
    if here.fingerprint and there.fingerprint and here.fingerprint != there.fingerprint:
        return Decision(CONFLICT, other_data_words(here, there))
    return _both_finished(here, there) if here.finished and there.finished else _unfinished(here, there, queued=queued)


def _unfinished(here: Side, there: Side, *, queued: bool) -> Decision:
    """Where one of them is finished at most."""
    if not there.tries or _is_contained(here, there):
        return Decision(SAME)
    if here.finished:
        return Decision(ASIDE, f"it is {here.words} here and counts; that one, {there.words}, is kept in its folder")
    if queued and not there.finished:
        return Decision(
            WAITS, f"it waits in the queue here, and is {there.words} there; take it out of the queue first"
        )
    if not here.tries:
        return Decision(NEW, there.words)
    if _continues(there, here):
        return Decision(CONTINUES, f"{there.words}; it was {here.words} when it was joined before")
    if there.finished or there.epochs > here.epochs:
        return Decision(WINS, f"{there.words}; the attempts here ({here.words}) are its earlier ones now")
    return Decision(ASIDE, f"it is {here.words} here and counts; that one, {there.words}, is kept in its folder")


def alive_words(there: Side, newest_sign: float, *, gone: bool) -> str:
    """That it runs, or that it did when its folder was copied; "" if it had ended."""
    if there.state.alive:
        where = f" {there.state.reason}" if there.state.elsewhere else ""
        return f"it is {there.state.name}{where}; merge again when it has ended"
    if there.away and there.last_sign > newest_sign - SILENCE and not gone and not there.state.requested:
        last = datetime.fromtimestamp(there.last_sign).isoformat(" ", timespec="minutes")
        return (
            f"it had not ended when the folder was copied (last sign of life {last}); copy it again when it has, or "
            "give --gone if that machine will not continue it"
        )
    return ""


def _both_finished(here: Side, there: Side) -> Decision:
    if here.results == there.results:
        return Decision(SAME)
    values = f"SRCC {_value(here)} here, {_value(there)} there"
    if here.tries == there.tries:
        return Decision(CONFLICT, f"its predictions were changed after it had finished ({values}); compare the folders")
    if _is_contained(here, there):  # it was started over here since
        return Decision(SAME)
    repeats = there.kind.made_here
    advice = "; --as-repeat joins the other as a repeat" if repeats else ""
    words = f"it is finished in both with different predictions ({values}); the one here is kept{advice}"
    return Decision(CONFLICT, words, repeats)


def _value(side: Side) -> str:
    return "unknown" if side.srcc is None else f"{side.srcc:.4f}"


def _is_contained(here: Side, there: Side) -> bool:
    """Whether all attempts there are here already, as far as they came."""
    tries = set(there.tries)
    return tries <= {*here.tries, *here.kept} and not _ended_since(there, here)


def _ended_since(there: Side, here: Side) -> frozenset[str]:
    return (here.unended & frozenset(there.tries)) - there.unended


def shared_attempts(there: Side, here: Side) -> int:
    """How many of the attempts here, the last ones, are the first ones there: the same run, then and later."""
    most = min(len(here.tries), len(there.tries))
    return next((n for n in range(most, 0, -1) if here.tries[-n:] == there.tries[:n]), 0)


def _continues(there: Side, here: Side) -> bool:
    shared = shared_attempts(there, here)
    return shared > 0 and (shared < len(there.tries) or bool(_ended_since(there, here)))


def declared_differently(here: SpecFacts | Damage | None, there: SpecFacts | Damage | None) -> str:
    """What the two spec.json say differently beyond names and places, in words; "" for nothing."""
    if isinstance(here, Damage):
        return here.words
    if here is None or there is None or isinstance(there, Damage):
        return ""
    one, other = _declared(here), _declared(there)
    differing = sorted(name for name in one if name in other and one[name] != other[name])
    if not differing:
        return ""
    name = differing[0]
    return (
        f"spec.json says {name} = {_short(one[name])} here and {_short(other[name])} there; bring the study files of "
        "both into line, or keep the runs apart with --runs-dir"
    )


def _declared(spec: SpecFacts) -> dict[str, Any]:
    document: Mapping[str, Any] = spec
    found = {name: document[name] for name in _DECLARED if name in document}
    if "differs" in found:
        found["differs"] = {name: pair for name, pair in found["differs"].items() if not _is_place(name)}
    if not spec.get("command") and not spec.get("external"):
        found["revision"] = revision_in(document)
    return found | {f"setting {name}": value for name, value in spec["settings"].items() if not _is_place(name)}


def _is_place(name: str) -> bool:
    return name in TrainingConfig.model_fields and is_local(name)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def other_data_words(here: Side, there: Side) -> str:
    """That the two were trained on data of the same name that is not the same."""
    return (
        f"it was trained on other images, scores or split ({there.fingerprint}) than "
        f"{here.run.experiment} ({here.run.seed_words}) here ({here.fingerprint}); see iqa-train data verify on both"
    )
