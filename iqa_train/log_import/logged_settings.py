"""Settings stated in a log of the original script, under this program's names: from command line, lists and remarks."""

import ast
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from iqa_train.log_import.log_lines import Line
from iqa_train.study.messages import shown
from iqa_train.study.setting_fields import LOSSES
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.validate import check_settings, value_from_text

Values = dict[str, Any]

# The script's own names of settings, where they are not this program's.
_DESTINATIONS = {
    "use_multiscale": "multi_scale", "multiscale": "multi_scale", "use_attention": "attention_fusion",
    "lr_scheduler_type": "lr_scheduler", "test_spaq": "spaq", "use_color_jitter": "color_jitter",
}  # fmt: skip

_SWITCHES: dict[str, tuple[str, Any]] = {
    "no_multiscale": ("multi_scale", False), "no_multi_scale": ("multi_scale", False),
    "attention_fusion": ("attention_fusion", True), "test_random_crop": ("test_random_crop", True),
    "no_spaq": ("spaq", False), "no_color_jitter": ("color_jitter", False),
    "no_early_stopping": ("early_stopping", False), "no_lr_scheduler": ("lr_scheduler", "none"),
}  # fmt: skip

# `Learning Rate:              5e-07` under EXPERIMENT CONFIGURATION; without the text in brackets.
_LABELS = {
    "dataset": "dataset", "model size": "model_size", "epochs": "epochs", "batch size": "batch_size",
    "learning rate": "lr", "lr ratio": "lr_ratio", "weight decay": "weight_decay", "patch size": "patch_size",
    "train patch num": "train_patch_num", "test patch num": "test_patch_num", "train test num": "train_test_num",
    "ranking loss alpha": "ranking_loss_alpha", "ranking loss margin": "ranking_loss_margin",
    "drop path rate": "drop_path_rate", "dropout rate": "dropout_rate", "early stopping": "early_stopping",
    "patience": "patience", "lr scheduler": "lr_scheduler", "multi-scale fusion": "multi_scale",
    "attention fusion": "attention_fusion", "test random crop": "test_random_crop", "color jitter": "color_jitter",
    "colorjitter": "color_jitter", "color jitter augmentation": "color_jitter",
    "colorjitter augmentation": "color_jitter", "train colorjitter": "color_jitter",
    "test crop method": "test_random_crop",
    "ranking alpha": "ranking_loss_alpha", "ranking margin": "ranking_loss_margin",
    "test crop": "test_random_crop", "spaq cross-dataset test": "spaq", "random seed": "seed", "loss": "loss_type",
    "loss type": "loss_type", "primary loss type": "loss_type",
}  # fmt: skip
_LABEL = re.compile(r"\s*([A-Za-z][A-Za-z -]{0,40}?)\s*(?:\(([^)]*)\))?:\s+(\S.*)")
_NUMBER_AND_UNIT = re.compile(r"([-+]?[\d.]+(?:e[-+]?\d+)?)(?:\s+[a-z]+)?\s*(?:\(.*\))?", re.IGNORECASE)  # 5 epochs
_CROPS = {"random": True, "center": False, "centre": False}
_BACKBONES = re.compile(r"(?:.*\b(?:backbone|swin|initial|base|peak)\b.*)?", re.IGNORECASE)
_HEAD = re.compile(r"hyper-?net\w*|head|hyper-?network", re.IGNORECASE)  # which learns at lr x lr_ratio

# What the script prints at its start. "Backbone: Swin Transformer Tiny" is printed for every size, so it is ignored.
_REMARKS: tuple[tuple[str, Callable[[re.Match[str]], Values]], ...] = (
    (
        r"Training and testing on (\S+) dataset for (\d+) rounds",
        lambda m: {"dataset": m[1], "train_test_num": int(m[2])},
    ),
    (r"Random seed set to (\d+)", lambda m: {"seed": int(m[1])}),
    (r"Using Swin Transformer backbone", lambda _: {"backbone": "swin"}),
    (r"Model checkpoints will be saved to: .*-resnet[_-]", lambda _: {"backbone": "resnet50"}),
    (r"Loading Swin Transformer (TINY|SMALL|BASE)", lambda m: {"model_size": m[1].lower()}),
    (
        r"\(multi_scale=(True|False), model=(\w+)\)",
        lambda m: {"multi_scale": m[1] == "True", "model_size": m[2].lower()},
    ),
    (r"Multi-scale feature fusion: (ENABLED|DISABLED)", lambda m: {"multi_scale": m[1] == "ENABLED"}),
    (r"Using ATTENTION-based fusion", lambda _: {"attention_fusion": True}),
    (r"Using simple concatenation", lambda _: {"attention_fusion": False}),
    (r"^\s*Fusion Method:\s+(Attention|Concatenation)", lambda m: {"attention_fusion": m[1] == "Attention"}),
    (r"^\s*(?:Backbone|Model):\s+ResNet-?50\b", lambda _: {"backbone": "resnet50"}),
    (
        r"Regularization: drop_path_rate=([\d.]+), dropout_rate=([\d.]+)",
        lambda m: {"drop_path_rate": float(m[1]), "dropout_rate": float(m[2])},
    ),
    (r"Test augmentation: RandomCrop", lambda _: {"test_random_crop": True}),
    (r"Test augmentation: CenterCrop", lambda _: {"test_random_crop": False}),
    (r"SPAQ cross-dataset testing: DISABLED", lambda _: {"spaq": False}),
    (
        r"Ranking loss enabled: alpha=([\d.]+), margin=([\d.]+)",
        lambda m: {"ranking_loss_alpha": float(m[1]), "ranking_loss_margin": float(m[2])},
    ),
    (r"Early stopping enabled with patience=(\d+)", lambda m: {"early_stopping": True, "patience": int(m[1])}),
    (
        r"CosineAnnealingLR \(T_max=(\d+), eta_min=([\d.e+-]+)\)",
        lambda m: {"lr_scheduler": "cosine", "lr_floor": float(m[2]), "epochs": int(m[1])},
    ),
    (r"Learning rate scheduler: Step decay", lambda _: {"lr_scheduler": "step"}),
)
_CONSTANT = re.compile(r"Learning rate scheduler: DISABLED")
_BAR = re.compile(r"Epoch \d+/(\d{1,5})")
_SCRIPT = re.compile(r"\btrain\w*\.py((?:\s+\S+)*\s+--?\w.*|\s*\\\s*)$")
_SHELL = re.compile(r"\s(?:2>&1|\d?>|\||;|&&?)(?:\s|$|&)")

_HEADS_RATE = "lr x lr_ratio"

COSINE_FLOOR = 1e-6
"""Where the script's cosine ended, whatever its peak."""


@dataclass(frozen=True)
class LoggedSettings:
    """The valid settings that the log states; `command` is the script's command line, `notes` name invalid settings.

    `whole`: the log has the script's whole list of settings, or its command line, so that unnamed settings had the
    script's defaults.
    """

    settings: Values = field(default_factory=dict)
    command: tuple[str, ...] = ()
    whole: bool = False
    notes: tuple[str, ...] = ()


def parse_settings(lines: Sequence[Line]) -> LoggedSettings:
    """The settings stated in the lines; an exact list takes precedence over a rounded remark."""
    texts = [line.text for line in lines if line.whole]
    command = _command(texts)
    namespace = _namespace(texts)
    remarks = _remarks(texts)
    listed = _listed(texts)
    head = listed.pop(_HEADS_RATE, None)
    values = remarks | listed | _options(command) | namespace
    unclear = _apply_heads_rate(values, head)
    if any(_CONSTANT.search(text) for text in texts):
        values["lr_scheduler"] = "none"
    settings, notes = _valid(values)
    if settings.get("lr_scheduler", "cosine") != "cosine":
        settings.pop("lr_floor", None)
    return LoggedSettings(settings, command, bool(command or namespace), (*notes, *unclear))


def bar_epochs(lines: Sequence[Line]) -> int | None:
    """The planned number of epochs from the progress bars, for a log that states it nowhere else."""
    labels = (label for line in lines for label, _ in line.bars)
    return next((int(found[1]) for label in labels if (found := _BAR.fullmatch(label))), None)


def _remarks(texts: Sequence[str]) -> Values:
    found: Values = {}
    for text in texts:
        for pattern, read in _REMARKS:
            hit = re.search(pattern, text)
            if hit:
                found |= read(hit)
    return found


def _listed(texts: Sequence[str]) -> Values:
    found: Values = {}
    for text in texts:
        hit = _LABEL.fullmatch(text)
        name = _listed_name(hit[1].lower(), hit[2] or "") if hit else None
        if hit and name and name not in found:
            value = hit[3].split()[0].lower() if name == "loss_type" else hit[3].strip()  # L1 (MAE) is l1
            if hit[1].lower() != "loss" or value in LOSSES:  # which may as well be the loss itself
                found[name] = _cast("lr" if name == _HEADS_RATE else name, value)
    return found


def _listed_name(label: str, of: str) -> str | None:
    """The setting that a label of the list means; `of` is the text in brackets after it."""
    rate = re.fullmatch(r"(?:(?P<whose>.*) )?(?:learning rate|lr)", label)
    if rate is None:
        return _LABELS.get(label)
    whose = (rate["whose"] or of).strip()
    if _HEAD.match(whose):
        return _HEADS_RATE
    return "lr" if _BACKBONES.fullmatch(whose) else None


def _apply_heads_rate(values: Values, head: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Derive lr or lr_ratio from the other and the head's rate, their product; returns notes on conflicts."""
    if not isinstance(head, float) or not head > 0:
        return ()
    known = {name: values.get(name) for name in ("lr", "lr_ratio")}
    lr, ratio = (float(v) if isinstance(v, int | float) and v > 0 else None for v in known.values())
    if lr and ratio:
        if abs(lr * ratio / head - 1) < 1e-3:
            return ()
        return (f"the log says that the hyper-network trains at {head:g}, but lr x lr_ratio is {lr * ratio:g}",)
    if lr:
        values["lr_ratio"] = float(f"{head / lr:.6g}")
    elif ratio:
        values["lr"] = float(f"{head / ratio:.6g}")
    else:
        return (f"the log states only the product of lr and lr_ratio: {head:g}",)
    return ()


def _namespace(texts: Sequence[str]) -> Values:
    """`Namespace(lr=5e-07, ...)` as printed by argparse; empty if there is none that can be parsed."""
    for text in texts:
        at = text.find("Namespace(")
        if at < 0:
            continue
        try:
            call = ast.parse(text[at:].strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if isinstance(call, ast.Call):
            return dict(_of_namespace(call.keywords))
    return {}


def _of_namespace(keywords: Sequence[ast.keyword]) -> Iterator[tuple[str, Any]]:
    for keyword in keywords:
        try:
            value = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
        if keyword.arg == "use_lr_scheduler":
            if value is False:
                yield "lr_scheduler", "none"
            continue
        name = _DESTINATIONS.get(keyword.arg or "", keyword.arg)
        if name in TrainingConfig.model_fields:
            yield name, value


def _command(texts: Sequence[str]) -> tuple[str, ...]:
    """The words of the command that started the script, lines joined where they end in a backslash."""
    for number, text in enumerate(texts):
        if not _SCRIPT.search(text):
            continue
        joined = text.rstrip()
        for more in texts[number + 1 :]:
            if not joined.endswith("\\"):
                break
            joined = joined[:-1] + " " + more.strip()
        joined = _SHELL.split(joined.rstrip("\\"), maxsplit=1)[0]
        try:
            words = shlex.split(joined)
        except ValueError:
            continue
        script = next((k for k, word in enumerate(words) if re.search(r"train\w*\.py$", word)), None)
        if script is not None:
            return tuple(words[script:])
    return ()


def _options(command: Sequence[str]) -> Values:
    found: Values = {}
    words = [part for word in command[1:] for part in (word.split("=", 1) if word.startswith("--") else [word])]
    for word, value in zip(words, [*words, ""][1:], strict=True):
        name = word[2:].replace("-", "_") if word.startswith("--") else ""
        if name in _SWITCHES:
            setting, value_of_switch = _SWITCHES[name]
            found[setting] = value_of_switch
        elif _DESTINATIONS.get(name, name) in TrainingConfig.model_fields:
            found[_DESTINATIONS.get(name, name)] = _cast(_DESTINATIONS.get(name, name), value)
    return found


def _cast(name: str, text: str) -> Any:  # noqa: ANN401
    """`text` as the type of the setting, without a unit or a remark after it; unchanged if it cannot be converted."""
    kind = TrainingConfig.model_fields[name].annotation
    plain = text
    if kind is bool:
        plain = re.split(r"[\s(,]", text.strip(), maxsplit=1)[0]
        if name == "test_random_crop":
            for start, value in _CROPS.items():
                if plain.lower().startswith(start):
                    return value
    elif kind in {int, float}:
        found = _NUMBER_AND_UNIT.fullmatch(text)
        plain = found[1] if found else text
    value = value_from_text(name, plain)
    return text if value == plain else value


def _valid(values: Mapping[str, Any]) -> tuple[Values, tuple[str, ...]]:
    """The values that this program accepts, and a note on each of the others."""
    valid, wrong = check_settings(values)
    notes = tuple(f"the log says {name} = {shown(values[name])}, which this program does not have" for name, _ in wrong)
    return valid, notes
