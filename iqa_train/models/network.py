"""The whole network: backbone, local distortion features, fusion, hyper-network, target network."""

import torch
from torch import Tensor, nn

from iqa_train.models.backbone import build_backbone
from iqa_train.models.fusion import Fusion, LocalDistortion
from iqa_train.models.hyper import REDUCTION, HyperNetwork, TargetParameters
from iqa_train.models.seeded_init import initialise
from iqa_train.models.target import TargetNetwork
from iqa_train.study.backbones import HYPER_REDUCTION
from iqa_train.study.settings import TrainingConfig


class QualityNetwork(nn.Module):
    """Crops to scores. Names of its parts are those of checkpoints and of initial-weight streams."""

    def __init__(self, settings: TrainingConfig, seed: int, *, pretrained: bool = True) -> None:
        """Build with initial weights of `seed`; `pretrained=False` skips the backbone's (a checkpoint follows).

        Raises WeightsError where the settings' weights cannot be had.
        """
        super().__init__()
        self.backbone = build_backbone(settings, seed, pretrained=pretrained)
        channels = self.backbone.channels
        self.local = LocalDistortion(channels)
        self.fusion = Fusion(channels, multi_scale=settings.multi_scale, attention=settings.attention_fusion)
        reduction = HYPER_REDUCTION.get(settings.backbone.partition(".")[0], REDUCTION)
        self.hyper = HyperNetwork(self.fusion.channels, settings.dropout_rate, reduction)
        self.target = TargetNetwork(settings.dropout_rate)
        for name, part in (("local", self.local), ("fusion", self.fusion), ("hyper", self.hyper)):
            initialise(part, seed, name)

    def forward(self, crops: Tensor) -> Tensor:
        """Normalised crops (B, 3, P, P) -> scores (B,), on the data set's scale, higher is better."""
        stages = self.backbone(crops)
        local, made = self.local(stages), self.hyper(self.fusion(stages))
        with torch.autocast(crops.device.type, enabled=False):  # in bf16, scores of 0-100 would come in steps of a half
            weights, biases = ([part.float() for part in parts] for parts in made)
            return self.target(local.float(), TargetParameters(weights, biases))  # type: ignore[no-any-return]
