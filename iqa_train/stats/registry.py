"""Registry of metrics: all code that computes or shows a metric reads it here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from iqa_train.stats.interval import Interval

if TYPE_CHECKING:  # --help needs names and labels without importing NumPy
    import numpy as np
    from numpy.typing import NDArray

    from iqa_train.stats.opinions import Opinions
    from iqa_train.stats.resampled_metrics import Counts

    Array = NDArray[np.float64]
    Values = Callable[..., float]
    OnResamples = Callable[[Counts], Array]
    """Counts (n, B) of each image in each resample -> the metric of M models (M, B)."""
    PerImage = Callable[..., Array]
    """Predictions and scores (n,) -> the influence of each image (n,); see `stats.influence`."""

RESAMPLES = 2_000
"""Of the test images, for the intervals of values: their ends are within 3 % (SD) of those of any larger number."""


@dataclass(frozen=True)
class Metric:
    """A metric.

    `value(predictions, scores)`, both (n,), is NaN where undefined. `prepare(scores, predictions of M models)` returns
    a function that computes it on resamples. If `fitted`, predictions are mapped to scores by the logistic first.
    `correlation` is the function to which the analytic tests (Williams, Zou) apply, if they do.

    Two kinds need the opinions behind the scores. If `beyond_opinions`, errors after the fit shrink by the interval
    of the score (`stats.opinions`). If `of_pairs`, all functions take the opinions as a last argument; see `given`.
    """

    name: str  # in --metric and --json
    label: str
    value: "Values"
    prepare: "Callable[..., OnResamples]"
    higher_is_better: bool = True
    bounds: Interval = (-1.0, 1.0)
    fitted: bool = False
    correlation: "Values | None" = None
    ranks: bool = False  # the correlation is of ranks
    influence: "PerImage | None" = None  # None: by leaving out images
    beyond_opinions: bool = False
    of_pairs: bool = False

    @property
    def needs_opinions(self) -> bool:
        """Whether it is defined only where spread and number of the opinions are known."""
        return self.beyond_opinions or self.of_pairs

    def given(self, opinions: "Opinions | None") -> "Metric":
        """The metric with the opinions filled in, if it depends on them."""
        if not self.of_pairs or self.influence is None:
            return self
        return replace(
            self,
            value=partial(self.value, opinions=opinions),
            prepare=partial(self.prepare, opinions=opinions),
            influence=partial(self.influence, opinions=opinions),
        )


def _values(name: str) -> "Values":
    """The function `name` of `stats.metrics`, imported on the first call."""

    def value(predictions: "Array", scores: "Array") -> float:
        from iqa_train.stats import metrics

        found: float = getattr(metrics, name)(predictions, scores)
        return found

    return value


def _influence(name: str) -> "PerImage":
    """The function `name` of `stats.influence`, imported on the first call."""

    def influence(predictions: "Array", scores: "Array") -> "Array":
        from iqa_train.stats import influence

        found: Array = getattr(influence, name)(predictions, scores)
        return found

    return influence


def _srcc(scores: "Array", predictions: "Sequence[Array]") -> "OnResamples":
    from iqa_train.stats.resampled_metrics import groups_of, weighted_srcc

    return partial(weighted_srcc, scores=groups_of(scores), predictions=[groups_of(p) for p in predictions])


def _krcc(scores: "Array", predictions: "Sequence[Array]") -> "OnResamples":
    from iqa_train.stats.resampled_kendall import pair_order, weighted_krcc

    return partial(weighted_krcc, orders=[pair_order(scores, p) for p in predictions])


def _plcc(scores: "Array", predictions: "Sequence[Array]") -> "OnResamples":
    import numpy as np

    from iqa_train.stats.resampled_metrics import weighted_plcc

    return partial(weighted_plcc, scores=scores, predictions=np.stack(predictions))


def _rmse(scores: "Array", predictions: "Sequence[Array]") -> "OnResamples":
    import numpy as np

    from iqa_train.stats.resampled_metrics import weighted_rmse

    return partial(weighted_rmse, scores=scores, predictions=np.stack(predictions))


def _share_wrong(scores: "Array", predictions: "Sequence[Array]") -> "OnResamples":
    import numpy as np

    from iqa_train.stats.resampled_metrics import weighted_share_wrong

    return partial(weighted_share_wrong, scores=scores, predictions=np.stack(predictions))


def _of_pairs(name: str, label: str) -> Metric:
    """The AUC of the question `name` of `stats.pair_auc`."""

    def value(predictions: "Array", scores: "Array", opinions: "Opinions") -> float:
        from iqa_train.stats.pair_auc import auc_and_influence

        return auc_and_influence(name, predictions, scores, opinions)[0]

    def influence(predictions: "Array", scores: "Array", opinions: "Opinions") -> "Array":
        from iqa_train.stats.pair_auc import auc_and_influence

        return auc_and_influence(name, predictions, scores, opinions)[1]

    def prepare(scores: "Array", predictions: "Sequence[Array]", opinions: "Opinions") -> "OnResamples":
        from iqa_train.stats.pair_auc import auc_and_influence
        from iqa_train.stats.resampled_metrics import linear

        return partial(linear, parts=[auc_and_influence(name, one, scores, opinions) for one in predictions])

    return Metric(f"auc_{name}", label, value, prepare, bounds=(0.0, 1.0), influence=influence, of_pairs=True)


# The logistic is fitted once, to all images, and not again on each resample. It is a least-squares fit, so small
# changes of its parameters have no first-order effect on the error or on PLCC, and the rest is far smaller than the
# interval (four parameters, hundreds of images).
_SRCC, _KRCC, _PLCC = (_values(name) for name in ("srcc", "krcc", "plcc"))
_OF_PLCC = _influence("plcc_influence")
_ALL = (
    Metric("srcc", "SRCC", _SRCC, _srcc, correlation=_SRCC, ranks=True, influence=_influence("srcc_influence")),
    Metric("krcc", "KRCC", _KRCC, _krcc, influence=_influence("krcc_influence")),
    Metric("plcc", "PLCC", _PLCC, _plcc, correlation=_PLCC, influence=_OF_PLCC),
    Metric("plcc_fit", "PLCC after logistic fit", _PLCC, _plcc, correlation=_PLCC, fitted=True, influence=_OF_PLCC),
    Metric(
        "rmse_fit", "RMSE after logistic fit", _values("rmse"), _rmse, higher_is_better=False, bounds=(0.0, inf),
        fitted=True, influence=_influence("rmse_influence"),
    ),
    Metric(
        "rmse_star", "RMSE*", _values("rmse"), _rmse, higher_is_better=False, bounds=(0.0, inf), fitted=True,
        influence=_influence("rmse_influence"), beyond_opinions=True,
    ),
    Metric(
        "outlier_ratio", "Outlier ratio", _values("share_wrong"), _share_wrong, higher_is_better=False,
        bounds=(0.0, 1.0), fitted=True, influence=_influence("share_wrong_influence"), beyond_opinions=True,
    ),
    _of_pairs("different", "AUC different/similar"),
    _of_pairs("better", "AUC better/worse"),
)  # fmt: skip
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
