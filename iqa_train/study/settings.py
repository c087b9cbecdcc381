"""Every setting of a training run, with its range, unit and meaning. The program's options are made from this model.

The defaults are those of the training script this tool replaces, so that a command typed for it means the same here.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from iqa_train.errors import control_complaint
from iqa_train.study.backbones import BACKBONES, SIZED_BACKBONES

DataName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]

SPAQ = "spaq"
"""The one set that the script could test across on, by an option of its own."""

OWN_SPLITS = ("val", "test")
"""What predictions on a run's own images are named by, and so no other set's."""

CONTROL = "control_character"
"""What a refused control character is called among pydantic's kinds of error."""


def _setting(default: Any, group: str, description: str, *, local: bool = False, **limits: Any) -> Any:  # noqa: ANN401
    """A field in a group of the help page.

    `local` settings say where, how fast, or what else is tested afterwards, never what is trained: they are not hashed.
    """
    return Field(default, description=description, json_schema_extra={"group": group, "local": local}, **limits)


class TrainingConfig(BaseModel):
    """One run's settings, frozen once made; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)

    dataset: DataName = _setting("livec", "Data", "data set to train on: koniq-10k, demo, or a [datasets] table's name")
    data_dir: str = _setting("", "Data", "folder of the data set; empty means data/<dataset>", local=True)
    cache_dir: str = _setting("", "Data", "where decoded pixels are kept; empty means ~/.cache/iqa-train", local=True)
    resize: str = _setting(
        "auto", "Data", "size images are stored at: auto (the data set's own), none, WIDTHxHEIGHT, or the shorter side",
        pattern=r"^(auto|none|[1-9]\d{0,4}(x[1-9]\d{0,4})?)$",
    )  # fmt: skip
    patch_size: int = _setting(224, "Data", "side of a square crop, pixels", ge=32, le=1024, multiple_of=32)
    train_patch_num: int = _setting(25, "Data", "crops of each training image in an epoch", ge=1, le=1000)
    test_patch_num: int = _setting(25, "Data", "crops of each tested image, whose scores are averaged", ge=1, le=1000)
    test_random_crop: bool = _setting(False, "Data", "test on random crops; off: on the centre crop alone")
    color_jitter: bool = _setting(True, "Data", "vary brightness, contrast, saturation and hue of training crops")
    spaq: bool = _setting(True, "Data", "also test across on SPAQ after training, where SPAQ is found")
    cross_datasets: tuple[DataName, ...] = _setting(
        (), "Data", "data sets to test across on after training, such as spaq,kadid-10k", local=True
    )

    backbone: str = _setting("swin", "Network", f"{', '.join(BACKBONES)}, or any timm feature network of four stages")
    model_size: Literal["tiny", "small", "base"] = _setting(
        "tiny", "Network", f"size of the {' or '.join(SIZED_BACKBONES)} backbone"
    )
    weights: str = _setting(
        "imagenet", "Network", "imagenet (pinned per backbone), none, a timm weight tag, or a .safetensors or .pth file"
    )
    multi_scale: bool = _setting(True, "Network", "feed all four stages to the hyper-network; off: the last one")
    attention_fusion: bool = _setting(False, "Network", "weigh the four stages per image; needs multi_scale")
    drop_path_rate: float = _setting(0.2, "Network", "stochastic depth in the backbone", ge=0, lt=1)
    dropout_rate: float = _setting(
        0.3, "Network", "dropout of the hyper-network's 112-channel map and of the target network's first three layers",
        ge=0, lt=1,
    )  # fmt: skip

    lr: float = _setting(2e-5, "Optimisation", "peak learning rate of the backbone", gt=0, le=1)
    lr_ratio: float = _setting(
        10.0, "Optimisation", "all but the backbone and the local distortion layers trains at lr_ratio x lr", gt=0
    )
    lr_scheduler: Literal["cosine", "step", "none"] = _setting("cosine", "Optimisation", "how the rate falls")
    warmup_epochs: float = _setting(0.0, "Optimisation", "epochs of linear warm-up from 0 to the peak", ge=0)
    lr_step: Literal["batch", "epoch"] = _setting(
        "batch", "Optimisation", "how often the cosine moves; epoch is the original script's way"
    )
    lr_floor: float = _setting(
        0.0, "Optimisation", "rate at the end of the cosine, the same for all parameters; the original's is 1e-6", ge=0
    )
    lr_step_epochs: int = _setting(6, "Optimisation", "step schedule: epochs between two drops", ge=1)
    lr_step_gamma: float = _setting(0.1, "Optimisation", "step schedule: factor of a drop", gt=0)
    weight_decay: float = _setting(5e-4, "Optimisation", "AdamW's weight decay", ge=0)
    batch_size: int = _setting(96, "Optimisation", "crops in a batch", ge=1, le=65536)
    epochs: int = _setting(16, "Optimisation", "passes over the training crops", ge=1, le=100000)
    early_stopping: bool = _setting(True, "Optimisation", "stop when the selection split has not improved for a while")
    patience: int = _setting(5, "Optimisation", "epochs without improvement before stopping", ge=1)
    loss_type: Literal["l1", "l2", "srcc", "rank", "pairwise", "soft_srcc", "margin_rank", "ranknet"] = _setting(
        "l1", "Optimisation", "training loss; the first five are the original script's (srcc: Pearson's correlation)"
    )
    ranking_loss_alpha: float = _setting(
        0.5, "Optimisation", "weight of a ranking term added to the loss; 0: none", ge=0
    )
    ranking_loss_margin: float = _setting(
        0.1, "Optimisation", "margin of margin_rank, ranknet and the ranking term", ge=0
    )

    train_test_num: int = _setting(10, "Protocol", "rounds with consecutive seeds; their median is reported", ge=1)
    select_on: Literal["val", "test"] = _setting("val", "Protocol", "split that chooses the best epoch")
    seed: int = _setting(42, "Protocol", "of data order, crops, initial weights and dropout", ge=0, lt=2**63)

    precision: Literal["auto", "fp32", "bf16"] = _setting(
        "auto", "Machine", "auto: bf16 where the device has it; fp32 is the original script's"
    )
    memory_gib: float = _setting(
        0.0, "Machine", "GPU memory a run needs, GiB; it waits for as much; 0: half the GPU", local=True, ge=0
    )
    compile: bool = _setting(False, "Machine", "compile the network (faster on long GPU runs)", local=True)
    workers: int = _setting(
        2, "Machine", "threads that decode images and gather crops; 0: none", local=True, ge=0, le=64
    )

    @field_validator("*", mode="before")
    @classmethod
    def _whole_numbers_are_floats(cls, value: object, info: Any) -> object:  # noqa: ANN401
        """TOML's `lr_ratio = 10` means 10.0; everything else stays strictly typed."""
        if type(value) is int and cls.model_fields[info.field_name].annotation is float:
            return float(value)
        return value

    @field_validator("cross_datasets", mode="before")
    @classmethod
    def _lists_are_tuples(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("cross_datasets")
    @classmethod
    def _files_of_their_own(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Predictions on a set go to a file of its name; two are taken."""
        for name in value:
            if name.lower() in OWN_SPLITS:
                raise ValueError(
                    f'cross_datasets holds "{name}", which names the run\'s own {name.lower()} images; give the set '
                    "another name in [datasets]"
                )
        return tuple(dict.fromkeys(value))

    @property
    def across(self) -> tuple[str, ...]:
        """The sets to test across on: those named, then SPAQ where it is on; never the set that is trained on."""
        names = (*self.cross_datasets, *((SPAQ,) if self.spaq else ()))
        return tuple(name for name in dict.fromkeys(names) if name != self.dataset)

    @field_validator("*", mode="before")
    @classmethod
    def _text_is_plain(cls, value: object) -> object:
        """Settings are printed into logs, where a line's end would forge the next line."""
        complaint = control_complaint(value) if isinstance(value, str) else None
        if complaint:
            raise PydanticCustomError(CONTROL, "{complaint}", {"complaint": complaint})
        return value


def group_of(name: str) -> str:
    """The help page's group that setting `name` stands in."""
    return str(_extra(name)["group"])


def is_local(name: str) -> bool:
    """Whether setting `name` says only where or how fast a run happens or what else it is tested on."""
    return bool(_extra(name)["local"])


def _extra(name: str) -> dict[str, Any]:
    extra = TrainingConfig.model_fields[name].json_schema_extra
    assert isinstance(extra, dict)
    return extra
