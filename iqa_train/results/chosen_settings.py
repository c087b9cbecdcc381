"""Which runs of an experiment count where it has been run with several settings, and what is said of the others."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from iqa_train.runs.imported import Imported, imported_in
from iqa_train.runs.snapshot import RunSnapshot
from iqa_train.runs.state import RunState
from iqa_train.runs.state_names import QUEUED

_Rank = tuple[bool, bool, float, str]


@dataclass(frozen=True)
class Candidate:
    """A run on disk."""

    experiment: str
    found: RunSnapshot
    state: RunState

    @property
    def settings(self) -> str:
        """Their hash, the seed apart."""
        return self.found.run.config_hash

    @property
    def imported(self) -> Imported | None:
        """The log that it was imported from."""
        return imported_in(self.found.provenance)


def chosen_settings(runs: Sequence[Candidate]) -> dict[str, str]:
    """For each experiment the settings that count: of a finished run, or one under way, before those of others.

    Among equals the latest count: an imported run took place when its log or the log's name states, and where
    neither does, before all that state it.
    """
    best: dict[str, _Rank] = {}
    for run in runs:
        rank = _rank(run)
        best[run.experiment] = max(rank, best.get(run.experiment, rank))
    return {experiment: rank[-1] for experiment, rank in best.items()}


def left_out_notes(runs: Sequence[Candidate], chosen: Mapping[str, str], study: str) -> tuple[str, ...]:
    """One line on the runs that do not count, why, and where they are shown; none if all count."""
    others = [run for run in runs if run.settings != chosen[run.experiment]]
    if not others:
        return ()
    states: dict[str, Counter[str]] = {}
    for run in others:
        states.setdefault(run.experiment, Counter())[run.state.name] += 1
    which = "; ".join(
        f"{experiment}: {', '.join(f'{number} {state}' for state, number in counts.items())}"
        for experiment, counts in states.items()
    )
    imported = any(run.imported is not None for run in others)
    alone = "; import-log FILE --study NAME imports a log into a study of its own" if imported else ""
    one = len(others) == 1
    whose = f"{'is' if one else 'are'} not shown, because {'its experiment has' if one else 'their experiments have'}"
    return (
        f"{len(others)} of {len(runs)} runs {whose} runs with other settings that are finished or later "
        f"({which}); iqa-train status --study {study} lists all{alone}",
    )


def _rank(run: Candidate) -> _Rank:
    settled = run.state.finished or run.state.alive or (run.state.name == QUEUED and bool(run.found.attempts))
    imported = run.imported
    if imported is None:
        return settled, True, _last_touched(run.found), run.settings
    if not imported.began:
        return settled, False, 0.0, run.settings
    return settled, True, _seconds(imported.began), run.settings


def _seconds(moment: str) -> float:
    try:
        return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _last_touched(run: RunSnapshot) -> float:
    """When it was last worked on: a later test on another data set touches the run's folder alone."""
    return max(path.stat().st_mtime for path in [a.files.folder for a in run.known_attempts] or [run.run.path])
