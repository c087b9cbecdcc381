"""Pretrained weights: from a file, from the folder that the error names, and never anything that runs code."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from iqa_train.errors import UserError, WeightsError
from iqa_train.models.backbone import Backbone, build_backbone
from iqa_train.models.timm_import import import_timm
from iqa_train.models.weights import timm_name
from iqa_train.study.settings import TrainingConfig

ROOT = Path(__file__).parents[2]


def settings(**changes: object) -> TrainingConfig:
    return TrainingConfig(**{"backbone": "test_resnet", "patch_size": 64} | changes)


def weights_of(architecture: str, path: Path) -> Path:
    """What timm publishes for an architecture: the state of the whole classifier."""
    torch.manual_seed(99)
    save_file(import_timm().create_model(architecture).state_dict(), path)
    return path


def first_convolution(backbone: nn.Module) -> torch.Tensor:
    return next(m.weight for m in backbone.modules() if isinstance(m, nn.Conv2d))


def refused(file: Path | str, **changes: object) -> str:
    with pytest.raises(WeightsError) as raised:
        build_backbone(settings(weights=str(file), **changes), 1)
    message = str(raised.value)
    assert Path(file).name in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("architecture", ["test_resnet", "test_convnext"])
def test_a_local_file_is_used(tmp_path: Path, architecture: str) -> None:
    path = weights_of(architecture, tmp_path / "own.safetensors")
    changes = {"backbone": architecture}
    own, other_seed = (build_backbone(settings(weights=str(path), **changes), seed) for seed in (1, 2))
    scratch = build_backbone(settings(weights="none", **changes), 1)
    torch.manual_seed(99)
    expected = first_convolution(import_timm().create_model(architecture))
    assert torch.equal(first_convolution(own), expected)
    assert not torch.equal(first_convolution(scratch), expected)
    for (name, a), b in zip(own.named_parameters(), other_seed.parameters(), strict=True):
        assert torch.equal(a, b), f"{name} was not in the file"


def test_a_pth_file_of_plain_weights_is_used(tmp_path: Path) -> None:
    torch.manual_seed(99)
    whole = import_timm().create_model("test_resnet")
    torch.save(whole.state_dict(), tmp_path / "own.pth")
    assert torch.equal(
        first_convolution(build_backbone(settings(weights=str(tmp_path / "own.pth")), 1)), first_convolution(whole)
    )


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_the_demo_backbone_loads_its_own_weights(tmp_path: Path, suffix: str) -> None:
    donor, path = build_backbone(settings(backbone="demo", weights="none"), 7), tmp_path / f"demo{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(donor.net.state_dict(), path)
    built = build_backbone(settings(backbone="demo", weights=str(path)), 1)
    assert all(torch.equal(a, b) for a, b in zip(built.parameters(), donor.parameters(), strict=True))
    wide = refused(path, backbone="demo", model_size="base")
    assert wide.endswith(": stem.0.weight is 8x3x3x3 in it and 16x3x3x3 in the network")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: {k: v for k, v in state.items() if k != "stem.3.weight"}, "it has nothing for stem.3.weight"),
        (lambda state: state | {"stem.9.weight": torch.zeros(2)}, "the network has no stem.9.weight"),
    ],
)
def test_weights_that_do_not_fit_the_demo_backbone_are_named(
    tmp_path: Path, change: Callable[..., Any], says: str
) -> None:
    state = build_backbone(settings(backbone="demo", weights="none"), 7).net.state_dict()
    save_file(change(state), tmp_path / "demo.safetensors")
    assert refused(tmp_path / "demo.safetensors", backbone="demo").endswith(f": {says}")


@pytest.mark.parametrize("content", [b"", b"hello world", bytes(range(256)) * 4, b"<html>404</html>"])
@pytest.mark.parametrize("backbone", ["test_resnet", "demo"])
def test_a_pth_file_without_weights_is_not_called_a_pickle(tmp_path: Path, backbone: str, content: bytes) -> None:
    (tmp_path / "junk.pth").write_bytes(content)
    assert "is not a weights file written by torch" in refused(tmp_path / "junk.pth", backbone=backbone)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "there is no such file" in refused(tmp_path / "gone.safetensors")
    assert "there is no such file" in refused("gone.pth")


@pytest.mark.parametrize("backbone", ["test_resnet", "demo"])
def test_truncated_weights_are_refused(tmp_path: Path, backbone: str) -> None:
    if backbone == "demo":
        path = tmp_path / "cut.safetensors"
        save_file(build_backbone(settings(backbone="demo", weights="none"), 7).net.state_dict(), path)
    else:
        path = weights_of(backbone, tmp_path / "cut.safetensors")
    whole = path.read_bytes()
    for length in (0, 1, 7, 8, 9, 500, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused(path, backbone=backbone)


def test_a_truncated_pth_file_is_not_called_a_pickle(tmp_path: Path) -> None:
    path = tmp_path / "cut.pth"
    torch.save(import_timm().create_model("test_resnet").state_dict(), path)
    whole = path.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert "pickled code" not in refused(path)


@pytest.mark.parametrize("other", ["test_resnet", "swin_small_patch4_window7_224"])
def test_weights_of_another_architecture_are_refused(tmp_path: Path, other: str) -> None:
    save_file(whole_state(other), tmp_path / "other.safetensors")
    message = refused(tmp_path / "other.safetensors", backbone="swin", patch_size=224)
    assert "does not hold the complete weights of backbone swin tiny" in message


def test_weights_of_other_shapes_are_refused(tmp_path: Path) -> None:
    state = {k: torch.cat([v, v]) if v.ndim else v for k, v in whole_state("test_resnet").items()}
    save_file(state, tmp_path / "wide.safetensors")
    assert "does not hold the complete weights" in refused(tmp_path / "wide.safetensors")


@pytest.mark.parametrize("backbone", ["test_resnet", "test_convnext"])
def test_incomplete_weights_are_refused(tmp_path: Path, backbone: str) -> None:
    state, path = whole_state(backbone), tmp_path / "part.safetensors"
    last = [name for name, value in state.items() if value.ndim == 4][-1]
    wrong = {
        "one less": {k: v for k, v in state.items() if k != last},
        "half": dict(list(state.items())[: len(state) // 2]),
        "renamed": {f"net.{k}": v for k, v in state.items()},
    }
    for kind, content in wrong.items():
        save_file(content, path)
        assert "does not hold the complete weights" in refused(path, backbone=backbone), kind
    headless = {k: v for k, v in state.items() if not k.startswith(("head", "fc"))}
    assert len(headless) < len(state)
    save_file(headless, path)
    build_backbone(settings(weights=str(path), backbone=backbone), 1)


def whole_state(architecture: str) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        shapes = import_timm().create_model(architecture).state_dict()
    return {name: torch.ones(value.shape, dtype=value.dtype) for name, value in shapes.items()}


@pytest.mark.parametrize("content", [[1, 2], {}, {"a": 1}, "text", torch.zeros(3)], ids=str)
@pytest.mark.parametrize("backbone", ["test_resnet", "demo"])
def test_a_pth_file_of_other_content_is_refused(tmp_path: Path, backbone: str, content: object) -> None:
    torch.save(content, tmp_path / "else.pth")
    message = refused(tmp_path / "else.pth", backbone=backbone)
    assert ("it has nothing for" if isinstance(content, dict) else "it holds no named weights") in message


class _Creates:
    """Unpickling it makes a file: what a hostile checkpoint could do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ".safetensors"])
@pytest.mark.parametrize("backbone", ["test_resnet", "demo"])
@pytest.mark.parametrize("form", ["torch", "torch-legacy", "pickle"])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path, suffix: str, backbone: str, form: str) -> None:
    path, trap = tmp_path / f"hostile{suffix}", tmp_path / "made-by-unpickling"
    content = {"state_dict": {"conv1.weight": torch.zeros(1)}, "trap": _Creates(trap)}
    if form == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "torch")
    assert "holds pickled code, not weights alone, and is refused" in refused(path, backbone=backbone)
    assert not trap.exists()


def test_an_unknown_tag_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match='has no weights "ms_in21k"') as raised:
        build_backbone(settings(backbone="swin", patch_size=224, weights="ms_in21k"), 1)
    assert "ms_in22k_ft_in1k" in str(raised.value)
    assert "ms_in1k" in str(raised.value)
    with pytest.raises(UserError, match='"demo" has no weights "imagenet"'):
        build_backbone(settings(backbone="demo", weights="imagenet"), 1)


def test_all_model_sizes_have_the_same_pretraining() -> None:
    names = [
        timm_name(TrainingConfig(backbone="swin", weights="imagenet", model_size=s)) for s in ("tiny", "small", "base")
    ]
    assert len({name.partition(".")[2] for name in names}) == 1
    for name in names:
        assert import_timm().is_model_pretrained(name)
    explicit = TrainingConfig(backbone="swin", weights="ms_in1k", model_size="tiny")
    assert timm_name(explicit).endswith(".ms_in1k")


_BUILD = """
import shutil, sys
from pathlib import Path
from iqa_train.errors import WeightsError
from iqa_train.models.backbone import build_backbone
from iqa_train.study.settings import TrainingConfig
settings = TrainingConfig(backbone="swin", model_size="tiny", weights="imagenet")
try:
    build_backbone(settings, 1)
except WeightsError as error:
    print(error)
place = Path(sys.argv[2])
place.parent.mkdir(parents=True)
shutil.copy(sys.argv[1], place)
built = build_backbone(settings, 1)
print(next(p for n, p in built.named_parameters() if n.endswith("proj.weight")).flatten()[:4].tolist())
"""


@pytest.mark.slow
def test_offline_the_error_says_what_to_download_and_where_to_put_it(
    tmp_path: Path,
) -> None:
    name = "swin_tiny_patch4_window7_224.ms_in22k_ft_in1k"
    fetched = weights_of("swin_tiny_patch4_window7_224", tmp_path / "model.safetensors")
    place = tmp_path / "cache" / "iqa-train" / "weights" / f"{name}.safetensors"
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, fetched, place],
        cwd=ROOT,
        env=os.environ
        | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "HF_HOME": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    message, weights = done.stdout.strip().splitlines()
    assert f"https://huggingface.co/timm/{name}/resolve/main/model.safetensors" in message
    assert str(place) in message
    assert 'weights = "none"' in message
    assert weights == str(load_file(fetched)["patch_embed.proj.weight"].flatten()[:4].tolist())


def test_a_network_to_be_restored_needs_no_weights() -> None:
    built = build_backbone(settings(weights="gone.pth"), 1, pretrained=False)
    assert isinstance(built, Backbone)
