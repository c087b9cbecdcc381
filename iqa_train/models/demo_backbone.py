"""The `demo` backbone: four convolutional stages, in three widths, that train from scratch on a CPU in minutes."""

import torch
from torch import Tensor, nn

CHANNELS = {"tiny": (16, 24, 32, 48), "small": (24, 32, 48, 64), "base": (32, 48, 64, 96)}


class DropPath(nn.Module):
    """Stochastic depth: in training, skip the residual branch for a random part of the batch (Huang et al. 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        if not self.training or self.rate == 0:
            return x
        keep = 1 - self.rate
        mask = torch.empty(x.shape[0], 1, 1, 1, device=x.device, dtype=x.dtype).bernoulli_(keep)
        return x * (mask / keep)


class _Block(nn.Module):
    """A residual block that may halve the side, with an average pool in its shortcut (ResNet-D, He et al. 2019)."""

    def __init__(self, channels_in: int, channels: int, stride: int, drop_path: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.drop_path = DropPath(drop_path)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != channels_in:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride), nn.Conv2d(channels_in, channels, 1, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.shortcut(x) + self.drop_path(self.norm2(self.conv2(y))))


class DemoBackbone(nn.Module):
    """Features at 1/4, 1/8, 1/16 and 1/32 of the crop, in the channels of `CHANNELS[size]`."""

    def __init__(self, size: str, drop_path_rate: float) -> None:
        super().__init__()
        self.channels = CHANNELS[size]
        first = self.channels[0]
        self.stem = nn.Sequential(  # two convolutions at half the side: noise and artefacts are in the finest detail
            nn.Conv2d(3, first // 2, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(first // 2),
            nn.ReLU(inplace=True),
            nn.Conv2d(first // 2, first, 3, padding=1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        rates = [drop_path_rate * k / 3 for k in range(4)]  # deeper stages drop more, as in timm
        widths = [first, *self.channels]
        self.stages = nn.ModuleList(_Block(widths[k], widths[k + 1], 2 if k else 1, rates[k]) for k in range(4))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> four features (B, C_k, H / 2^(k+2), W / 2^(k+2))."""
        x = self.stem(x)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
