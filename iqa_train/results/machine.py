"""What the machine adds to a row: runs that differ in what decides rounding, and what repeats of a run show of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import stdev

from iqa_train.results.paired_predictions import ExperimentPredictions, usable, why_unpaired
from iqa_train.results.program_versions import version_words
from iqa_train.results.run_record import RunRecord
from iqa_train.results.table import ResultRow
from iqa_train.text import join_names, plural

Groups = Mapping[str, Sequence[RunRecord]]
_Values = Mapping[str, Mapping[str, Sequence[str]]]  # what -> value -> the runs that have it


def with_machines(
    rows: Iterable[ResultRow], groups: Groups, baseline: str, metric: str, parameters: int = 4
) -> list[ResultRow]:
    """The rows, with how runs differ in rounding from each other, else from the baseline's, and what repeats show.

    What one of two runs does not record is not compared. `parameters` (4 or 5) are the logistic's.
    """
    marked = []
    for row in rows:
        base = () if row.experiment == baseline else groups.get(baseline, ())
        text = rounding_text(groups[row.experiment], base, baseline)
        notes = [f"other rounding: {text}"] if text else []
        notes += [words for words in (version_words(groups[row.experiment]),) if words]
        notes += [found.words for found in repeats_of(groups[row.experiment], metric, parameters)]
        marked.append(replace(row, machine=text, notes=(*row.notes, *notes)))
    return marked


def rounding_text(runs: Sequence[RunRecord], base: Sequence[RunRecord], label: str) -> str:
    """How `runs` differ in rounding from each other, else from `base`, which is called `label`; "" if they do not."""
    return "; ".join(_differences(_values(runs), _values(base), label))


def machine_note(rows: Iterable[ResultRow]) -> tuple[str, ...]:
    """The note of a table with such rows."""
    if not any(row.machine for row in rows):
        return ()
    return ("some runs differ in what decides rounding, which acts like another seed; notes name them",)


def _values(runs: Sequence[RunRecord]) -> _Values:
    found: dict[str, dict[str, list[str]]] = {}
    for run in runs:
        for rounding, words in zip(run.rounding, ["", *[" at first"] * len(run.rounding)], strict=False):
            for what, value in rounding.items():
                found.setdefault(what, {}).setdefault(value, []).append(f"{run.seed}{words}")
    return found


def _differences(own: _Values, base: _Values, baseline: str) -> list[str]:
    texts = []
    for what, values in own.items():
        if len(values) > 1:
            texts.append(", ".join(f"{value} ({_seeds(runs)})" for value, runs in values.items()))
        elif what in base and set(values) != set(base[what]):
            texts.append(f"{next(iter(values))} ({baseline}: {join_names(list(base[what]))})")
    return texts


def _seeds(runs: Sequence[str]) -> str:
    return f"{'seed' if len(runs) == 1 else 'seeds'} {join_names(runs)}"


@dataclass(frozen=True)
class Repeats:
    """The value of a seed and those of its repeats with other rounding."""

    seed: int
    value: float
    repeats: tuple[float, ...]

    @property
    def words(self) -> str:
        """How far the repeats are from the value."""
        most = max((value - self.value for value in self.repeats), key=abs)
        if len(self.repeats) == 1:
            return f"a repeat of seed {self.seed} with other rounding differs by {most:+.4f}"
        spread = stdev([self.value, *self.repeats])
        return (
            f"{plural(len(self.repeats), 'repeat')} of seed {self.seed} with other rounding differ by up to "
            f"{most:+.4f} (standard deviation {spread:.4f})"
        )


def repeats_of(runs: Sequence[RunRecord], metric: str, parameters: int = 4) -> list[Repeats]:
    """What repeats show of each seed that has any with predictions on the same images; for notes, and nothing else."""
    found = []
    for run in runs if any(run.repeats for run in runs) else ():
        for seed, table in run.predictions.items():
            again = [one.predictions[seed] for one in run.repeats if seed in one.predictions]
            tables = dict(enumerate([table, *(one for one in again if not why_unpaired(one, table))]))
            values = usable(ExperimentPredictions(run.experiment, tables), metric, parameters).values
            if 0 in values and len(values) > 1:
                found.append(Repeats(seed, values.pop(0), tuple(values.values())))
    return found
