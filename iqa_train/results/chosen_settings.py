"""Chooses which settings count for an experiment that was run with several, and names the runs left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from iqa_train.runs.imported import Imported, imported_in
from iqa_train.runs.snapshot import RunSnapshot
from iqa_train.runs.state import RunState
from iqa_train.runs.state_names import WAITING

_Rank = tuple[bool, bool, float, str]


@dataclass(frozen=True)
class Candidate:
    """A run on disk."""

    experiment: str
    found: RunSnapshot
    state: RunState

    @property
    def settings(self) -> str:
        """The hash of the settings without the seed."""
        return self.found.run.config_hash

    @property
    def imported(self) -> Imported | None:
        """The log that it was imported from."""
        return imported_in(self.found.provenance)


def chosen_settings(runs: Sequence[Candidate]) -> dict[str, str]:
    """For each experiment the settings that count: of a finished or active run before all others, then the latest.

    An imported run is as old as its log or the log's name says; where neither gives a date, it counts as the oldest.
    """
    best: dict[str, _Rank] = {}
    for run in runs:
        rank = _rank(run)
        best[run.experiment] = max(rank, best.get(run.experiment, rank))
    return {experiment: rank[-1] for experiment, rank in best.items()}


def left_out_notes(runs: Sequence[Candidate], chosen: Mapping[str, str], study: str) -> tuple[str, ...]:
    """A line on the runs that are left out, why, and where to see them; none if all count."""
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
    alone = "; import-log FILE --study NAME imports a log into a separate study" if imported else ""
    single = len(others) == 1
    whose = (
        f"{'is' if single else 'are'} not shown, because {'its experiment has' if single else 'their experiments have'}"
    )
    return (
        f"{len(others)} of {len(runs)} runs {whose} finished or newer runs with other settings "
        f"({which}); iqa-train status --study {study} lists all{alone}",
    )


def _rank(run: Candidate) -> _Rank:
    settled = run.state.finished or run.state.alive or (run.state.name in WAITING and bool(run.found.attempts))
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
    """When it was last trained. A later cross-dataset test changes only the run's folder, so attempts come first."""
    return max(path.stat().st_mtime for path in [a.files.folder for a in run.known_attempts] or [run.run.path])
