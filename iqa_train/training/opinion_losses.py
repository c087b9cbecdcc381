"""Losses on opinions: on who prefers which of two images, and on the distribution of the opinions on one.

Like those in `losses.py`, of predictions (B,) on the scale of the scores, each a scalar, lower is better, finite with
a finite gradient for any finite predictions.
"""

import math

import torch
from torch import Tensor
from torch.special import log_ndtr

from iqa_train.errors import UsageError
from iqa_train.training.targets import Targets

_LEAST_SD = 1e-3  # of the score's range: unanimous opinions count as spread by this
_CERTAIN = 100.0  # SDs; the share beyond has no square root above 0 in double precision
_DEFAULT_SD = 0.25  # of the score's range, of a prediction where the opinions' SDs are unknown: 1 on a scale of 1 to 5


def fidelity(predicted: Tensor, targets: Targets, *, predicted_sd: float = 0.0) -> Tensor:
    """Mean over pairs i < j of 1 - sqrt(q r) - sqrt((1 - q)(1 - r)); 0 for a batch of one.

    q = Phi((y_i - y_j) / sqrt(s_i^2 + s_j^2)) is the share of raters who prefer i, by Thurstone's model with the SDs s
    of the opinions (UNIQUE: Zhang, Ma, Zhai, Yang, IEEE TIP 30, 2021); r is the same of the
    predictions. As the network predicts no SDs, those of the opinions are in r too, so that the loss is least, 0, where
    the predictions differ as the scores do; or all are `predicted_sd`, in units of the score, if it is above 0.
    Where the opinions' SDs are unknown, q is 1, 1/2 or 0 for a higher, equal or lower score, and the SD of a prediction
    is 1 on a scale of 1 to 5, a quarter of the range (LIQE: Zhang, Zhai, Wei, Yang, Ma, CVPR 2023).
    """
    first, second = torch.triu_indices(len(predicted), len(predicted), 1, device=predicted.device)
    score_gap = targets.scores[first] - targets.scores[second]
    span = targets.score_range[1] - targets.score_range[0]
    if targets.sd is None:
        opinion_gap = torch.where(score_gap == 0, score_gap, torch.sign(score_gap) * math.inf)
        spread = torch.full_like(score_gap, math.sqrt(2) * (predicted_sd or _DEFAULT_SD * span))
    else:
        variance = targets.sd.clamp(min=_LEAST_SD * span) ** 2
        spread = torch.sqrt(variance[first] + variance[second])
        opinion_gap = score_gap / spread
        if predicted_sd:
            spread = torch.full_like(spread, math.sqrt(2) * predicted_sd)
    predicted_gap = ((predicted[first] - predicted[second]) / spread).clamp(-_CERTAIN, _CERTAIN)
    # sqrt(q r) by logarithms: a root of a share near 0 has no finite gradient.
    agreed = torch.exp((log_ndtr(opinion_gap) + log_ndtr(predicted_gap)) / 2)
    agreed = agreed + torch.exp((log_ndtr(-opinion_gap) + log_ndtr(-predicted_gap)) / 2)
    return (1 - agreed).sum() / max(len(first), 1)


def earth_movers(predicted: Tensor, targets: Targets) -> Tensor:
    """Mean over crops of sqrt(sum_k (P_k - Q_k)^2 / K), NIMA's distance with r = 2.

    P are the cumulative shares of the opinions in K categories (Talebi, Milanfar, IEEE TIP 27, 2018, equation 1), Q
    those of the distribution on the two categories beside the prediction whose mean is the prediction. Beyond the
    lowest or highest category the share of the one beside it is negative, so that the distance grows on.
    Raises UsageError without a distribution.
    """
    if targets.distribution is None:
        raise UsageError("loss_type = emd needs the distribution of the opinions on each image")
    categories = targets.distribution.shape[1]
    low, high = targets.score_range
    place = (predicted - low) * ((categories - 1) / (high - low))  # 0 at the lowest category
    below = place.detach().floor().clamp(0, categories - 2)
    rank = torch.arange(categories, device=predicted.device)
    beside = torch.where(rank == below[:, None], (below + 1 - place)[:, None], (rank > below[:, None]).to(place.dtype))
    gap = targets.distribution.cumsum(1) - beside
    distance: Tensor = torch.linalg.vector_norm(gap, dim=1)
    return distance.mean() / math.sqrt(categories)
