"""Every setting of a training run: its type, default, range, unit and meaning.

The program's options, the keys of a study file, the help and the validated `TrainingConfig` are all made from these
fields. The defaults are those of the training script this tool replaces, so that a command typed for it means the same
here. Without pydantic, which is slow to import: `iqa-train --help` reads this.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, get_args

from iqa_train.study.backbones import BACKBONES, SIZED_BACKBONES
from iqa_train.text import join_names

DATA_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class Limits:
    """The values that an `Annotated` type allows, as pydantic's constraints of the same names.

    pydantic iterates over it for these constraints (the protocol `annotated_types.GroupedMetadata`).
    """

    __is_annotated_types_grouped_metadata__ = True

    def __init__(
        self,
        *,
        gt: float | None = None,
        ge: float | None = None,
        lt: float | None = None,
        le: float | None = None,
        multiple_of: int | None = None,
        pattern: str | None = None,
    ) -> None:
        self.gt, self.ge, self.lt, self.le = gt, ge, lt, le
        self.multiple_of, self.pattern = multiple_of, pattern

    def __iter__(self) -> Iterator[Any]:
        from pydantic import Field

        given = {name: value for name, value in vars(self).items() if value is not None and name in _CONSTRAINTS}
        yield from Field(**given).metadata


_CONSTRAINTS = ("gt", "ge", "lt", "le", "multiple_of", "pattern")


class Setting(Limits):
    """The group of the help page that a setting is in, what it means, and its limits.

    `local` settings say where, how fast, or what else is evaluated afterwards, never what is trained: they are not
    hashed.
    """

    def __init__(self, group: str, description: str, *, local: bool = False, **limits: Any) -> None:  # noqa: ANN401
        super().__init__(**limits)
        self.group, self.description, self.local = group, description, local


LOSSES = (
    "l1", "l2", "srcc", "rank", "pairwise", "soft_srcc", "margin_rank", "ranknet", "plcc", "nin", "fidelity", "emd",
)  # fmt: skip
"""The losses of this program; the first five are the original script's."""

NETWORKS = ("hyperiqa", "linear")
"""The networks of this program."""

OPTIONS_OF = {"network_options": "network", "loss_options": "loss_type"}
"""Each table of options, with the setting that names what they are options of."""

OptionValue = bool | int | float | str | tuple[bool | int | float | str, ...]
"""The value of an option of a network or a loss."""

NO_OPTIONS: dict[str, OptionValue] = {}

DataName = Annotated[str, Limits(pattern=DATA_NAME)]


class SettingFields:
    """The settings as class attributes: `name: Annotated[type, Setting(...)] = default`."""

    dataset: Annotated[
        str, Setting("Data", "data set to train on: koniq-10k, demo, or a [datasets] table's name", pattern=DATA_NAME)
    ] = "livec"
    data_dir: Annotated[str, Setting("Data", "folder of the data set; empty means data/<dataset>", local=True)] = ""
    cache_dir: Annotated[
        str,
        Setting("Data", "where decoded pixels are kept; $NAME is expanded; empty means ~/.cache/iqa-train", local=True),
    ] = ""
    resize: Annotated[
        str,
        Setting(
            "Data",
            "size images are stored at: auto (the data set's own), none, WIDTHxHEIGHT, or the shorter side",
            pattern=r"^(auto|none|[1-9]\d{0,4}(x[1-9]\d{0,4})?)$",
        ),
    ] = "auto"
    patch_size: Annotated[int, Setting("Data", "side of a square crop, pixels", ge=32, le=1024, multiple_of=32)] = 224
    train_patch_num: Annotated[int, Setting("Data", "crops of each training image in an epoch", ge=1, le=1000)] = 25
    test_patch_num: Annotated[
        int, Setting("Data", "crops of each test image, whose scores are averaged", ge=1, le=1000)
    ] = 25
    test_random_crop: Annotated[bool, Setting("Data", "test on random crops; off: on the centre crop only")] = False
    color_jitter: Annotated[
        bool, Setting("Data", "vary brightness, contrast, saturation and hue of training crops")
    ] = True
    spaq: Annotated[bool, Setting("Data", "also evaluate on SPAQ after training, where SPAQ is found")] = True
    cross_datasets: Annotated[
        tuple[DataName, ...],
        Setting("Data", "data sets to evaluate on after training, such as spaq,kadid-10k", local=True),
    ] = ()

    network: Annotated[
        str, Setting("Network", "hyperiqa, linear, or own code: FILE.py:FUNCTION or PACKAGE.MODULE:FUNCTION")
    ] = "hyperiqa"
    network_options: Annotated[
        dict[str, OptionValue], Setting("Network", "options of the network, such as depth=2,width=64")
    ] = NO_OPTIONS
    backbone: Annotated[
        str, Setting("Network", f"{', '.join(BACKBONES)}, or a timm network with four stages or plain transformer")
    ] = "swin"
    model_size: Annotated[
        Literal["tiny", "small", "base"], Setting("Network", f"size of the {join_names(SIZED_BACKBONES)} backbones")
    ] = "tiny"
    weights: Annotated[
        str,
        Setting("Network", "imagenet (pinned per backbone), none, a timm weight tag, or a .safetensors or .pth file"),
    ] = "imagenet"
    mean: Annotated[
        tuple[float, ...],
        Setting("Network", "mean of red, green and blue that crops are normalised by, 0 to 1; empty: the weights' own"),
    ] = ()
    std: Annotated[
        tuple[float, ...],
        Setting("Network", "their standard deviation, such as 0.5,0.5,0.5; empty: the weights' own"),
    ] = ()
    taps: Annotated[
        tuple[int, ...],
        Setting("Network", "four blocks of a plain transformer, such as 3,6,9,12; empty: evenly spaced"),
    ] = ()
    freeze: Annotated[
        str,
        Setting(
            "Network",
            "what of the backbone is not trained: none, backbone, stages:N, or blocks:N of a plain transformer",
            pattern=r"^(none|backbone|stages:[1-4]|blocks:[1-9]\d?)$",
        ),
    ] = "none"
    multi_scale: Annotated[
        bool, Setting("Network", "feed all four stages to the hyper-network; off: only the last")
    ] = True
    attention_fusion: Annotated[bool, Setting("Network", "weigh the four stages per image; needs multi_scale")] = False
    hyper_channels: Annotated[
        int,
        Setting(
            "Network",
            "channels of the hyper-network's last map; the maps before it scale with it (512 and 256 at 112)",
            ge=8,
            le=1024,
        ),
    ] = 112
    drop_path_rate: Annotated[float, Setting("Network", "stochastic depth in the backbone", ge=0, lt=1)] = 0.2
    dropout_rate: Annotated[
        float,
        Setting(
            "Network",
            "dropout of the hyper-network's last map and of the target network's first three layers",
            ge=0,
            lt=1,
        ),
    ] = 0.3

    lr: Annotated[float, Setting("Optimisation", "peak learning rate of the backbone", gt=0, le=1)] = 2e-5
    lr_ratio: Annotated[
        float,
        Setting(
            "Optimisation", "everything but the backbone and the local distortion layers trains at lr_ratio x lr", gt=0
        ),
    ] = 10.0
    layer_decay: Annotated[
        float,
        Setting(
            "Optimisation",
            "each stage of the backbone, or block of a plain transformer, trains at layer_decay x the rate of the next",
            gt=0,
            le=1,
        ),
    ] = 1.0
    lr_scheduler: Annotated[Literal["cosine", "step", "none"], Setting("Optimisation", "how the rate falls")] = "cosine"
    warmup_epochs: Annotated[float, Setting("Optimisation", "epochs of linear warm-up from 0 to the peak", ge=0)] = 0.0
    lr_step: Annotated[
        Literal["batch", "epoch"],
        Setting("Optimisation", "how often the cosine moves; epoch is the original script's way"),
    ] = "batch"
    lr_floor: Annotated[
        float,
        Setting(
            "Optimisation", "rate at the end of the cosine, the same for all parameters; the original's is 1e-6", ge=0
        ),
    ] = 0.0
    lr_step_epochs: Annotated[int, Setting("Optimisation", "step schedule: epochs between two drops", ge=1)] = 6
    lr_step_gamma: Annotated[float, Setting("Optimisation", "step schedule: factor of a drop", gt=0)] = 0.1
    weight_decay: Annotated[float, Setting("Optimisation", "AdamW's weight decay", ge=0)] = 5e-4
    batch_size: Annotated[int, Setting("Optimisation", "crops in a batch", ge=1, le=65536)] = 96
    micro_batch_size: Annotated[
        int,
        Setting("Optimisation", "crops computed at once, if the GPU does not hold a batch; 0: all", ge=0, le=65536),
    ] = 0
    epochs: Annotated[int, Setting("Optimisation", "passes over the training crops", ge=1, le=100000)] = 16
    early_stopping: Annotated[
        bool, Setting("Optimisation", "stop when the selection split has not improved for a while")
    ] = True
    patience: Annotated[int, Setting("Optimisation", "epochs without improvement before stopping", ge=1)] = 5
    loss_type: Annotated[
        str,
        Setting(
            "Optimisation",
            f"training loss: {', '.join(LOSSES)}, or own code, FILE.py:FUNCTION or PACKAGE.MODULE:FUNCTION; the first "
            "five are the original script's (srcc: Pearson's correlation)",
        ),
    ] = "l1"
    loss_options: Annotated[dict[str, OptionValue], Setting("Optimisation", "options of the loss, such as p=1,q=2")] = (
        NO_OPTIONS
    )
    ranking_loss_alpha: Annotated[
        float, Setting("Optimisation", "weight of a ranking term added to the loss; 0: none", ge=0)
    ] = 0.5
    ranking_loss_margin: Annotated[
        float, Setting("Optimisation", "margin of margin_rank, ranknet and the ranking term", ge=0)
    ] = 0.1

    train_test_num: Annotated[
        int, Setting("Protocol", "rounds with consecutive seeds; their median is reported", ge=1)
    ] = 10
    select_on: Annotated[Literal["val", "test"], Setting("Protocol", "split that chooses the best epoch")] = "val"
    seed: Annotated[int, Setting("Protocol", "of data order, crops, initial weights and dropout", ge=0, lt=2**63)] = 42

    precision: Annotated[
        Literal["auto", "fp32", "bf16"],
        Setting("Machine", "auto: bf16 where the device has it; fp32 is the original script's"),
    ] = "auto"
    memory_gib: Annotated[
        float,
        Setting("Machine", "GPU memory a run needs, GiB; it waits for as much; 0: half the GPU", local=True, ge=0),
    ] = 0.0
    compile: Annotated[bool, Setting("Machine", "compile the network (faster on long GPU runs)", local=True)] = False
    workers: Annotated[
        int, Setting("Machine", "threads that decode images and gather crops; 0: none", local=True, ge=0, le=64)
    ] = 2
    threads: Annotated[
        int,
        Setting(
            "Machine", "threads that a run on the CPU computes with; its numbers depend on them, not on the cores",
            local=True, ge=1, le=1024,
        ),
    ] = 1  # fmt: skip


class Declared(NamedTuple):
    """A setting as it is declared above."""

    kind: Any
    default: Any
    about: Setting


def _declared(annotation: object, default: object) -> Declared:
    kind, about = get_args(annotation)
    return Declared(kind, default, about)


SETTINGS = {
    name: _declared(annotation, getattr(SettingFields, name))
    for name, annotation in SettingFields.__annotations__.items()
}
"""By name, in the order of the help page."""


def is_local(name: str) -> bool:
    """Whether setting `name` says only where or how fast a run happens or what else it is evaluated on."""
    return SETTINGS[name].about.local
