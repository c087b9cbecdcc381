"""The control for other heads: pooled features of the backbone's last stage, and one hidden layer."""

import torch
from torch import Tensor, nn

from iqa_train.models.backbone import build_backbone
from iqa_train.models.hyper import KaimingLinear
from iqa_train.models.parameter_groups import ParameterGroup, default_groups
from iqa_train.models.seeded_init import initialise
from iqa_train.study.settings import TrainingConfig

HIDDEN = 256


class LinearNetwork(nn.Module):
    """Crops to scores: the mean over the last stage, a linear map to 256, ReLU, dropout, a linear map to the score."""

    def __init__(self, settings: TrainingConfig, seed: int, *, pretrained: bool = True) -> None:
        """Build with initial weights from `seed`; as `QualityNetwork`."""
        super().__init__()
        self.backbone = build_backbone(settings, seed, pretrained=pretrained)
        self.hidden = KaimingLinear(self.backbone.channels[-1], HIDDEN)
        self.dropout = nn.Dropout(settings.dropout_rate)
        self.score = KaimingLinear(HIDDEN, 1)
        for name, part in (("hidden", self.hidden), ("score", self.score)):
            initialise(part, seed, name)

    def forward(self, crops: Tensor) -> Tensor:
        """Normalised crops (B, 3, P, P) -> scores (B,) on the data set's scale; higher is better."""
        pooled = self.backbone(crops)[-1].mean((2, 3))
        with torch.autocast(crops.device.type, enabled=False):  # in bf16, scores of 0-100 would have steps of 0.5
            hidden = torch.relu(self.hidden(pooled.float()))
            return self.score(self.dropout(hidden)).flatten()  # type: ignore[no-any-return]

    @torch.no_grad()
    def start_at(self, score: float) -> None:
        """Make the first predictions come out near `score`."""
        self.score.bias.fill_(score)

    def parameter_groups(self, lr_ratio: float) -> list[ParameterGroup]:
        """The backbone at lr, both layers at `lr_ratio` x lr."""
        return default_groups(self, lr_ratio)
