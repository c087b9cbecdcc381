"""Training losses on a batch of predictions (B,) and their targets. Lower is better; each returns a scalar.

`l1`, `l2`, `srcc`, `rank` and `pairwise` compute the same as under these names in the original training script; so does
the ranking term, which `ranking_loss_alpha` adds to any of them. Despite its name, `srcc` is Pearson's correlation of
the values. `pairwise` is the fidelity loss of Tsai et al. (FRank, SIGIR 2007) with Thurstone's model of the predicted
preference; 1.702 is the factor between the logistic and the normal distribution. It knows no opinions and takes the
logistic of a score difference for the preference of the raters; `fidelity` (`opinion_losses.py`) is UNIQUE's, with the
opinions' SDs.

`margin_rank`: margin ranking, as in RankIQA (Liu, van de Weijer, Bagdanov, ICCV 2017), over all pairs of a batch.
`ranknet`: logistic, as in RankNet (Burges et al., ICML 2005). `soft_srcc`: 1 - Spearman's correlation with ranks
softened by sigmoids (Qin, Liu, Li, Information Retrieval 13, 2010). `plcc`: half of 1 - Pearson's correlation, as in
MDTVSFA (Li, Jiang, Jiang, IJCV 129, 2021). `nin`: norm-in-norm (Li, Jiang, Jiang, ACM Multimedia 2020).

Changing what any of these computes requires a new `study.revision.REVISION`.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss, softplus

from iqa_train.study.settings import TrainingConfig
from iqa_train.training.opinion_losses import earth_movers, fidelity
from iqa_train.training.own_loss import OwnLoss
from iqa_train.training.targets import Targets

_TINY = 1e-8  # keeps the roots and quotients differentiable, as in the original script
_SAME_SCORE = 1e-6  # `rank` and `pairwise` skip pairs whose scores are closer than this
_PREDICTION_SD = 0.1  # SD of one prediction in `pairwise`, on the scale of the scores
_NORMAL_AS_LOGISTIC = 1.702


def training_loss(predicted: Tensor, targets: Targets, settings: TrainingConfig, own: OwnLoss | None = None) -> Tensor:
    """The loss that the settings select, plus the ranking term weighted by `ranking_loss_alpha`.

    `own` is the study's own loss, needed where `loss_type` names one. Depends on its arguments alone.
    """
    loss = _named_loss(predicted, targets, settings) if own is None else own(predicted, targets)
    if settings.ranking_loss_alpha > 0:
        term = margin_ranking(predicted, targets.scores, settings.ranking_loss_margin)
        loss = loss + settings.ranking_loss_alpha * term
    return loss


def _named_loss(predicted: Tensor, targets: Targets, settings: TrainingConfig) -> Tensor:
    scores, margin, options = targets.scores, settings.ranking_loss_margin, _numbers(settings)
    match settings.loss_type:
        case "l1":
            return l1_loss(predicted, scores)
        case "l2":
            return mse_loss(predicted, scores)
        case "srcc":
            return pearson(predicted, scores)
        case "rank":
            return pairwise_gap(predicted, scores)
        case "pairwise":
            return preference_fidelity(predicted, scores)
        case "soft_srcc":
            return soft_spearman(predicted, scores)
        case "margin_rank":
            return margin_ranking(predicted, scores, margin)
        case "ranknet":
            return logistic_ranking(predicted, scores, margin)
        case "plcc":
            return half_pearson(predicted, scores)
        case "nin":
            return norm_in_norm(predicted, scores, **options)
        case "fidelity":
            return fidelity(predicted, targets, **options)
        case "emd":
            return earth_movers(predicted, targets)
    raise ValueError(f"{settings.loss_type} is no loss of this program")


def _numbers(settings: TrainingConfig) -> dict[str, float]:
    """The options of a loss built in."""
    return {name: float(value) for name, value in settings.loss_options.items() if isinstance(value, int | float)}


def pearson(predicted: Tensor, scores: Tensor) -> Tensor:
    """1 - Pearson's correlation, 1e-8 added to its denominator; 1 for a batch of one crop or of equal values."""
    a, b = predicted - predicted.mean(), scores - scores.mean()
    loss: Tensor = 1 - (a * b).sum() / (a.norm() * b.norm() + _TINY)
    return loss


def half_pearson(predicted: Tensor, scores: Tensor) -> Tensor:
    """(1 - Pearson's correlation) / 2, in [0, 1]; 1/2 for a batch of one crop or of equal values."""
    loss: Tensor = (1 - (_normed(predicted, 2) * _normed(scores, 2)).sum()) / 2
    return loss


def norm_in_norm(predicted: Tensor, scores: Tensor, *, p: float = 1.0, q: float = 2.0) -> Tensor:
    """sum |a_i - b_i|^p / (2^p B^max(0, 1 - p/q)), in [0, 1]; a and b: less their mean, over their q-norm; p, q >= 1.

    The divisor bounds the sum. With p = q = 2 it equals `half_pearson` wherever neither side is constant.
    """
    bound: float = 2**p * len(predicted) ** max(0.0, 1 - p / q)
    return ((_normed(predicted, q) - _normed(scores, q)).abs() ** p).sum() / bound


def _normed(values: Tensor, q: float) -> Tensor:
    """Values (B,) less their mean, over the q-norm of that; 0 where they are all equal."""
    deviation = values - values.mean()
    deviation = deviation - deviation.mean()  # the mean of equal values is rounded
    norm: Tensor = torch.linalg.vector_norm(deviation, q)
    return deviation / norm.clamp(min=_TINY)


def pairwise_gap(predicted: Tensor, scores: Tensor) -> Tensor:
    """Mean over ordered pairs of relu(|p_i - p_j| - e (y_i - y_j)), e = 1 where p_i >= p_j, else -1; 0 without pairs.

    Zero where a pair's predictions are in the order of their scores and no further apart than these.
    """
    predicted_gap, gap, differ = _gaps(predicted, scores)
    order = torch.where(predicted_gap >= 0, 1.0, -1.0)
    return _mean(torch.relu(predicted_gap.abs() - order * gap), differ)


def preference_fidelity(predicted: Tensor, scores: Tensor) -> Tensor:
    """Mean over ordered pairs of 1 - sqrt(q r + 1e-8) - sqrt((1 - q)(1 - r) + 1e-8); 0 without pairs.

    q is the preference that the scores express, sigmoid(y_i - y_j), and r that of the predictions,
    sigmoid(1.702 (p_i - p_j) / (sqrt(2) 0.1)).
    """
    predicted_gap, gap, differ = _gaps(predicted, scores)
    q = torch.sigmoid(gap)
    r = torch.sigmoid(predicted_gap * (_NORMAL_AS_LOGISTIC / (math.sqrt(2) * _PREDICTION_SD)))
    return _mean(1 - torch.sqrt(q * r + _TINY) - torch.sqrt((1 - q) * (1 - r) + _TINY), differ)


def margin_ranking(predicted: Tensor, scores: Tensor, margin: float) -> Tensor:
    """Mean over pairs of different scores of how far their order falls short of `margin`; 0 where there are none."""
    gap, differ = _ordered_gaps(predicted, scores)
    return _mean(torch.relu(margin - gap), differ)


def logistic_ranking(predicted: Tensor, scores: Tensor, margin: float) -> Tensor:
    """Mean over pairs of different scores of log(1 + exp(margin - gap)); 0 where there are none."""
    gap, differ = _ordered_gaps(predicted, scores)
    return _mean(softplus(margin - gap), differ)


def soft_spearman(predicted: Tensor, scores: Tensor) -> Tensor:
    """1 - Pearson's correlation of soft ranks of the predictions with ranks of the scores; in [0, 2].

    A rank is the count of scores below; softly, the sum of sigmoids of differences in units of a tenth of the batch's
    spread, so that the loss does not depend on the predictions' scale. A batch of one, or of one score, gives 0.
    """
    spread = predicted.detach().std(correction=0).clamp(min=1e-6)
    soft = torch.sigmoid((predicted[:, None] - predicted[None, :]) / (0.1 * spread)).sum(1)
    below = (scores[:, None] > scores[None, :]).float().sum(1)
    ties = (scores[:, None] == scores[None, :]).float().sum(1)
    rank = below + ties / 2
    a, b = soft - soft.mean(), rank - rank.mean()
    norm = (a.norm() * b.norm()).clamp(min=1e-9)
    return torch.where(b.norm() > 0, 1 - (a * b).sum() / norm, (a * 0).sum())


def _gaps(predicted: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """p_i - p_j and y_i - y_j, both (B, B), and the ordered pairs whose scores differ."""
    gap = scores[:, None] - scores[None, :]
    return predicted[:, None] - predicted[None, :], gap, gap.abs() > _SAME_SCORE


def _ordered_gaps(predicted: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    """Predicted gaps (B, B), positive where in the right order, and which pairs have different scores, once each."""
    order = torch.sign(scores[:, None] - scores[None, :])
    gap = (predicted[:, None] - predicted[None, :]) * order
    return gap, torch.triu(order != 0, diagonal=1)


def _mean(terms: Tensor, pairs: Tensor) -> Tensor:
    """The mean of `terms` over `pairs`, both (B, B); 0, with a gradient of 0, where there are none."""
    return terms[pairs].sum() / pairs.sum().clamp(min=1)
