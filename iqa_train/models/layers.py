"""Layers that do not start in torch's own way, but as in the networks that this one follows.

HyperIQA's have Kaiming-normal weights (He et al., ICCV 2015), larger than torch's own. The target network is a chain of
sigmoids; with torch's default its generated weights are so small that what the image says is lost in the constants, and
training from scratch stands still for its first epochs.
"""

from torch import nn


class KaimingConv2d(nn.Conv2d):
    """A convolution with Kaiming-normal weights."""

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        super().reset_parameters()
        nn.init.kaiming_normal_(self.weight)


class KaimingLinear(nn.Linear):
    """A linear map with Kaiming-normal weights."""

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        super().reset_parameters()
        nn.init.kaiming_normal_(self.weight)


class SmallLinear(nn.Linear):
    """A linear map with weights from a normal distribution of SD 0.01 and no bias: the start of the attention.

    Softmax over scales then begins near the equal weights.
    """

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)
