"""Networks of a user's own: imported from a copy, fed and started as they ask for, blamed by their own lines."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from iqa_train.models.backbone import Backbone
from iqa_train.models.build_network import build_network
from iqa_train.models.code_errors import OwnCodeError
from iqa_train.models.import_code import import_function
from iqa_train.models.own_network import OwnNetwork
from iqa_train.study.code_reference import code_reference
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.optimizer import build_optimizer

HEAD = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.score = nn.Linear(backbone.channels[-1], 1)

    def forward(self, crops):
        return self.score(self.backbone(crops)[-1].mean((2, 3)))

"""
BUILD = """
def build(*, context):
    return Net(context.backbone())
"""


def written(folder: Path, **files: str) -> Path:
    """A folder with modules, `a__b` for a/b.py."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def made(folder: Path, name: str = "mine.py:build", seed: int = 1, **changes: object) -> OwnNetwork:
    settings = TrainingConfig(network=name, backbone="demo", weights="none", patch_size=32, **changes)
    network = build_network(settings, seed, folder)
    assert isinstance(network, OwnNetwork)
    return network


def crops() -> torch.Tensor:
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def value(folder: Path, reference: str) -> object:
    found = code_reference(reference)
    assert found is not None
    return import_function(found, folder)()


def test_modules_are_found_beside_the_file_and_from_the_studys_folder(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        nets__mine="import beside\nfrom nets.inner import two\nfrom .inner import two as same\nimport helpers.three\n"
        "def build(): return beside.one, two, same, helpers.three.three\n",
        nets__beside="one = 1\n",
        nets__inner="two = 2\n",
        helpers__three="three = 3\n",
    )
    assert value(folder, "nets/mine.py:build") == (1, 2, 2, 3)
    assert value(folder, "nets.mine:build") == (1, 2, 2, 3)
    assert sorted(path.name for path in folder.rglob("*")) == [
        "beside.py", "helpers", "inner.py", "mine.py", "nets", "three.py"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["my-net.py", "queue.py", "random.py", "code/net.py", "torch/net.py", "2.py"])
def test_files_may_have_any_name_and_replace_no_library(tmp_path: Path, name: str) -> None:
    folder = written(tmp_path, **{name.removesuffix(".py").replace("/", "__"): "def build(): return 'own'\n"})
    before = {known: sys.modules.get(known) for known in ("queue", "random", "code", "torch")}
    assert value(folder, f"{name}:build") == "own"
    assert {known: sys.modules.get(known) for known in before} == before


def test_a_second_copy_in_one_process_replaces_the_first(tmp_path: Path) -> None:
    for name in ("one", "two"):
        written(
            tmp_path / name,
            net="import inner\ndef build():\n    import late\n    return inner.name, late.name\n",
            inner=f"name = '{name}'\n",
            late=f"name = '{name}'\n",
        )
    for name in ("one", "two", "one"):
        assert value(tmp_path / name, "net.py:build") == (name, name)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"mine": "def build(:\n"}, "mine.py, line 1: SyntaxError: invalid syntax"),
        ({"mine": "import nowhere\n"}, "mine.py, line 1, import nowhere: ModuleNotFoundError: No module named"),
        ({"mine": "from inner import x\n", "inner": "\nx = 1 / 0\n"}, "inner.py, line 2, x = 1 / 0: ZeroDivisionError"),
        ({"mine": "def built(): pass\n"}, 'mine.py has no function build; did you mean "built"?'),
        ({"mine": "build = 3\n"}, "mine.py: build is no function but int"),
        ({"other": ""}, "mine.py is missing in "),
        (
            {"mine": "def build(*, depth): pass\n"},
            "mine.py:build failed while building the network: TypeError: build()",
        ),
        ({"mine": HEAD + "\ndef build(*, context): return Net(context.backbones())\n"}, "has no attribute 'backbones'"),
        ({"mine": HEAD + "    mean = 3\n" + BUILD}, "mine.py:build: mean = 3 must be three numbers, for red, green"),
        ({"mine": HEAD + "    std = (0, 1, 1)\n" + BUILD}, "std = [0.0, 1.0, 1.0] must be above 0"),
    ],
)
def test_what_is_wrong_is_said_with_their_line(tmp_path: Path, files: dict[str, str], says: str) -> None:
    with pytest.raises(OwnCodeError) as caught:
        made(written(tmp_path, **files))
    assert says in str(caught.value)
    assert "iqa_train/" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_crops_come_with_the_mean_and_std_that_the_network_names(tmp_path: Path) -> None:
    plain = made(written(tmp_path / "a", mine=HEAD + BUILD)).eval()
    asking = made(written(tmp_path / "b", mine=HEAD + "    mean, std = (0, 0, 0), [1, 1, 1]\n" + BUILD)).eval()
    mean, std = (torch.tensor(x)[:, None, None] for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        pixels = crops() * std + mean
        assert torch.allclose(asking(crops()), plain(pixels), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(asking(crops()), plain(crops()), rtol=1e-2)


def test_scores_start_at_the_mean_and_the_network_may_see_to_it_itself(tmp_path: Path) -> None:
    network = made(written(tmp_path / "a", mine=HEAD + BUILD)).eval()
    own = "    def start_at(self, score):\n        nn.init.constant_(self.score.bias, score)\n"
    itself = made(written(tmp_path / "b", mine=HEAD + own + BUILD)).eval()
    with torch.no_grad():
        before = network(crops())
        for one in (network, itself):
            one.start_at(50.0)
        assert torch.allclose(network(crops()), before + 50)
        assert network(crops()).shape == (3,)
    assert float(itself.module.score.bias.detach()) == 50
    assert (float(network.offset), float(itself.offset)) == (50, 0)
    assert "offset" in network.state_dict()


def test_parameter_groups(tmp_path: Path) -> None:
    own = (
        "    def parameter_groups(self):\n"
        "        return [{'params': [self.score.bias], 'lr_ratio': 3, 'weight_decay': 0.0}]\n"
    )
    for folder, text, expected in (
        ("a", HEAD + BUILD, {"score.bias": (5.0, 0.01), "score.weight": (5.0, 0.01)}),
        ("b", HEAD + own + BUILD, {"score.bias": (3.0, 0.0), "score.weight": (5.0, 0.01)}),
    ):
        network = made(written(tmp_path / folder, mine=text))
        settings = TrainingConfig(lr_ratio=5.0, weight_decay=0.01, backbone="demo", weights="none")
        groups = build_optimizer(network, settings).param_groups
        found = {id(p): (g["ratio"], g["weight_decay"]) for g in groups for p in g["params"]}
        names = {name.removeprefix("module."): found.pop(id(p)) for name, p in network.named_parameters()}
        assert found == {}
        assert {name: names[name] for name in expected} == expected
        assert {names[name] for name in names if name.startswith("backbone.")} == {(1.0, 0.01)}


def test_the_backbone_is_that_of_the_settings_with_its_own_initial_weights(tmp_path: Path) -> None:
    folder = written(tmp_path, mine=HEAD + BUILD)
    own, hyper = made(folder), build_network(TrainingConfig(backbone="demo", weights="none", patch_size=32), 1)
    assert isinstance(own.module.backbone, Backbone)
    for (name, one), two in zip(
        own.module.backbone.state_dict().items(), hyper.backbone.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two), name
    again, other = made(folder), made(folder, seed=2)
    assert torch.equal(own.module.score.weight, again.module.score.weight)
    assert not torch.equal(own.module.score.weight, other.module.score.weight)


def test_a_function_of_an_installed_package_needs_no_file(tmp_path: Path) -> None:
    options = {"model_name": "test_resnet", "num_classes": 1}
    network = made(tmp_path, "timm:create_model", network_options=options).eval()
    with torch.no_grad():
        assert network(crops()).shape == (3,)
    with pytest.raises(OwnCodeError, match=r"timm:create_model failed while building the network: timm/models/_fact"):
        made(tmp_path, "timm:create_model", network_options={"model_name": "nope"})


def test_settings_of_torch_that_a_file_changes_are_put_back(tmp_path: Path) -> None:
    top = "import torch\ntorch.set_num_threads(3)\ntorch.set_default_dtype(torch.float64)\n"
    top += "torch.set_grad_enabled(False)\ntorch.backends.cudnn.benchmark = True\n"
    before = torch.get_num_threads(), torch.get_default_dtype(), torch.backends.cudnn.benchmark
    network = made(written(tmp_path, mine=top + HEAD + "def build(*, context):\n    torch.set_num_threads(2)\n"
                           "    return Net(context.backbone())\n"))  # fmt: skip
    assert (torch.get_num_threads(), torch.get_default_dtype(), torch.backends.cudnn.benchmark) == before
    assert network(crops()).requires_grad


def test_what_an_error_says_is_printable(tmp_path: Path) -> None:
    folder = written(tmp_path, mine="def build(*, context):\n    raise ValueError('a\\x1b[2Jb')\n")
    with pytest.raises(OwnCodeError) as caught:
        made(folder)
    assert "ValueError: a\\u001b[2Jb" in str(caught.value)


def test_the_linear_control(tmp_path: Path) -> None:
    settings = TrainingConfig(network="linear", backbone="demo", weights="none", patch_size=32, lr_ratio=4.0)
    network = build_network(settings, 1).eval()
    network.start_at(60.0)
    with torch.no_grad():
        scores = network(crops())
    assert scores.shape == (3,)
    assert torch.allclose(scores, torch.full((3,), 60.0), atol=15)
    at_lr, rest = build_optimizer(network, settings).param_groups
    assert (at_lr["ratio"], rest["ratio"]) == (1.0, 4.0)
    width = network.backbone.channels[-1]
    assert sum(p.numel() for p in rest["params"]) == 256 * (width + 1) + 257
    assert isinstance(network, nn.Module)
