"""HyperIQA: backbone, local distortion features, fusion, hyper-network, target network."""

import torch
from torch import Tensor, nn

from iqa_train.models.backbone import build_backbone
from iqa_train.models.fusion import Fusion, LocalDistortion
from iqa_train.models.hyper import HyperNetwork, TargetNetwork, TargetParameters
from iqa_train.models.parameter_groups import ParameterGroup, groups_by_prefix
from iqa_train.models.seeded_init import initialise
from iqa_train.study.backbones import known_backbone
from iqa_train.study.settings import TrainingConfig


class QualityNetwork(nn.Module):
    """Crops to scores. The names of the parts appear in checkpoints and key the initial weights."""

    def __init__(self, settings: TrainingConfig, seed: int, *, pretrained: bool = True) -> None:
        """Build with initial weights from `seed`; `pretrained=False` skips the backbone's, for a checkpoint to follow.

        Raises WeightsError if the backbone's weights are unavailable.
        """
        super().__init__()
        self.backbone = build_backbone(settings, seed, pretrained=pretrained)
        channels = self.backbone.channels
        self.local = LocalDistortion(channels)
        self.fusion = Fusion(channels, multi_scale=settings.multi_scale, attention=settings.attention_fusion)
        reduction = known_backbone(settings.backbone).reduction
        self.hyper = HyperNetwork(self.fusion.channels, settings.dropout_rate, reduction, settings.hyper_channels)
        self.target = TargetNetwork(settings.dropout_rate)
        for name, part in (("local", self.local), ("fusion", self.fusion), ("hyper", self.hyper)):
            initialise(part, seed, name)

    def start_at(self, score: float) -> None:
        """Make the first predictions come out near `score`."""
        self.hyper.start_at(score)

    def parameter_groups(self, lr_ratio: float) -> list[ParameterGroup]:
        """Backbone and local distortion layers at lr, as in the original script; the rest at `lr_ratio` x lr."""
        return groups_by_prefix(self, ("backbone.", "local."), lr_ratio)

    def forward(self, crops: Tensor) -> Tensor:
        """Normalised crops (B, 3, P, P) -> scores (B,) on the data set's scale; higher is better."""
        stages = self.backbone(crops)
        local, generated = self.local(stages), self.hyper(self.fusion(stages))
        with torch.autocast(crops.device.type, enabled=False):  # in bf16, scores of 0-100 would have steps of 0.5
            weights, biases = ([part.float() for part in parts] for parts in generated)
            return self.target(local.float(), TargetParameters(weights, biases))  # type: ignore[no-any-return]
