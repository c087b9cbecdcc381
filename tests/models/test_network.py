"""The network: published sizes and shapes, batches like single crops, equal initial weights for equal parts."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from iqa_train.errors import UsageError
from iqa_train.models.backbone import build_backbone
from iqa_train.models.fusion import Fusion
from iqa_train.models.hyper import TARGET_WIDTHS, HyperNetwork, TargetNetwork, TargetParameters
from iqa_train.models.network import QualityNetwork
from iqa_train.models.timm_import import import_timm
from iqa_train.models.timm_net import build_timm, stages_problem
from iqa_train.models.weights import timm_name
from iqa_train.study.backbones import BACKBONES, OWN_NETWORKS
from iqa_train.study.settings import TrainingConfig


def settings(**changes: object) -> TrainingConfig:
    return TrainingConfig(**{"weights": "none", "attention_fusion": True} | changes)


def demo(seed: int = 42, **changes: object) -> QualityNetwork:
    return QualityNetwork(settings(backbone="demo", patch_size=64, **changes), seed)


def millions(module: nn.Module) -> float:
    return round(sum(p.numel() for p in module.parameters()) / 1e6, 3)


@pytest.mark.parametrize(
    ("size", "changes", "expected"),
    [
        ("base", {}, 89.112),
        ("base", {"attention_fusion": False}, 88.849),
        ("base", {"multi_scale": False, "attention_fusion": False}, 88.390),
        ("base", {"multi_scale": False}, 88.390),  # attention over one scale weighs nothing and is not there
        ("small", {}, 50.839),
        ("tiny", {}, 29.521),
    ],
)
def test_parameter_counts_equal_the_published_ones(size: str, changes: dict[str, object], expected: float) -> None:
    with torch.device("meta"):
        assert millions(QualityNetwork(settings(model_size=size, **changes), 1)) == expected


@pytest.mark.parametrize(
    ("size", "channels"),
    [("tiny", (96, 192, 384, 768)), ("small", (96, 192, 384, 768)), ("base", (128, 256, 512, 1024))],
)
def test_stages_of_swin(size: str, channels: tuple[int, ...]) -> None:
    with torch.device("meta"), torch.inference_mode():
        backbone = build_backbone(settings(model_size=size), 1).eval()
        stages = backbone(torch.empty(1, 3, 224, 224))
    assert backbone.channels == channels
    assert [tuple(s.shape) for s in stages] == [(1, c, 56 >> k, 56 >> k) for k, c in enumerate(channels)]


@pytest.mark.parametrize("patch_size", [64, 224])
@pytest.mark.parametrize("name", sorted(set(BACKBONES) - set(OWN_NETWORKS)))
def test_every_backbone_of_the_table_has_four_stages_and_its_pinned_weights(name: str, patch_size: int) -> None:
    config = settings(backbone=name, patch_size=patch_size, drop_path_rate=0.0)
    assert stages_problem(build_timm(config, None), config) is None
    pinned = timm_name(TrainingConfig(backbone=name, weights="imagenet"))
    assert pinned.endswith(f".{BACKBONES[name].pinned}")
    assert import_timm().is_model_pretrained(pinned)


@pytest.mark.parametrize(
    ("backbone", "channels"), [("resnet50", (256, 512, 1024, 2048)), ("test_resnet", (32, 48, 192, 96)), ("demo", None)]
)
@pytest.mark.parametrize("patch_size", [64])
def test_other_backbones_score_each_crop(backbone: str, channels: tuple[int, ...] | None, patch_size: int) -> None:
    network = QualityNetwork(settings(backbone=backbone, patch_size=patch_size, multi_scale=True), 1).eval()
    with torch.inference_mode():
        stages = network.backbone(torch.rand(2, 3, patch_size, patch_size))
        scores = network(torch.rand(2, 3, patch_size, patch_size))
    assert [s.shape[2] for s in stages] == [patch_size >> k for k in (2, 3, 4, 5)]
    if channels is not None:
        assert tuple(s.shape[1] for s in stages) == channels
    assert scores.shape == (2,)
    assert torch.isfinite(scores).all()


@pytest.mark.slow
def test_swin_scores_a_batch_like_single_crops() -> None:
    network = QualityNetwork(settings(model_size="tiny"), 1).eval()
    crops = torch.rand(2, 3, 224, 224)
    with torch.inference_mode():
        together = network(crops)
        assert together.shape == (2,)
        for k in range(2):
            assert torch.allclose(network(crops[k : k + 1])[0], together[k], rtol=1e-4, atol=1e-4)
    assert together[0] != together[1]


def test_target_parameters() -> None:
    hyper = HyperNetwork(160, 0.3).eval()
    parameters = hyper(torch.rand(3, 160, 7, 7))
    assert [tuple(w.shape) for w in parameters.weights] == [(3, b, a) for a, b in pairwise(TARGET_WIDTHS)]
    assert [tuple(b.shape) for b in parameters.biases] == [(3, b) for b in TARGET_WIDTHS[1:]]
    assert sum(t[0].numel() for t in (*parameters.weights, *parameters.biases)) == 33_545


def test_the_batched_target_network_equals_a_loop_of_linear_maps() -> None:
    generator = torch.Generator().manual_seed(0)
    pairs = list(pairwise(TARGET_WIDTHS))
    weights = [torch.randn(6, b, a, generator=generator) / a**0.5 for a, b in pairs]
    biases = [torch.randn(6, b, generator=generator) for _, b in pairs]
    features = torch.randn(6, TARGET_WIDTHS[0], generator=generator)
    batched = TargetNetwork(0.3).eval()(features, TargetParameters(weights, biases))
    assert batched.shape == (6,)
    for image in range(6):
        x = features[image]
        for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            x = linear(x, weight[image], bias[image])
            x = torch.sigmoid(x) if k < len(pairs) - 1 else x
        assert batched[image] == pytest.approx(float(x), abs=1e-5)


def test_dropout_applies_to_the_hyper_networks_last_map_only() -> None:
    hyper = HyperNetwork(96, 0.4)
    assert [type(layer).__name__ for layer in hyper.reduce] == ["Conv2d", "ReLU"] * 3 + ["Dropout"]
    before = hyper.reduce[:-1](torch.rand(2, 96, 7, 7))
    after = hyper.reduce[-1](before)
    kept = after != 0
    assert torch.allclose(after[kept], before[kept] / 0.6)
    assert (after[before > 0] == 0).float().mean() == pytest.approx(0.4, abs=0.05)


def by_layers(
    features: Tensor, parameters: TargetParameters, rate: float, generator: torch.Generator, dropped: tuple[int, ...]
) -> Tensor:
    """The target network with dropout after the sigmoids of the layers `dropped` (from 0), as the definition says."""
    x = features
    for k, (weight, bias) in enumerate(zip(parameters.weights, parameters.biases, strict=True)):
        x = torch.einsum("boi,bi->bo", weight, x) + bias
        x = torch.sigmoid(x) if k < 4 else x
        if k in dropped:
            x = x * (torch.rand(x.shape, generator=generator, dtype=x.dtype) >= rate) / (1 - rate)
    return x.flatten()


def test_dropout_applies_after_three_layers_of_the_target_network() -> None:
    """Its variance is that of the definition; with the fourth layer, too, it would be several times as much."""
    generator = torch.Generator().manual_seed(7)
    crops, pairs = 4000, list(pairwise(TARGET_WIDTHS))
    one = TargetParameters(
        [torch.randn(1, b, a, generator=generator, dtype=torch.float64) / a**0.5 for a, b in pairs],
        [torch.randn(1, b, generator=generator, dtype=torch.float64) / 10 for _, b in pairs],
    )
    same = TargetParameters(*([p.expand(crops, *p.shape[1:]) for p in part] for part in one))
    features = torch.randn(1, 224, generator=generator, dtype=torch.float64).expand(crops, 224)
    torch.manual_seed(3)
    ours = float(TargetNetwork(0.4).train()(features, same).std())
    three = float(by_layers(features, same, 0.4, generator, (0, 1, 2)).std())
    four = float(by_layers(features, same, 0.4, generator, (0, 1, 2, 3)).std())
    assert ours == pytest.approx(three, rel=0.1)
    assert four > 3 * ours
    assert float(TargetNetwork(0.4).eval()(features, same).std()) < 1e-12


@pytest.mark.slow
def test_swin_varies_little_under_dropout() -> None:
    """With every seed's weights far less than with dropout in front of the last product, which makes most of it."""
    network = QualityNetwork(settings(model_size="tiny", dropout_rate=0.4, drop_path_rate=0.0), 1)
    network.fusion.eval()  # its dropout is the attention's
    with torch.no_grad():
        stages = network.backbone(torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(1)))
        stages = [stage.expand(200, *stage.shape[1:]) for stage in stages]
        torch.manual_seed(1)
        local, made = network.local(stages), network.hyper(network.fusion(stages))
        ours = float(network.target(local, made).std())
        generator = torch.Generator().manual_seed(1)
        four = float(by_layers(local, made, 0.4, generator, (0, 1, 2, 3)).std())
    assert ours < four / 3


def test_the_attention_starts_near_equal_weights_and_the_rest_as_hyperiqa_does() -> None:
    network = QualityNetwork(settings(model_size="base"), 1)
    first, last = network.fusion.attention[0], network.fusion.attention[3]
    for layer in (first, last):
        assert not layer.bias.any()
        assert float(layer.weight.detach().std()) == pytest.approx(0.01, rel=0.1)
        assert abs(float(layer.weight.detach().mean())) < 0.002
    for layer in (*network.local.reduce, *network.local.project, network.local.deep, *network.hyper.weight_heads):
        fan_in = layer.weight[0].numel()
        assert float(layer.weight.detach().std()) == pytest.approx((2 / fan_in) ** 0.5, rel=0.1)  # Kaiming normal
        assert abs(float(layer.weight.detach().mean())) < 0.2 * (2 / fan_in) ** 0.5


@pytest.mark.parametrize(("channels", "widths"), [(112, (512, 256, 112)), (28, (128, 64, 28)), (8, (36, 18, 8))])
def test_the_whole_hyper_network_scales_with_its_last_map(channels: int, widths: tuple[int, ...]) -> None:
    network = demo(hyper_channels=channels)
    found = [layer.out_channels for layer in network.hyper.reduce if isinstance(layer, nn.Conv2d)]
    assert tuple(found) == widths
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2,)


def test_resnet50_has_hyperiqas_own_reduction() -> None:
    with torch.device("meta"):
        network = QualityNetwork(settings(backbone="resnet50", multi_scale=False), 1)
        tagged = QualityNetwork(settings(backbone="resnet50.a1_in1k", multi_scale=False), 1)
    for one in (network, tagged):
        assert [tuple(m.weight.shape[:2]) for m in one.hyper.reduce if isinstance(m, nn.Conv2d)] == [
            (1024, 2048), (512, 1024), (112, 512)
        ]  # fmt: skip
    # 1x1 convolutions with biases; 3x3 heads for 224x112, 112x56, 56x28, 28x14 over 49; linear heads.
    reductions = 2049 * 1024 + 1025 * 512 + 513 * 112
    heads = sum((112 * 9 + 1) * (a * b // 49) for a, b in ((224, 112), (112, 56), (56, 28), (28, 14)))
    linear_heads = 113 * (14 + 112 + 56 + 28 + 14 + 1)
    assert sum(p.numel() for p in network.hyper.parameters()) == reductions + heads + linear_heads


def test_every_parameter_gets_a_gradient() -> None:
    for changes in ({}, {"attention_fusion": False}, {"multi_scale": False}):
        network = demo(**changes)
        network(torch.rand(4, 3, 64, 64)).sum().backward()
        dead = [n for n, p in network.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
        assert dead == []
        still = [n for n, p in network.named_parameters() if p.grad is not None and not p.grad.any()]
        assert still == []


CHANNELS = (8, 12, 16, 24)


def stages(n: int = 5) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.rand(n, c, 56 >> k, 56 >> k, generator=generator) for k, c in enumerate(CHANNELS)]


def test_attention_weighs_the_four_scales_of_an_image_to_a_sum_of_one() -> None:
    fusion = Fusion(CHANNELS, multi_scale=True, attention=True).eval()
    plain = Fusion(CHANNELS, multi_scale=True, attention=False)
    features = stages()
    weighed, unweighed = fusion(features), plain(features)
    assert weighed.shape == unweighed.shape == (5, sum(CHANNELS), 7, 7)
    ratios = []
    for scale in torch.split(weighed / unweighed, list(CHANNELS), 1):
        first = scale[:, :1, :1, :1]
        assert torch.allclose(scale, first.expand_as(scale), rtol=1e-4)  # one weight for a whole scale
        ratios.append(first.flatten())
    weights = torch.stack(ratios, 1)
    assert weights.min() > 0
    assert torch.allclose(weights.sum(1), torch.ones(5), atol=1e-5)
    assert not torch.allclose(weights[0], weights[1], atol=1e-6)  # per image


def test_one_scale_is_the_last_stage_and_has_nothing_to_attend_to() -> None:
    fusion = Fusion(CHANNELS, multi_scale=False, attention=True)
    assert list(fusion.parameters()) == []
    features = stages()
    assert torch.equal(fusion(features), features[3])


def test_without_multi_scale_attention_changes_nothing_at_all() -> None:
    with_it, without = (demo(multi_scale=False, attention_fusion=flag).eval() for flag in (True, False))
    crops = torch.rand(2, 3, 64, 64)
    assert torch.equal(with_it(crops), without(crops))


VARIANTS = {"Baseline": {}, "A1": {"attention_fusion": False}, "A2": {"multi_scale": False}}


def test_equal_parts_start_equal_in_all_experiments_of_a_seed() -> None:
    networks = {name: demo(**changes) for name, changes in VARIANTS.items()}
    baseline = weights_by_module(networks["Baseline"])
    for name in ("A1", "A2"):
        own = weights_by_module(networks[name])
        shared = [k for k in own if k in baseline and shapes(own[k]) == shapes(baseline[k])]
        assert [k for k in own if k not in shared] == ([] if name == "A1" else ["hyper.reduce.0"])  # a narrower input
        unlike = [k for k in shared if not all(torch.equal(own[k][n], baseline[k][n]) for n in own[k])]
        assert unlike == []
        assert len(shared) > 30
    assert [k for k in baseline if k.startswith("fusion.attention")] == ["fusion.attention.0", "fusion.attention.3"]


def weights_by_module(network: nn.Module) -> dict[str, dict[str, Tensor]]:
    modules: dict[str, dict[str, Tensor]] = {}
    for name, value in network.state_dict().items():
        module, _, parameter = name.rpartition(".")
        modules.setdefault(module, {})[parameter] = value
    return modules


def shapes(weights: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in weights.items()}


def test_initial_weights_depend_on_the_seed_only() -> None:
    first, again, other = demo(1).state_dict(), demo(1).state_dict(), demo(2).state_dict()
    assert all(torch.equal(first[k], again[k]) for k in first)
    random = [k for k in first if first[k].ndim > 1]
    assert len(random) > 20
    assert [k for k in random if torch.equal(first[k], other[k])] == []


def test_no_two_modules_start_alike() -> None:
    seen: dict[tuple[float, ...], str] = {}
    for name, value in demo().state_dict().items():
        if value.ndim > 1:
            scaled = value.flatten()[:3] / value.flatten()[0]  # the same numbers at another scale count, too
            key = tuple(round(x, 4) for x in scaled.tolist())
            assert key not in seen, f"{name} starts like {seen[key]}"
            seen[key] = name


@pytest.mark.parametrize("backbone", ["demo", "test_resnet"])
def test_initial_weights_do_not_depend_on_the_generators_state(backbone: str) -> None:
    networks = []
    for before in (5, 6):
        torch.manual_seed(before)
        networks.append(QualityNetwork(settings(backbone=backbone, patch_size=64), 1).state_dict())
    assert [k for k in networks[0] if not torch.equal(networks[0][k], networks[1][k])] == []


def test_start_at_moves_the_scores_and_changes_one_bias_only() -> None:
    network = demo().eval()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    network.hyper.start_at(61.5)
    changed = [k for k, v in network.state_dict().items() if not torch.equal(v, before[k])]
    assert changed == ["hyper.bias_heads.4.bias"]
    with torch.inference_mode():
        assert network(torch.rand(8, 3, 64, 64)).mean() == pytest.approx(61.5, abs=10)


@pytest.mark.parametrize(
    ("backbone", "hint"), [("resnet5O", '"resnet50"'), ("swim", '"swin"'), ("convnext_tinny", '"convnext_tiny"')]
)
def test_an_unknown_backbone_gets_the_nearest_name(backbone: str, hint: str) -> None:
    with pytest.raises(UsageError, match="did you mean") as raised:
        build_backbone(settings(backbone=backbone), 1)
    assert hint in str(raised.value)


def test_a_backbone_unlike_any_other_gets_a_short_list() -> None:
    known = ", ".join(BACKBONES)
    with pytest.raises(
        UsageError, match=rf"; known: {known} and timm's networks with four stages or plain transformers$"
    ):
        build_backbone(settings(backbone="xyzzy"), 1)


@pytest.mark.parametrize("backbone", ["hrnet_w18_small", "dla34", "densenet121"])
def test_a_backbone_without_stochastic_depth(backbone: str) -> None:
    built = build_backbone(settings(backbone=backbone, patch_size=64, drop_path_rate=0.0), 1)
    assert_four_stages(built, 64)
    with pytest.raises(UsageError, match=f'"{backbone}" has no stochastic depth; use --drop_path_rate 0$'):
        build_backbone(settings(backbone=backbone, patch_size=64, drop_path_rate=0.1), 1)


@pytest.mark.parametrize("backbone", ["coatnet_nano_rw_224", "swinv2_tiny_window8_256"])
def test_a_backbone_for_one_image_size_is_built_for_another(backbone: str) -> None:
    assert_four_stages(build_backbone(settings(backbone=backbone, patch_size=64), 1), 64)


@pytest.mark.parametrize(
    ("backbone", "advice"),
    [("efficientformer_l1", "; use --patch_size 224"), ("inception_v3", "; it was made for 299")],
)
def test_a_backbone_that_cannot_take_the_crop_size_is_refused_before_training(backbone: str, advice: str) -> None:
    with pytest.raises(UsageError, match=f'"{backbone}" cannot take crops of 64 pixels') as raised:
        build_backbone(settings(backbone=backbone, patch_size=64, drop_path_rate=0.0), 1)
    assert str(raised.value).endswith(advice)
    assert len(str(raised.value).splitlines()) == 1


def assert_four_stages(backbone: nn.Module, side: int) -> None:
    stages = backbone(torch.rand(2, 3, side, side))
    assert [tuple(s.shape[1:]) for s in stages] == [
        (c, side // r, side // r) for c, r in zip(backbone.channels, (4, 8, 16, 32), strict=True)
    ]


def test_a_backbone_without_four_stages_is_refused() -> None:
    with pytest.raises(UsageError, match="four stages"):
        build_backbone(settings(backbone="mixer_s32_224", patch_size=224), 1)
