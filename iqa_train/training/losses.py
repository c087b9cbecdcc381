"""Training losses on a batch of predicted and true scores, both (B,). Lower is better; each returns a scalar.

`rank` and the ranking term: margin ranking, as in RankIQA (Liu, van de Weijer, Bagdanov, ICCV 2017), over all pairs of
a batch. `pairwise`: logistic, as in RankNet (Burges et al., ICML 2005). `srcc`: one less Spearman's correlation with
ranks softened by sigmoids (Qin, Liu, Li, Information Retrieval 13, 2010).
"""

import torch
from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss, softplus

from iqa_train.study.settings import TrainingConfig


def training_loss(predicted: Tensor, scores: Tensor, settings: TrainingConfig) -> Tensor:
    """The loss that `loss_type`, `ranking_loss_alpha` and `ranking_loss_margin` describe."""
    margin = settings.ranking_loss_margin
    match settings.loss_type:
        case "rank":
            return margin_ranking(predicted, scores, margin)
        case "pairwise":
            return logistic_ranking(predicted, scores, margin)
        case "srcc":
            return soft_spearman(predicted, scores)
        case "l1" | "l2":
            loss = (l1_loss if settings.loss_type == "l1" else mse_loss)(predicted, scores)
            if settings.ranking_loss_alpha > 0:
                loss = loss + settings.ranking_loss_alpha * margin_ranking(predicted, scores, margin)
            return loss


def margin_ranking(predicted: Tensor, scores: Tensor, margin: float) -> Tensor:
    """Mean over pairs of different scores of how far their order falls short of `margin`; 0 where there are none."""
    gap, differ = _ordered_gaps(predicted, scores)
    return torch.relu(margin - gap)[differ].sum() / differ.sum().clamp(min=1)


def logistic_ranking(predicted: Tensor, scores: Tensor, margin: float) -> Tensor:
    """Mean over pairs of different scores of log(1 + exp(margin - gap)); 0 where there are none."""
    gap, differ = _ordered_gaps(predicted, scores)
    return softplus(margin - gap)[differ].sum() / differ.sum().clamp(min=1)


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


def _ordered_gaps(predicted: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    """Predicted gaps (B, B), positive where in the right order, and which pairs have different scores, once each."""
    order = torch.sign(scores[:, None] - scores[None, :])
    gap = (predicted[:, None] - predicted[None, :]) * order
    return gap, torch.triu(order != 0, diagonal=1)
