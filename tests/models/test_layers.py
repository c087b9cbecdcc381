"""Frozen layers and rates by layer: which parameters they are, and what training leaves of them."""

import pytest
import torch
from torch import nn

from iqa_train.errors import UsageError
from iqa_train.models.backbone import Backbone, build_backbone
from iqa_train.models.layers import layer_numbers
from iqa_train.models.linear_network import LinearNetwork
from iqa_train.models.network import QualityNetwork
from iqa_train.models.timm_import import import_timm
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.optimizer import build_optimizer, set_rates

VIT = {"backbone": "test_vit", "patch_size": 32}
DEMO = {"backbone": "demo", "patch_size": 64}


def settings(**changes: object) -> TrainingConfig:
    return TrainingConfig(**{"weights": "none", **DEMO} | changes)


def step(config: TrainingConfig, kind: type[nn.Module] = LinearNetwork) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """A network after one optimizer step, and its state before."""
    network = kind(config, 1).train()
    optimizer = build_optimizer(network, config)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    set_rates(optimizer, 0, 1, config)
    side = config.patch_size
    network(torch.rand(4, 3, side, side)).square().sum().backward()
    optimizer.step()
    return network, before


def changed(network: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize("more", [DEMO, VIT, {"backbone": "test_resnet", "drop_path_rate": 0.0}])
def test_a_frozen_backbone_keeps_weights_and_statistics(more: dict[str, object]) -> None:
    network, before = step(settings(freeze="backbone", **more))
    assert {name.partition(".")[0] for name in changed(network, before)} == {"hidden", "score"}
    assert not any(module.training for module in network.backbone.net.modules())
    assert network.hidden.training


def test_frozen_stages_are_those_below_and_the_stem() -> None:
    network, before = step(settings(freeze="stages:2"), QualityNetwork)
    moved = {name for name in changed(network, before) if name.startswith("backbone.")}
    assert {name.removeprefix("backbone.net.")[:8] for name in moved} == {"stages.2", "stages.3"}
    assert {"backbone.net.stages.2.norm1.running_mean", "backbone.net.stages.3.conv1.weight"} <= moved
    modes = {name: module.training for name, module in network.backbone.net.named_modules()}
    assert not any(modes[name] for name in ("stem.1", "stages.0.norm1", "stages.1.drop_path"))
    assert modes["stages.2.norm1"]


def test_frozen_blocks_are_those_below_and_the_embeddings() -> None:
    network, before = step(settings(freeze="blocks:4", **VIT), QualityNetwork)
    moved = {name.removeprefix("backbone.net.vit.") for name in changed(network, before) if "backbone" in name}
    assert {name.partition(".")[0] for name in moved} == {"blocks", "norm"}
    assert {name.split(".")[1] for name in moved if name.startswith("blocks")} == {"4", "5"}
    assert not network.backbone.net.vit.blocks[3].training
    assert network.backbone.net.vit.blocks[4].training


def test_evaluation_and_back_wakes_nothing_frozen() -> None:
    network = LinearNetwork(settings(freeze="stages:1"), 1).train()
    network.eval().train()
    assert not network.backbone.net.stem.training
    assert network.backbone.net.stages[1].training


@pytest.mark.parametrize(
    "name",
    ["resnet18", "convnext_atto", pytest.param("swin_tiny_patch4_window7_224", marks=pytest.mark.slow)],
)
def test_stages_of_timm_networks_are_told_by_what_their_features_depend_on(name: str) -> None:
    """Cut off at a stage, timm's own network has the parameters of the stages up to it."""
    config = settings(backbone=name, drop_path_rate=0.0, patch_size=64)
    net = build_backbone(config, 1).net
    layers = layer_numbers(net, 64)
    indices = [int(index) for index in net.feature_info.out_indices]
    for stage, last in enumerate(indices, 1):
        extra = {"img_size": 64} if name.startswith("swin") else {}
        cut = import_timm().create_model(name, features_only=True, out_indices=[last], **extra)
        assert {n for n, layer in layers.items() if layer <= stage} == {n for n, _ in cut.named_parameters()}


def test_rates_fall_from_the_last_layer_down() -> None:
    for more, layers in ((DEMO, 4), (VIT, 7)):
        config = settings(layer_decay=0.5, lr=0.1, lr_ratio=3.0, lr_floor=0.01, **more)
        network = QualityNetwork(config, 1)
        optimizer = build_optimizer(network, config)
        names = {id(p): name for name, p in network.named_parameters()}
        set_rates(optimizer, 0, 10, config)
        rates = {names[id(p)]: group["lr"] for group in optimizer.param_groups for p in group["params"]}
        assert rates.keys() == {name for name, _ in network.named_parameters()}
        of_backbone = sorted({rate for name, rate in rates.items() if name.startswith("backbone.")})
        assert of_backbone == pytest.approx([0.1 * 0.5**k for k in reversed(range(layers))])
        assert rates["local.deep.weight"] == pytest.approx(0.1)
        assert rates["hyper.reduce.0.weight"] == pytest.approx(0.3)


def test_the_scale_of_a_layer_holds_for_the_whole_schedule_and_its_floor() -> None:
    config = settings(layer_decay=0.5, lr=1e-3, lr_floor=1e-4, epochs=3, warmup_epochs=0.5)
    optimizer = build_optimizer(QualityNetwork(config, 1), config)
    for now in (0, 3, 10, 29):
        set_rates(optimizer, now, 10, config)
        rates = sorted({group["lr"] for group in optimizer.param_groups if group["ratio"] == 1})
        assert rates == pytest.approx([rates[-1] * 0.5**k for k in (3, 2, 1, 0)])


def test_without_layer_decay_there_are_the_groups_of_before() -> None:
    network = QualityNetwork(settings(), 1)
    at_lr, rest = build_optimizer(network, settings()).param_groups
    assert (at_lr["scale"], rest["scale"]) == (1.0, 1.0)
    assert len(at_lr["params"]) + len(rest["params"]) == len(list(network.parameters()))


@pytest.mark.parametrize(
    ("changes", "says"), [({"freeze": "blocks:2"}, "has stages"), ({"freeze": "blocks:7", **VIT}, "has 6 blocks")]
)
def test_layers_that_there_are_not_are_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        build_backbone(settings(**changes), 1)


def test_a_backbone_that_is_not_frozen_is_as_ever() -> None:
    backbone = build_backbone(settings(), 1)
    assert isinstance(backbone, Backbone)
    assert all(p.requires_grad for p in backbone.parameters())
    assert backbone.from_top("net.stem.0.weight") == 0
