"""`plcc`, `nin`, `fidelity` and `emd`: against NumPy from the papers' formulas, and where they could break training."""

import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm, pearsonr

from iqa_train.datasets.table import ImageTable, Split
from iqa_train.errors import DataError, UsageError
from iqa_train.runs.fence import Writer
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.run_provenance import record_provenance
from iqa_train.study.loss_checks import LEAST_OPTIONS
from iqa_train.study.own_code import LOSS_SIGNATURES
from iqa_train.study.setting_fields import LOSSES as LOSSES_BY_NAME
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.losses import half_pearson, margin_ranking, norm_in_norm, training_loss
from iqa_train.training.opinion_losses import earth_movers, fidelity
from iqa_train.training.targets import Targets, opinion_notes, opinions_digest, require_opinions, targets_of

Array = NDArray[np.float64]
RANGE = (1.0, 5.0)
CATEGORIES = 5


def plcc_of_the_paper(predicted: Array, targets: Targets) -> float:
    return (1 - pearsonr(predicted, targets.scores.numpy()).statistic) / 2


def nin_of_the_paper(p: float, q: float) -> Callable[[Array, Targets], float]:
    """Li, Jiang, Jiang 2020: both sides centred and divided by their q-norms; the p-norm's power, scaled to [0, 1]."""

    def value(predicted: Array, targets: Targets) -> float:
        sides = []
        for side in (predicted, targets.scores.numpy()):
            centred = side - side.mean()
            sides.append(centred / (np.abs(centred) ** q).sum() ** (1 / q))
        n = len(predicted)
        scale = 2**p * (n ** (1 - p / q) if p < q else 1)
        return float((np.abs(sides[0] - sides[1]) ** p).sum() / scale)

    return value


def fidelity_of_the_paper(predicted_sd: float = 0.0, known: bool = True) -> Callable[[Array, Targets], float]:
    """Zhang et al. 2021 pair by pair; with `known` false the binary labels of Zhang et al. 2023."""

    def value(predicted: Array, targets: Targets) -> float:
        y, s = targets.scores.numpy(), targets.sd.numpy() if known and targets.sd is not None else None
        terms = []
        for i in range(len(y)):
            for j in range(i + 1, len(y)):
                if s is None:
                    p = (np.sign(y[i] - y[j]) + 1) / 2
                    spread = math.sqrt(2) * (predicted_sd or 1.0)
                else:
                    spread = math.sqrt(s[i] ** 2 + s[j] ** 2)
                    p = norm.cdf((y[i] - y[j]) / spread)
                    spread = math.sqrt(2) * predicted_sd if predicted_sd else spread
                r = norm.cdf((predicted[i] - predicted[j]) / spread)
                terms.append(1 - math.sqrt(p * r) - math.sqrt((1 - p) * (1 - r)))
        return float(np.mean(terms))

    return value


def emd_of_the_paper(predicted: Array, targets: Targets) -> float:
    """NIMA's equation 1 with r = 2, between the opinions and the two-point distribution with the prediction as mean."""
    assert targets.distribution is not None
    values = np.linspace(*targets.score_range, targets.distribution.shape[1])
    distances = []
    for prediction, shares in zip(predicted, targets.distribution.numpy(), strict=True):
        above = min(max(int(np.searchsorted(values, prediction, side="right")), 1), len(values) - 1)
        weight = (prediction - values[above - 1]) / (values[above] - values[above - 1])
        two = np.zeros(len(values))
        two[above - 1], two[above] = 1 - weight, weight
        assert np.isclose(two @ values, prediction)
        distances.append(math.sqrt(np.mean((np.cumsum(shares) - np.cumsum(two)) ** 2)))
    return float(np.mean(distances))


Loss = Callable[[torch.Tensor, Targets], torch.Tensor]


def nin(p: float, q: float) -> Loss:
    return lambda predicted, targets: norm_in_norm(predicted, targets.scores, p=p, q=q)


def without_sd(loss: Callable[..., torch.Tensor], **options: float) -> Loss:
    def of(predicted: torch.Tensor, targets: Targets) -> torch.Tensor:
        return loss(predicted, Targets(targets.scores, targets.score_range), **options)

    return of


LOSSES: dict[str, tuple[Loss, Callable[[Array, Targets], float]]] = {
    "plcc": (lambda predicted, targets: half_pearson(predicted, targets.scores), plcc_of_the_paper),
    **{
        f"nin {p:g} {q:g}": (nin(p, q), nin_of_the_paper(p, q))
        for p, q in ((1, 2), (2, 2), (1, 1), (2, 1), (1.5, 3), (3, 2))
    },
    "fidelity": (fidelity, fidelity_of_the_paper()),
    "fidelity, own SD": (lambda p, t: fidelity(p, t, predicted_sd=0.4), fidelity_of_the_paper(0.4)),
    "fidelity, no SDs": (without_sd(fidelity), fidelity_of_the_paper(known=False)),
    "fidelity, no SDs, own SD": (without_sd(fidelity, predicted_sd=0.1), fidelity_of_the_paper(0.1, known=False)),
    "emd": (earth_movers, emd_of_the_paper),
}

each_loss = pytest.mark.parametrize("name", LOSSES)


def made(seed: int, n: int = 9, ties: bool = False) -> tuple[Array, Targets]:
    """Predictions and targets on 1 to 5; with `ties`, of images of the same score, too."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(1.2, 4.8, n)
    if ties:
        scores[n // 2 :] = scores[: n - n // 2]
    predicted = scores + rng.normal(0, 0.5, n)
    targets = Targets(
        torch.from_numpy(scores), RANGE, torch.from_numpy(rng.uniform(0.3, 1, n)),
        torch.from_numpy(rng.dirichlet(np.ones(CATEGORIES), n)),
    )  # fmt: skip
    return predicted, targets


@each_loss
@pytest.mark.parametrize("seed", range(4))
def test_values_and_gradients_are_those_of_the_paper(name: str, seed: int) -> None:
    loss, paper = LOSSES[name]
    predicted, targets = made(seed, ties=seed % 2 == 1)
    leaf = torch.from_numpy(predicted).requires_grad_()
    got = loss(leaf, targets)
    got.backward()
    assert got.ndim == 0
    assert got.item() == pytest.approx(paper(predicted, targets), abs=1e-9)
    step = 1e-5
    slopes = [
        (paper(predicted + step * unit, targets) - paper(predicted - step * unit, targets)) / (2 * step)
        for unit in np.eye(len(predicted))
    ]
    assert leaf.grad is not None
    assert leaf.grad.numpy() == pytest.approx(np.array(slopes), abs=1e-7)
    assert np.abs(slopes).max() > 3e-4


def test_emd_beyond_the_categories_grows_on() -> None:
    _, targets = made(0, n=3)
    far = [float(earth_movers(torch.full((3,), at, dtype=torch.float64), targets)) for at in (-0.6, 0.2, 1.0)]
    assert far[0] > far[1] > far[2]
    far = [float(earth_movers(torch.full((3,), at, dtype=torch.float64), targets)) for at in (6.6, 5.8, 5.0)]
    assert far[0] > far[1] > far[2]
    predicted = np.array([-0.3, 5.3, 3.2])
    assert float(earth_movers(torch.from_numpy(predicted), targets)) == pytest.approx(
        emd_of_the_paper(predicted, targets), abs=1e-12
    )


def test_emd_is_least_at_opinions_that_agree() -> None:
    shares = torch.tensor([[0.0, 0.0, 0.25, 0.75, 0.0]], dtype=torch.float64)
    targets = Targets(torch.tensor([3.75], dtype=torch.float64), RANGE, distribution=shares)
    at_best = torch.tensor([3.75], dtype=torch.float64, requires_grad=True)
    best = earth_movers(at_best, targets)
    best.backward()
    assert best.item() == 0
    assert at_best.grad is not None and at_best.grad.item() == 0
    assert earth_movers(torch.tensor([3.8], dtype=torch.float64), targets).item() == pytest.approx(
        0.05 / math.sqrt(5), abs=1e-12  # one of the five cumulative shares is off by 0.05
    )  # fmt: skip


def test_emd_needs_a_distribution() -> None:
    with pytest.raises(UsageError, match="needs the distribution of the opinions"):
        earth_movers(torch.zeros(2), Targets(torch.zeros(2), RANGE))


@pytest.mark.parametrize("seed", range(3))
def test_norm_in_norm_with_squares_is_half_of_one_less_pearson(seed: int) -> None:
    predicted, targets = made(seed)
    leaf = torch.from_numpy(predicted)
    assert norm_in_norm(leaf, targets.scores, p=2, q=2).item() == pytest.approx(
        half_pearson(leaf, targets.scores).item(), abs=1e-12
    )


@pytest.mark.parametrize(("p", "q"), [(1, 1), (1, 2), (2, 2), (1, 3), (2, 1)])
@given(side=st.lists(st.floats(-100, 100).map(lambda v: round(v, 1)), min_size=2, max_size=9))
def test_norm_in_norm_is_in_0_to_1(p: float, q: float, side: list[float]) -> None:
    scores = torch.arange(len(side), dtype=torch.float64)
    assert -1e-9 <= norm_in_norm(torch.tensor(side, dtype=torch.float64), scores, p=p, q=q).item() <= 1 + 1e-9
    assert norm_in_norm(3 * scores + 8, scores, p=p, q=q).item() == pytest.approx(0, abs=1e-7)


def test_fidelity_is_least_where_the_predictions_differ_as_the_scores_do() -> None:
    _, targets = made(1)
    best = fidelity(targets.scores - 7, targets).item()
    assert best == pytest.approx(0, abs=1e-12)
    for factor in (0.0, 0.5, 1.1, 3.0, -1.0):
        assert fidelity(targets.scores * factor, targets).item() > best + 1e-5


def test_fidelity_counts_opinions_that_disagree_less() -> None:
    """A pair in the wrong order costs less the more the raters disagree about it."""
    scores, wrong = torch.tensor([2.6, 3.4]), torch.tensor([3.4, 2.6])
    costs = [fidelity(wrong, Targets(scores, RANGE, torch.full((2,), sd))).item() for sd in (0.2, 0.4, 0.8, 1.6)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > 3 * costs[-1]


some_score = st.sampled_from([1.0, 1.5, 2.33, 3.0, 5.0])
some_counts = st.sampled_from([(0, 0, 9, 0, 0), (1, 2, 3, 4, 5), (7, 0, 0, 0, 7)])
crop = st.tuples(
    st.one_of(st.floats(-2, 8, width=32), some_score, st.sampled_from([1e6, -1e6, 3e7, 1e-30, -1e-30])),
    some_score, st.sampled_from([0.0, 1e-12, 0.6, 3.6]), some_counts,
)  # fmt: skip


@given(
    crops=st.lists(crop, min_size=1, max_size=6), constant=st.sampled_from(["", "scores", "predictions", "both"]),
    rounded=st.booleans(),
)  # fmt: skip
def test_losses_are_finite_with_finite_gradients(
    crops: list[tuple[float, float, float, tuple[int, ...]]], constant: str, rounded: bool
) -> None:
    predicted, scores, sd, shares = (torch.tensor(column) for column in zip(*crops, strict=True))
    predicted = predicted[:1].repeat(len(crops)) if constant in ("predictions", "both") else predicted
    scores = scores[:1].repeat(len(crops)) if constant in ("scores", "both") else scores
    targets = Targets(scores, RANGE, sd, shares / shares.sum(1, keepdim=True))
    for name, (loss, _) in LOSSES.items():
        leaf = predicted.clone().requires_grad_()
        value = loss(leaf.bfloat16().float() if rounded else leaf, targets)
        value.backward()
        assert torch.isfinite(value), name
        assert leaf.grad is not None
        assert torch.isfinite(leaf.grad).all(), name


@each_loss
def test_the_gradient_leads_downhill(name: str) -> None:
    predicted, targets = made(2, n=16)
    leaf = torch.from_numpy(predicted).requires_grad_()
    before = LOSSES[name][0](leaf, targets)
    before.backward()
    assert leaf.grad is not None
    with torch.no_grad():
        after = LOSSES[name][0](leaf - 1e-2 * leaf.grad / leaf.grad.norm(), targets)
    assert after < before


def test_targets_are_indexed_together() -> None:
    _, whole = made(0)
    part = whole[torch.tensor([4, 1, 4])]
    assert (len(whole), len(part), part.score_range) == (9, 3, RANGE)
    fields: list[Any] = [(whole.scores, part.scores), (whole.sd, part.sd), (whole.distribution, part.distribution)]
    for all_of_it, taken in fields:
        assert torch.equal(taken, all_of_it[[4, 1, 4]])
    assert Targets(whole.scores, RANGE)[torch.tensor([2])].sd is None


@pytest.mark.parametrize(
    ("kind", "options", "name"),
    [
        ("plcc", {}, "plcc"),
        ("nin", {}, "nin 1 2"),
        ("nin", {"p": 2}, "nin 2 2"),
        ("nin", {"p": 1.5, "q": 3}, "nin 1.5 3"),
        ("fidelity", {}, "fidelity"),
        ("fidelity", {"predicted_sd": 0.4}, "fidelity, own SD"),
        ("emd", {}, "emd"),
    ],
)
def test_loss_type_names_them_and_the_ranking_term_is_added(kind: str, options: dict[str, Any], name: str) -> None:
    predicted, targets = made(5)
    leaf, paper = torch.from_numpy(predicted), LOSSES[name][1](predicted, targets)
    settings = TrainingConfig(loss_type=kind, loss_options=options, ranking_loss_alpha=0.0)
    assert training_loss(leaf, targets, settings).item() == pytest.approx(paper, abs=1e-9)
    with_term = settings.model_copy(update={"ranking_loss_alpha": 0.5, "ranking_loss_margin": 3.0})
    term = margin_ranking(leaf, targets.scores, 3.0).item()
    assert training_loss(leaf, targets, with_term).item() == pytest.approx(paper + 0.5 * term, abs=1e-9)


def test_the_options_that_check_knows_are_those_of_the_functions() -> None:
    for name, function in {"nin": norm_in_norm, "fidelity": fidelity}.items():
        keywords = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
        known = LOSS_SIGNATURES[name].options
        assert [(o.name, o.kind, o.default) for o in known] == [(p.name, p.annotation, p.default) for p in keywords]
        assert set(LEAST_OPTIONS[name]) == {o.name for o in known}
    assert set(LOSS_SIGNATURES) == set(LEAST_OPTIONS)


@pytest.mark.parametrize("kind", LOSSES_BY_NAME)
def test_every_loss_of_this_program_is_there(kind: str) -> None:
    predicted, targets = made(6)
    assert torch.isfinite(training_loss(torch.from_numpy(predicted), targets, TrainingConfig(loss_type=kind)))


def table(**opinions: Any) -> ImageTable:
    return ImageTable("mine", Path("data/mine"), ("a", "b"), np.array([2.0, 4.0]), RANGE, **opinions)


def test_targets_of_a_table() -> None:
    shares = np.array([[0.0, 0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 0.0]])
    found = targets_of(table(distribution=shares, sd=np.array([0.9, 0.8])), torch.device("cpu"))
    assert found.sd is not None and found.sd.tolist() == pytest.approx([0.9, 0.8])
    for unusable in (None, np.array([0.9, -1.0]), np.array([0.9, np.nan])):
        found = targets_of(table(distribution=shares, sd=unusable), torch.device("cpu"))
        assert found.sd is not None and found.sd.tolist() == pytest.approx([0.5, 0.0])
        assert targets_of(table(sd=unusable), torch.device("cpu")).sd is None
    assert found.scores.dtype == torch.float32


def test_a_run_with_emd_needs_a_distribution_and_says_where_to_declare_it() -> None:
    settings = TrainingConfig(loss_type="emd")
    require_opinions(settings, table(distribution=np.full((2, 5), 0.2)))
    with pytest.raises(UsageError, match=r'of "mine" \(data/mine\).*distribution_columns in \[datasets.mine\]'):
        require_opinions(settings, table())
    with pytest.raises(UsageError, match=r"p = 0.5 of nin must be a number from 1 up"):
        require_opinions(TrainingConfig(loss_type="nin", loss_options={"p": 0.5}), table())


def test_a_run_with_fidelity_says_so_where_there_are_no_sds() -> None:
    settings = TrainingConfig(loss_type="fidelity")
    assert "mine has no SDs of opinions" in opinion_notes(settings, table())[0]
    assert opinion_notes(settings, table(sd=np.ones(2))) == opinion_notes(TrainingConfig(), table()) == []


def test_a_run_does_not_continue_on_other_opinions(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "study" / "E" / "s1-0"
    folder.mkdir(parents=True)
    run, mine = RunFolder(folder), table(sd=np.ones(2))
    split = Split(np.array([0]), np.array([1]), np.array([1]))
    digest = opinions_digest(mine)
    record_provenance(run, mine, split, {}, Writer(), resume=False, opinions=digest)
    record_provenance(run, mine, split, {}, Writer(), resume=True, opinions=digest)
    other = opinions_digest(table(sd=np.full(2, 2.0)))
    with pytest.raises(DataError, match="has other opinions"):
        record_provenance(run, mine, split, {}, Writer(), resume=True, opinions=other)
    assert opinions_digest(table()) == ""
