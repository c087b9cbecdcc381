"""The target network: a perceptron whose parameters are the image's own. It has none itself."""

import torch
from torch import Tensor, nn

from iqa_train.models.hyper import TargetParameters

_DROPPED = 3  # layers followed by dropout


class TargetNetwork(nn.Module):
    """224-112-56-28-14-1 with a sigmoid after each layer but the last (Su et al. 2020), dropout after the first three.

    None after the fourth: the answer is a sum of only 14 products, and dropping one would move it by far more than
    all the rest does.
    """

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor, parameters: TargetParameters) -> Tensor:
        """Features (B, 224), parameters per image -> raw scores (B,). One batched product per layer."""
        x = features.unsqueeze(2)
        last = len(parameters.weights) - 1
        for k, (weight, bias) in enumerate(zip(parameters.weights, parameters.biases, strict=True)):
            x = torch.baddbmm(bias.unsqueeze(2), weight, x)
            if k < last:
                x = torch.sigmoid(x)
            if k < _DROPPED:
                x = self.dropout(x)
        return x.flatten()
