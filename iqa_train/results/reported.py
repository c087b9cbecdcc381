"""Reported values as rows of a results table: marked, and never tested against the study's own results."""

from math import atanh, sqrt, tanh

from iqa_train.results.table import ResultRow
from iqa_train.stats.interval import Interval
from iqa_train.stats.power import rank_inflation
from iqa_train.study.model import Reference, Study

FROM_N_ALONE = "reported: interval from n alone"
NO_INTERVAL = "reported without the number of test images, so without an interval"

_TWO_SIDED_95 = 1.959964


def reference_row(study: Study, reference: Reference, metric: str = "srcc") -> ResultRow:
    """The row of one reference; its value is None for a metric that it does not report."""
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
        kind="reported",
        reported=True,
        source=reference.source,
        notes=note,
    )


def value_of(reference: Reference, metric: str) -> float | None:
    """Its SRCC or PLCC; a reference has no other metrics."""
    return {"srcc": reference.srcc, "plcc": reference.plcc}.get(metric)


def reported_interval(value: float | None, images: int | None, metric: str = "srcc") -> Interval | None:
    """Approximate 95 % interval of a correlation from the number of images alone, by Fisher's z.

    The variance of z is 1 / (n - 3) for PLCC, and `stats.power.rank_inflation` times that for SRCC. None below 4 images
    and where |value| is 1, where z is infinite.
    """
    if value is None or images is None or images < 4 or abs(value) >= 1:
        return None
    half = _TWO_SIDED_95 * sqrt((rank_inflation(value) if metric == "srcc" else 1.0) / (images - 3))
    return tanh(atanh(value) - half), tanh(atanh(value) + half)
