"""A loss of our own: Huber's on the scores, with the order of pairs beside it."""

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss, softplus


def huber_rank(predicted: Tensor, scores: Tensor, *, beta: float = 4.0, weight: float = 0.5) -> Tensor:
    """Predicted and true scores, both (B,), to a scalar. `weight` is that of the ranking term."""
    gap = predicted[:, None] - predicted[None, :]
    order = torch.sign(scores[:, None] - scores[None, :])
    pairs = order != 0
    ranking = (softplus(-gap * order) * pairs).sum() / pairs.sum().clamp(min=1)
    return smooth_l1_loss(predicted, scores, beta=beta) + weight * ranking
