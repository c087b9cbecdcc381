"""Plain vision transformers: four maps of their blocks, at any crop that their patches fill, with weights of a file."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from iqa_train.errors import UsageError, WeightsError
from iqa_train.models.backbone import build_backbone
from iqa_train.models.network import QualityNetwork
from iqa_train.models.timm_import import import_timm
from iqa_train.study.backbones import plain_vit
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.optimizer import build_optimizer
from tests.models import timm_table

TAGS = {
    "vit_small_patch14_dinov2.lvd142m": 224,
    "vit_small_patch14_reg4_dinov2.lvd142m": 224,
    "vit_pe_core_tiny_patch16_384.fb": 64,
    "vit_small_patch16_dinov3.lvd1689m": 64,
    "vit_small_plus_patch16_dinov3.lvd1689m": 64,
    "vit_base_patch16_dinov3.lvd1689m": 32,
    "convnext_tiny.dinov3_lvd1689m": 64,
    "vit_base_patch16_siglip_224.v2_webli": 32,
    "vit_base_patch16_siglip_gap_224.v2_webli": 32,
    "vit_base_patch32_siglip_256.v2_webli": 64,
    "vit_base_patch16_clip_224.openai": 32,
    "vit_base_patch32_clip_224.laion2b": 64,
    "convnext_base.clip_laion2b_augreg": 64,
    "resnet50_clip.openai": 64,
    "eva02_tiny_patch14_224.mim_in22k": 224,
    "eva02_small_patch14_224.mim_in22k": 224,
    "beitv2_base_patch16_224.in1k_ft_in22k": 32,
    "deit3_small_patch16_224.fb_in22k_ft_in1k": 64,
    "vit_tiny_patch16_224.augreg_in21k": 64,
    "swinv2_tiny_window8_256.ms_in1k": 64,
}
"""Twenty weights as the field uses them, each with a small crop."""


def settings(**changes: object) -> TrainingConfig:
    return TrainingConfig(**{"weights": "none", "backbone": "test_vit", "patch_size": 64} | changes)


def vit(**options: object) -> torch.nn.Module:
    torch.manual_seed(7)
    net: torch.nn.Module = import_timm().create_model("test_vit", **options)
    return net


def published(path: Path, **options: object) -> torch.nn.Module:
    """A classifier as timm publishes it, with its weights at `path`."""
    net = vit(**options)
    save_file(net.state_dict(), path)
    return net.eval()


def test_the_maps_are_the_normalised_outputs_of_the_taps_without_class_tokens(tmp_path: Path) -> None:
    whole = published(tmp_path / "own.safetensors", img_size=64)
    backbone = build_backbone(settings(weights=str(tmp_path / "own.safetensors"), taps=(1, 3, 4, 6)), 1).eval()
    crops = torch.rand(2, 3, 64, 64)
    outputs: list[torch.Tensor] = []
    for block in whole.blocks:
        block.register_forward_hook(lambda _module, _input, output: outputs.append(output))
    with torch.inference_mode():
        maps = backbone(crops)
        whole(crops)
        for got, tap in zip(maps, (1, 3, 4, 6), strict=True):
            tokens = whole.norm(outputs[tap - 1])[:, whole.num_prefix_tokens :]
            torch.testing.assert_close(got, tokens.transpose(1, 2).reshape(2, -1, 4, 4))
    assert backbone.channels == (64,) * 4


def test_taps_are_evenly_spaced_unless_they_are_set() -> None:
    assert settings(taps=(2, 3, 5, 6)) != settings()
    even, set_so = (build_backbone(settings(**more), 1).eval() for more in ({}, {"taps": (2, 3, 5, 6)}))
    other = build_backbone(settings(taps=(1, 2, 3, 4)), 1).eval()
    crops = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert all(torch.equal(a, b) for a, b in zip(even(crops), set_so(crops), strict=True))
        assert not torch.equal(even(crops)[0], other(crops)[0])
    assert len(list(other.parameters())) < len(list(even.parameters()))  # nothing after the last tap


def test_position_tables_are_resampled_to_the_crop(tmp_path: Path) -> None:
    whole = published(tmp_path / "own.safetensors")  # made for crops of 160
    file = str(tmp_path / "own.safetensors")
    for side in (64, 160):
        backbone = build_backbone(settings(weights=file, patch_size=side), 1)
        table = backbone.net.vit.pos_embed
        assert table.shape[1] == (side // 16) ** 2 + (0 if backbone.net.vit.no_embed_class else 1)
        assert torch.equal(backbone.net.vit.blocks[0].attn.qkv.weight, whole.blocks[0].attn.qkv.weight)
    assert torch.equal(table, whole.pos_embed)


@pytest.mark.parametrize("lacks", ["blocks.5.mlp.fc1.weight", "patch_embed.proj.bias", "norm.weight"])
def test_a_file_that_lacks_weights_is_refused(tmp_path: Path, lacks: str) -> None:
    state = {name: value for name, value in vit().state_dict().items() if name != lacks}
    save_file(state, tmp_path / "part.safetensors")
    with pytest.raises(WeightsError, match="does not hold the complete weights") as raised:
        build_backbone(settings(weights=str(tmp_path / "part.safetensors")), 1)
    assert lacks in str(raised.value)


def test_a_network_without_a_norm_of_its_own_gets_one() -> None:
    backbone = build_backbone(settings(backbone="eva02_tiny_patch14_224", patch_size=224), 1).eval()
    with torch.inference_mode():
        for one in backbone(torch.rand(1, 3, 224, 224)):
            assert one.mean(1).abs().max() < 1e-4
            assert one.var(1, correction=0).sub(1).abs().max() < 1e-2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"backbone": "vit_small_patch14_dinov2", "patch_size": 256}, "patches of 14 pixels.*multiple of 224"),
        ({"taps": (3, 5, 6, 7)}, r"has 6 blocks, and taps = \[3, 5, 6, 7\] names more"),
    ],
)
def test_what_a_transformer_has_not_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        build_backbone(settings(**changes), 1)


def test_the_table_of_normalisations_is_that_of_the_installed_timm() -> None:
    from iqa_train.study.timm_table import ARCHITECTURES, NORMALISATIONS, VERSION

    assert (ARCHITECTURES.split(), VERSION) == (timm_table.architectures(), import_timm().__version__)
    assert {key: names.split() for key, names in NORMALISATIONS.items()} == timm_table.normalisations()


@pytest.mark.slow
def test_the_table_of_transformers_is_that_of_the_installed_timm() -> None:
    for shape, names in timm_table.plain_vits(step=11).items():
        for name in names:
            assert plain_vit(name) == shape


@pytest.mark.slow
@pytest.mark.parametrize("name", TAGS)
def test_twenty_weights_build_from_scratch_and_train_a_step(name: str) -> None:
    assert import_timm().is_model_pretrained(name)
    drop = 0.0 if name.startswith("resnet") else 0.1
    config = settings(backbone=name, patch_size=TAGS[name], drop_path_rate=drop, hyper_channels=16)
    network = QualityNetwork(config, 1).train()
    optimizer = build_optimizer(network, config)
    before = {n: p.detach().clone() for n, p in network.named_parameters() if p.numel() < 1 << 14}
    network(torch.rand(2, 3, config.patch_size, config.patch_size)).square().mean().backward()
    optimizer.step()
    assert not [n for n, p in network.named_parameters() if p.grad is None or not p.isfinite().all()]
    still = [n for n, p in network.named_parameters() if n in before and torch.equal(p, before[n])]
    assert not [n for n in still if network.get_parameter(n).grad.abs().max() > 0]
