"""One round of training: build the network, then for each epoch train, validate, test, save and log."""

# From process start to loss, in reading order:
#
#   worker.py          the process: arguments, signals, exit codes
#   train_run.py       what a run does: data, rounds, cross tests, results
#   trainer.py         this file: the loop over epochs and steps
#   batches.py         crops, loaded ahead by threads, on the device
#   models/build_network.py    crops -> scores: HyperIQA (network.py), the linear control, or an own network
#   losses.py          scores -> loss
#   optimizer.py       parameter groups, learning-rate schedule
#   evaluate.py        scores of whole images, for validation and test
#   checkpoint.py, progress.py    what a resumed round continues from

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from iqa_train.datasets.images.crops import CropPlan, training_crops
from iqa_train.datasets.images.pixel_store import PixelStore
from iqa_train.datasets.table import ImageTable, Split
from iqa_train.errors import UsageError, WeightsError
from iqa_train.models.build_network import build_network
from iqa_train.models.placed import compiled, place_network
from iqa_train.runs.fence import Writer
from iqa_train.runs.journal import Journal, Stopped
from iqa_train.runs.layout import RoundFiles
from iqa_train.runs.predictions import Predictions, write_predictions
from iqa_train.stats.metrics import measure, plcc, srcc
from iqa_train.study.normalisation import Normalisation
from iqa_train.study.settings import TrainingConfig
from iqa_train.text import first_line
from iqa_train.training.batches import batch_bounds, batches
from iqa_train.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    network_tensors,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from iqa_train.training.compute_device import ComputeDevice
from iqa_train.training.evaluate import NonFiniteScoreError, score_images
from iqa_train.training.gradients import BatchGradients
from iqa_train.training.optimizer import CLIP, build_optimizer, rate_at, set_rates
from iqa_train.training.other_rounding import round_otherwise
from iqa_train.training.own_loss import OwnLoss
from iqa_train.training.progress import Progress
from iqa_train.training.run_log import EPOCH_COLUMNS, SPLIT_NAMES, epoch_note, epoch_row
from iqa_train.training.targets import targets_of

_REMEDY = "lower lr or lr_ratio"


class DivergedError(Exception):
    """The loss, a weight or a prediction is no longer a finite number."""


@dataclass(frozen=True)
class RoundInputs:
    """Everything a round reads. `settings.seed` is the round's own; `owner` names run and round in checkpoints.

    A `repeat` above 1 starts with the same weights as the first run, rounded otherwise.
    """

    number: int
    settings: TrainingConfig
    normalisation: Normalisation
    owner: str
    files: RoundFiles
    table: ImageTable
    split: Split
    store: PixelStore
    device: ComputeDevice
    journal: Journal
    writer: Writer
    repeat: int = 1
    code: Path | None = None  # the folder with the copy of the study's own code
    own_loss: OwnLoss | None = None  # where loss_type names one
    already_logged: frozenset[tuple[int, int]] = frozenset()  # (round, epoch) logged by earlier attempts


class Trainer:
    """A round's network, optimizer and progress, and the loop that advances them."""

    def __init__(self, inputs: RoundInputs, *, resume: bool) -> None:
        """Build, or restore from the last checkpoint. Raises WeightsError or UsageError."""
        self.number, self.settings, self.owner, self.files = inputs.number, inputs.settings, inputs.owner, inputs.files
        self.table, self.store, self.device = inputs.table, inputs.store, inputs.device
        self.normalisation = inputs.normalisation
        self.journal, self.writer, self.already_logged = inputs.journal, inputs.writer, inputs.already_logged
        self.own_code = inputs.code is not None
        self.train_images = inputs.split.train
        self.eval_images = {"val": inputs.split.val, "test": inputs.split.test}

        settings, device = self.settings, self.device.torch
        if 1 in (settings.batch_size, settings.micro_batch_size) and settings.patch_size == 32:
            which = "batch_size" if settings.batch_size == 1 else "micro_batch_size"
            raise UsageError(f"{which} 1 with patch_size 32 leaves batch normalisation one value per channel")
        resume = resume and self.files.last.exists()
        network = build_network(settings, settings.seed, inputs.code, pretrained=not resume)
        if inputs.repeat > 1:
            round_otherwise(network, settings.seed, inputs.repeat)
        self.network = place_network(network, device)
        self.network.start_at(float(self.table.scores[self.train_images].mean()))
        self.forward = compiled(self.network) if settings.compile else self.network
        self.infinite = {name for name, value in network.named_buffers() if not torch.isfinite(value).all()}  # masks
        self.optimizer = build_optimizer(self.network, settings)
        self.gradients = BatchGradients(
            self.network, self.forward, self.device, settings, self.own_code, inputs.own_loss
        )  # fmt: skip
        self.targets = targets_of(self.table, device)
        self.progress = Progress()
        if resume:
            self._restore(load_checkpoint(self.files.last, owner=self.owner))

    def train(self) -> dict[str, Any]:
        """Train to the last epoch, or until patience runs out; returns the round's result.

        Raises Stopped, after saving a checkpoint to resume from, or DivergedError.
        """
        progress = self.progress
        self.journal.say(EPOCH_COLUMNS)
        for event in progress.history:
            self.journal.say(epoch_row(event))
            if (event["round"], event["epoch"]) not in self.already_logged:  # killed between checkpoint and log
                self.journal.event("epoch", **event)

        while not progress.finished(self.settings):
            started = time.monotonic()
            try:
                event = self._run_epoch(progress.epoch + 1)
            except Stopped:
                progress.seconds += time.monotonic() - started
                self._save_last()
                raise
            self._complete_epoch(event, progress.seconds + time.monotonic() - started)
        return self._result()

    def _run_epoch(self, epoch: int) -> dict[str, Any]:
        """Train the rest of the epoch, then score the validation and test images; returns the epoch's event."""
        settings, progress, scores = self.settings, self.progress, self.table.scores
        plan = training_crops(
            self.store.pictures(self.train_images), seed=settings.seed, epoch=epoch,
            per_image=settings.train_patch_num, side=settings.patch_size, color_jitter=settings.color_jitter,
        )  # fmt: skip
        steps = len(batch_bounds(len(plan), settings.batch_size))
        if progress.step < steps:
            self._train_steps(epoch, plan, steps)
        predictions = {name: self._evaluate(name, epoch) for name in self.eval_images}

        last_step = epoch * steps - 1
        event: dict[str, Any] = {
            "round": self.number, "epoch": epoch, "epochs": settings.epochs, "steps": steps,
            "lr": rate_at(last_step, steps, settings),
            "lr_rest": rate_at(last_step, steps, settings, settings.lr_ratio),
            "train_loss": float(progress.losses.mean()),
            "train_srcc": srcc(progress.predictions.double().cpu().numpy(), scores[plan.image]),
        }  # fmt: skip
        for name, images in self.eval_images.items():
            event[f"{name}_srcc"] = srcc(predictions[name], scores[images])
            event[f"{name}_plcc"] = plcc(predictions[name], scores[images])
        event["best"] = not progress.history or self._improves(event, progress.history[progress.best_epoch - 1])
        if event["best"]:
            progress.best_epoch = epoch
            progress.val, progress.test = torch.from_numpy(predictions["val"]), torch.from_numpy(predictions["test"])
        return event

    def _train_steps(self, epoch: int, plan: CropPlan, steps: int) -> None:
        """Optimizer steps from `progress.step` to the end of the epoch."""
        settings, device, progress = self.settings, self.device.torch, self.progress
        if progress.step == 0:
            progress.losses = torch.zeros(steps, device=device)
            progress.predictions = torch.zeros(len(plan), device=device)
        check_every = 50 if device.type == "cuda" else 1  # reading a loss waits for the GPU
        first_crop = progress.step * settings.batch_size
        self.network.train()
        loaded = batches(
            self.store, plan, side=settings.patch_size, size=settings.batch_size, device=device,
            workers=settings.workers, normalisation=self.normalisation, first=progress.step,
        )  # fmt: skip
        for batch in loaded:
            step = progress.step
            set_rates(self.optimizer, (epoch - 1) * steps + step, steps, settings)
            targets = self.targets[torch.from_numpy(plan.image[batch.start : batch.stop]).to(device)]

            # forward and backward
            self.optimizer.zero_grad(set_to_none=True)
            predicted, loss = self.gradients(batch.crops, targets, epoch, step)
            progress.losses[step] = loss
            if (step + 1) % check_every == 0 or step + 1 == steps:
                _require_finite(progress.losses[: step + 1], epoch)
            nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
            self.optimizer.step()

            progress.predictions[batch.start : batch.stop] = predicted
            progress.step = step + 1
            self.journal.progress("training", epoch, batch.stop, len(plan), first=first_crop)

    def _evaluate(self, split: str, epoch: int) -> NDArray[np.float64]:
        """Scores (N,) of the validation or test images."""
        stage, images = SPLIT_NAMES[split], self.store.pictures(self.eval_images[split])
        try:
            return score_images(
                self.forward, self.store, images, self.settings, self.device, normalisation=self.normalisation,
                tick=lambda done, total: self.journal.progress(stage, epoch, done, total),
            )  # fmt: skip
        except NonFiniteScoreError:  # an epoch's last loss is checked before its step, which may break the weights
            raise DivergedError(f"a {stage} prediction is not finite after epoch {epoch}; {_REMEDY}") from None

    def _improves(self, event: dict[str, Any], best: dict[str, Any]) -> bool:
        key = f"{self.settings.select_on}_srcc"
        return _order(event[key]) > _order(best[key])

    def _complete_epoch(self, event: dict[str, Any], seconds: float) -> None:
        """Save the epoch, then log it. If the process is killed in between, the resumed round logs it, once."""
        progress = self.progress
        event["seconds"] = round(seconds, 3)
        progress.history.append({k: _nan_to_none(v) for k, v in event.items()})
        progress.epoch, progress.step, progress.seconds = event["epoch"], 0, 0.0
        progress.losses = progress.predictions = torch.empty(0)
        self._save_last()
        if event["best"]:
            self._save_best()
        self.journal.event("epoch", **event)
        self.journal.say(epoch_row(event), epoch_note(event, progress.best_epoch, self.settings.select_on, seconds))

    def _save_last(self) -> None:
        """Save what resuming needs. Raises DivergedError rather than save weights that are not finite."""
        for name, value in self.network.state_dict().items():
            if name not in self.infinite and not torch.isfinite(value).all():
                epoch = self.progress.epoch + (self.progress.step > 0)
                raise DivergedError(f"{name} is not finite in epoch {epoch}; {_REMEDY}")
        tensors = network_tensors(self.network) | optimizer_tensors(self.optimizer) | self.progress.tensors()
        save_checkpoint(self.files.last, Checkpoint(tensors, self.progress.state()), self.writer, owner=self.owner)

    def _save_best(self) -> None:
        """Save the network and the predictions of the selected epoch."""
        checkpoint = Checkpoint(network_tensors(self.network), {"epoch": self.progress.best_epoch})
        save_checkpoint(self.files.best, checkpoint, self.writer, owner=self.owner)
        for split, index in self.eval_images.items():
            images = tuple(self.table.images[k] for k in index)
            names = self.table.references
            references = None if names is None else tuple(names[k] for k in index)
            opinions = None if self.table.opinions is None else self.table.opinions[index]
            table = Predictions(images, self.table.scores[index], self._best_predictions(split), references, opinions)
            write_predictions(self.files.predictions(split), table, self.writer)

    def _restore(self, checkpoint: Checkpoint) -> None:
        try:
            self.network.load_state_dict(checkpoint.under("network."))
            restore_optimizer(self.optimizer, checkpoint)
            self.progress = Progress.restored(checkpoint.state, checkpoint.under("progress."))
        except (RuntimeError, KeyError, IndexError, TypeError, ValueError) as error:
            why = first_line(error)
            raise WeightsError(f"{self.files.last} is incomplete ({why}); start over with --again") from error
        progress = self.progress
        progress.losses = progress.losses.to(self.device.torch)
        progress.predictions = progress.predictions.to(self.device.torch)
        if progress.step == 0 and progress.best_epoch == progress.epoch > 0:
            self._save_best()  # a kill between the two checkpoints left the older best behind

    def _best_predictions(self, split: str) -> NDArray[np.float64]:
        predictions: Tensor = getattr(self.progress, split)
        return predictions.numpy()

    def _result(self) -> dict[str, Any]:
        """The round in result.json: measures at the selected epoch, and what choosing on test would have claimed."""
        progress, settings = self.progress, self.settings
        result: dict[str, Any] = {
            "round": self.number,
            "seed": settings.seed,
            "epochs": progress.epoch,
            "best_epoch": progress.best_epoch,
            "select_on": settings.select_on,
            "stopped_early": progress.stopped_early(settings),
        }
        for split, images in self.eval_images.items():
            result[split] = measure(self._best_predictions(split), self.table.scores[images])
        best_on_test = max(progress.history, key=lambda event: _order(event["test_srcc"]))
        result["test_chosen"] = {"epoch": best_on_test["epoch"], "srcc": best_on_test["test_srcc"]}
        result["seconds"] = round(sum(event["seconds"] for event in progress.history), 3)
        return result


def _order(value: float | None) -> float:
    """A correlation for comparison: undefined, as of constant predictions, is below all others."""
    return -2.0 if value is None or math.isnan(value) else value


def _require_finite(losses: Tensor, epoch: int) -> None:
    bad = torch.nonzero(~torch.isfinite(losses))
    if len(bad):
        step = int(bad[0])
        raise DivergedError(f"the loss is {float(losses[step])} at epoch {epoch}, step {step + 1}; {_REMEDY}")


def _nan_to_none(value: Any) -> Any:  # noqa: ANN401
    return None if isinstance(value, float) and math.isnan(value) else value
