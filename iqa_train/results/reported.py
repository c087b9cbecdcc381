"""Reported numbers as rows of a table: beside a study's own results, marked, and never tested against them."""

from collections.abc import Sequence
from dataclasses import replace
from math import atanh, sqrt, tanh

from iqa_train.results.table import ResultRow
from iqa_train.stats.interval import Interval
from iqa_train.stats.power import rank_inflation
from iqa_train.study.literature import references_of
from iqa_train.study.model import Reference, Study

FROM_N_ALONE = "reported: interval from n alone"
UNTESTED = "a difference of two reported numbers, which cannot be tested without predictions"
NO_INTERVAL = "reported without the number of test images, so without an interval"

_TWO_SIDED_95 = 1.959964


def reference_rows(
    study: Study, metric: str = "srcc", profile: str | None = None, group: str | None = None
) -> tuple[ResultRow, ...]:
    """A row for each reference on the study's test images that has `metric`; with `group`, that group's alone.

    Where a group has the study's baseline once, its other rows have a difference from that, which nobody can test.
    Raises UsageError for an unknown profile.
    """
    references = references_of(study, profile, group)
    bases = _bases(study, references, metric)
    rows = (_beside(reference_row(study, r, metric), r, study, bases.get(r.study)) for r in references)
    return tuple(row for row in rows if row.value is not None)


def reference_row(study: Study, reference: Reference, metric: str = "srcc") -> ResultRow:
    """One reference; its value is None for a metric that it does not give."""
    value = value_of(reference, metric)
    interval = reported_interval(value, reference.n, metric)
    note = () if value is None else (NO_INTERVAL,) if interval is None else (FROM_N_ALONE,)
    titles = {e.id: e.title for e in study.experiments}
    return ResultRow(
        experiment=reference.experiment or reference.id,
        title=reference.title or titles.get(reference.experiment, ""),
        images=reference.n,
        value=value,
        interval=interval,
        reported=True,
        source=reference.source,
        notes=note,
    )


def value_of(reference: Reference, metric: str) -> float | None:
    """What it reports: SRCC and PLCC are all that it can."""
    return {"srcc": reference.srcc, "plcc": reference.plcc}.get(metric)


def _bases(study: Study, references: Sequence[Reference], metric: str) -> dict[str, float]:
    """The baseline's value in each group that has it once."""
    found: dict[str, list[float]] = {}
    for r in references:
        value = value_of(r, metric)
        if r.study and r.experiment == study.baseline and value is not None:
            found.setdefault(r.study, []).append(value)
    return {group: values[0] for group, values in found.items() if len(values) == 1}


def _beside(row: ResultRow, reference: Reference, study: Study, base: float | None) -> ResultRow:
    if base is None or row.value is None or reference.experiment == study.baseline:
        return row
    return replace(row, delta=row.value - base, notes=(*row.notes, UNTESTED))


def reported_interval(value: float | None, images: int | None, metric: str = "srcc") -> Interval | None:
    """About where the correlation of all such images lies, by Fisher's z, if all that is known is their number.

    The variance of z is 1 / (n - 3) for PLCC, and `study.power.rank_inflation` times that for SRCC. None below 4
    images, and where |value| is 1, of which z is infinite.
    """
    if value is None or images is None or images < 4 or abs(value) >= 1:
        return None
    half = _TWO_SIDED_95 * sqrt((rank_inflation(value) if metric == "srcc" else 1.0) / (images - 3))
    return tanh(atanh(value) - half), tanh(atanh(value) + half)
