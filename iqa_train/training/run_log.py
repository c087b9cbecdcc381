"""The lines of a run's log: for people, for grep, and for `import-log`, which reads the epoch rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from iqa_train.datasets.images.pixel_store import PixelStore
from iqa_train.datasets.splits import split_origin
from iqa_train.datasets.table import ImageTable, Split
from iqa_train.models.own_network import OwnNetwork
from iqa_train.runs.layout import RunFolder
from iqa_train.study.backbones import SIZED_BACKBONES
from iqa_train.study.messages import shown
from iqa_train.study.own_code import OwnCode
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.spec import RunSpec
from iqa_train.text import join_names
from iqa_train.training.compute_device import ComputeDevice
from iqa_train.training.other_rounding import NEIGHBOURS
from iqa_train.training.progress import Progress

EPOCH_COLUMNS = "Epoch\tTrain_Loss\tTrain_SRCC\tTest_SRCC\tTest_PLCC"
SPLIT_NAMES = {"val": "validation", "test": "test"}


def header(spec: RunSpec, run: RunFolder, device: ComputeDevice) -> list[str]:
    """Which run this is, how it differs from the baseline, and where it runs."""
    which = f"study {spec.study}, {run.seed_words}, {spec.config_hash}"
    lines = [f"{spec.experiment}: {spec.title or spec.slug} ({which})"]
    if run.repeat > 1:
        lines.append(f"a repeat with other rounding ({NEIGHBOURS}); it does not count as another seed")
    if spec.differs:
        parts = (f"{name} {ours} (baseline: {theirs})" for name, (theirs, ours) in spec.differs.items())
        lines.append(f"differs from {spec.baseline} in: " + "; ".join(parts))
    precision = "bf16" if device.bf16 else "fp32"
    lines.append(f"device: {device.name}, {precision}, torch {torch.__version__}")
    return [*lines, f"normalisation: {spec.normalisation}"]


def own_code(code: OwnCode, copy: Path) -> list[str]:
    """The study's own code that is about to run, and what of it has been edited since the run was queued."""
    named = join_names([*code.files, *(f"{package} {version}" for package, version in code.packages.items())], most=6)
    lines = [f"own code: {named}" + (f", from the copy in {copy}" if code.files else "")]
    if edited := code.changed():
        lines.append(
            f"note: {join_names(edited, most=6)} in {code.folder} changed after this run was queued; the run uses its "
            "copy, as it was then"
        )
    return lines


def own_normalisation(network: OwnNetwork) -> list[str]:
    """That an own network is given its crops normalised as it asks for."""
    asked = network.asked
    if asked is None:
        return []
    mean, std = (" ".join(f"{number:g}" for number in numbers) for numbers in asked)
    return [f"note: the network asks for its crops with mean {mean}, std {std}, and is given them so"]


def data(table: ImageTable, split: Split, store: PixelStore) -> list[str]:
    """The data set and its splits."""
    sizes = f"{len(split.train)} training, {len(split.val)} validation, {len(split.test)} test images"
    first = f"data: {table.name}, {sizes} ({split_origin(table)}); pixels in {store.folder}"
    return [first, *(f"note: {note}" for note in table.notes)]


def round_start(
    number: int, rounds: int, settings: TrainingConfig, parameters: tuple[int, int], progress: Progress
) -> list[str]:
    """Seed, network and learning rate of a round, and where a resumed one continues.

    `parameters` are the numbers of all of them and of the frozen ones.
    """
    total, frozen = parameters
    fixed = f", {frozen / 1e6:.3f} M of them frozen" if frozen else ""
    schedule: str = settings.lr_scheduler
    if schedule == "cosine":
        schedule = f"cosine, a step per {settings.lr_step}, floor {settings.lr_floor:g}"
    lines = [f"round {number} of {rounds}, seed {settings.seed}"] if rounds > 1 else []
    lines.append(
        f"network: {_network(settings)}, {total / 1e6:.3f} M parameters{fixed}; "
        f"lr: backbone {settings.lr:g}, head {settings.lr * settings.lr_ratio:g}, {schedule}"
    )
    if progress.epoch or progress.step:
        lines.append(f"resumed after epoch {progress.epoch}, step {progress.step}")
    return lines


def _network(settings: TrainingConfig) -> str:
    """The backbone, after the network's own name where it is not the default one."""
    sized = settings.backbone.partition(".")[0] in SIZED_BACKBONES
    backbone = f"{settings.backbone} {settings.model_size}" if sized else settings.backbone
    if settings.network == "hyperiqa":
        return backbone
    options = "".join(f", {name} {shown(value)}" for name, value in settings.network_options.items())
    return f"{settings.network}{options}; backbone {backbone}"


def epoch_row(event: Mapping[str, Any]) -> str:
    """An epoch as a row under `EPOCH_COLUMNS`."""
    numbers = (_number(event[k]) for k in ("train_srcc", "test_srcc", "test_plcc"))
    return f"{event['epoch']}\t{event['train_loss']:.3f}\t" + "\t".join(numbers)


def epoch_note(event: Mapping[str, Any], best_epoch: int, select_on: str, seconds: float) -> str:
    """The line below an epoch's row: the SRCC that selects, the best epoch so far, learning rates and time."""
    best = "best so far" if event["best"] else f"best: epoch {best_epoch}"
    return (
        f"  epoch {event['epoch']}: {SPLIT_NAMES[select_on]} SRCC {_number(event[f'{select_on}_srcc'])} ({best}), "
        f"lr: backbone {event['lr']:.3g}, head {event['lr_rest']:.3g}, {seconds:.1f} s"
    )


def best(result: Mapping[str, Any]) -> list[str]:
    """A round's result, in the line of the original script and one that says how its epoch was chosen."""
    return ["Best test SRCC {:f}, PLCC {:f}".format(*_srcc_plcc(result["test"])), _what_best_means(result)]


def _what_best_means(result: Mapping[str, Any]) -> str:
    epoch = f"that is the test SRCC of epoch {result['best_epoch']} of {result['epochs']}"
    if result["select_on"] == "test":
        return f"{epoch}, chosen on the test images themselves (select_on = test), so it is optimistic"
    by_test, srcc = result["test_chosen"], result["test"]["srcc"]
    line = f"{epoch}, chosen on the validation images"
    if by_test["srcc"] is None or srcc is None:
        return f"{line}; the test SRCC is undefined"
    if by_test["epoch"] == result["best_epoch"]:
        return f"{line}; choosing on test would have taken the same epoch"
    claim = f"claimed {by_test['srcc']:.4f} ({by_test['srcc'] - srcc:+.4f})"
    return f"{line}; choosing on test would have taken epoch {by_test['epoch']} and {claim}"


def medians(values: Mapping[str, float | None]) -> str:
    """The last line of a completed run's log, as in the original script."""
    return "Testing median SRCC {:4.4f},\tmedian PLCC {:4.4f}".format(*_srcc_plcc(values))


def cross_test(name: str, values: Mapping[str, float | None]) -> str:
    """A round's result on another data set."""
    return "{} test SRCC {:f}, PLCC {:f}".format(name.upper(), *_srcc_plcc(values))


def early_stop(results: Sequence[Mapping[str, Any]]) -> str:
    """That patience ended a round early, "" if none."""
    for result in results:
        if result["stopped_early"]:
            return f"stopped early after epoch {result['epochs']}: no improvement since epoch {result['best_epoch']}"
    return ""


def _srcc_plcc(values: Mapping[str, float | None]) -> list[float]:
    return [float("nan") if (value := values[key]) is None else value for key in ("srcc", "plcc")]


def _number(value: float | None) -> str:
    return "nan" if value is None else f"{value:.4f}"
