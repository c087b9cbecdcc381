"""One round of training, read top to bottom: an epoch of steps, a validation, a test, a checkpoint, and again."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from iqa_train.datasets.images.crops import CropPlan, eval_crops, training_crops
from iqa_train.datasets.images.pixel_store import PixelStore
from iqa_train.datasets.table import ImageTable, Split
from iqa_train.errors import UsageError, WeightsError
from iqa_train.models.network import QualityNetwork
from iqa_train.models.seeded_init import stream_key
from iqa_train.runs.layout import RoundFiles
from iqa_train.runs.predictions import Predictions, write_predictions
from iqa_train.stats.metrics import krcc, plcc, rmse, srcc
from iqa_train.study.settings import TrainingConfig
from iqa_train.text import first_line
from iqa_train.training.batches import batches, bounds
from iqa_train.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    network_tensors,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from iqa_train.training.compute_device import ComputeDevice
from iqa_train.training.evaluate import predict
from iqa_train.training.journal import Journal, Stopped
from iqa_train.training.losses import training_loss
from iqa_train.training.optimizer import CLIP, build_optimizer, rate_at, set_rates
from iqa_train.training.progress import Progress

_STAGES = {"val": "validation", "test": "test"}
_LOWER = "lower lr or lr_ratio"

HEADER = "Epoch\tTrain_Loss\tTrain_SRCC\tTest_SRCC\tTest_PLCC"


class DivergedError(Exception):
    """The loss, a weight or a prediction is not a number any more."""


@dataclass(frozen=True)
class RoundInputs:
    """Everything a round reads. `settings.seed` is the round's own; `owner` names run and round in checkpoints."""

    number: int
    settings: TrainingConfig
    owner: str
    files: RoundFiles
    table: ImageTable
    split: Split
    store: PixelStore
    device: ComputeDevice
    journal: Journal
    already_logged: frozenset[tuple[int, int]] = frozenset()  # (round, epoch) that earlier attempts have logged


class Trainer:
    """A round's network and optimizer, and how far they have come."""

    def __init__(self, round_: RoundInputs, *, resume: bool) -> None:
        """Build, or restore from the last checkpoint. Raises WeightsError or UsageError."""
        self.round = round_
        settings, device = round_.settings, round_.device.torch
        resume = resume and round_.files.last.exists()
        if settings.batch_size == 1 and settings.patch_size == 32:
            raise UsageError(
                "batch_size 1 with patch_size 32 leaves one value per channel, which nothing can be learnt from"
            )
        network = QualityNetwork(settings, settings.seed, pretrained=not resume)
        # Crops come out of the store channels last; convolutions of that order are faster on CPUs and GPUs alike.
        self.network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.hyper.start_at(float(round_.table.scores[round_.split.train].mean()))
        self.forward: nn.Module = torch.compile(self.network) if settings.compile else self.network  # type: ignore[assignment]
        self.optimizer = build_optimizer(self.network, settings)
        self.progress = Progress()
        if resume:
            self._restore(load_checkpoint(round_.files.last, owner=round_.owner))
        split, store, seed = round_.split, round_.store, settings.seed
        self._plans = {
            name: eval_crops(
                store.pictures(index), seed=seed, per_image=settings.test_patch_num, side=settings.patch_size,
                random=settings.test_random_crop,
            )
            for name, index in (("val", split.val), ("test", split.test))
        }  # fmt: skip
        self._scores = torch.from_numpy(round_.table.scores.astype(np.float32)).to(device)

    def train(self) -> dict[str, Any]:
        """Epoch after epoch until done; returns the round's result. Raises Stopped (resumable) or DivergedError."""
        settings, progress = self.round.settings, self.progress
        self.round.journal.say(HEADER)
        for event in progress.history:
            self.round.journal.say(_row(event))
            epoch = event["round"], event["epoch"]
            if epoch not in self.round.already_logged:  # killed after the checkpoint, before logging
                self.round.journal.event("epoch", **event)
        while not progress.finished(settings):
            started = time.monotonic()
            try:
                event = self._epoch(progress.epoch + 1)
            except Stopped:
                progress.seconds += time.monotonic() - started
                self._save()
                raise
            self._close_epoch(event, progress.seconds + time.monotonic() - started)
        return self._result()

    def _epoch(self, epoch: int) -> dict[str, Any]:
        """Train what is left of the epoch, then validate and test; returns what was measured."""
        settings, progress = self.round.settings, self.progress
        train = self.round.split.train
        plan = training_crops(
            self.round.store.pictures(train), seed=settings.seed, epoch=epoch, per_image=settings.train_patch_num,
            side=settings.patch_size, color_jitter=settings.color_jitter,
        )  # fmt: skip
        steps = len(bounds(len(plan), settings.batch_size))
        if progress.step < steps:
            self._steps(epoch, plan, steps)
        predictions = {name: self._predict(name, epoch) for name in _STAGES}
        scores = self.round.table.scores
        event: dict[str, Any] = {
            "round": self.round.number, "epoch": epoch, "epochs": settings.epochs, "steps": steps,
            "lr": rate_at(epoch * steps - 1, steps, settings),
            "lr_rest": rate_at(epoch * steps - 1, steps, settings, settings.lr_ratio),
            "train_loss": float(progress.losses.mean()),
            "train_srcc": srcc(progress.predictions.double().cpu().numpy(), scores[plan.image]),
        }  # fmt: skip
        for name, index in (("val", self.round.split.val), ("test", self.round.split.test)):
            event[f"{name}_srcc"] = srcc(predictions[name], scores[index])
            event[f"{name}_plcc"] = plcc(predictions[name], scores[index])
        event["best"] = not progress.history or _better(event, progress.history[progress.best_epoch - 1], settings)
        if event["best"]:
            progress.best_epoch = epoch
            progress.val, progress.test = (torch.from_numpy(predictions[name]) for name in ("val", "test"))
        return event

    def _steps(self, epoch: int, plan: CropPlan, steps: int) -> None:
        """Optimizer steps from `progress.step` to the end of the epoch."""
        settings, device, progress = self.round.settings, self.round.device, self.progress
        if progress.step == 0:
            progress.losses = torch.zeros(steps, device=device.torch)
            progress.predictions = torch.zeros(len(plan), device=device.torch)
        check_every = 50 if device.torch.type == "cuda" else 1  # looking at a loss waits for the GPU
        first = progress.step * settings.batch_size
        self.network.train()
        ahead = batches(
            self.round.store, plan, side=settings.patch_size, size=settings.batch_size, device=device.torch,
            workers=settings.workers, first=progress.step,
        )  # fmt: skip
        for batch in ahead:
            step = progress.step
            # Dropout's stream is keyed by the step, so that going on from here needs no replay.
            torch.manual_seed(stream_key(settings.seed, "dropout", epoch, step))
            set_rates(self.optimizer, (epoch - 1) * steps + step, steps, settings)
            scores = self._scores[torch.from_numpy(plan.image[batch.start : batch.stop]).to(device.torch)]
            with device.autocast():
                predicted = self.forward(batch.crops)
            loss = training_loss(predicted.float(), scores, settings)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            progress.losses[step] = loss.detach()
            if (step + 1) % check_every == 0 or step + 1 == steps:
                _require_finite(progress.losses[: step + 1], epoch)
            nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
            self.optimizer.step()
            progress.predictions[batch.start : batch.stop] = predicted.detach().float()
            progress.step = step + 1
            self.round.journal.progress("training", epoch, batch.stop, len(plan), first=first)

    def _predict(self, split: str, epoch: int) -> NDArray[np.float64]:
        plan = self._plans[split]
        predicted = predict(
            self.forward, self.round.store, plan, side=self.round.settings.patch_size, device=self.round.device,
            workers=self.round.settings.workers, tick=self._ticker(_STAGES[split], epoch, len(plan)),
        )  # fmt: skip
        if not np.isfinite(predicted).all():  # the last step's loss was looked at before the step
            raise DivergedError(f"a {_STAGES[split]} prediction is no number after epoch {epoch}; {_LOWER}")
        return predicted

    def _ticker(self, stage: str, epoch: int, total: int) -> Callable[[int], None]:
        return lambda done: self.round.journal.progress(stage, epoch, done, total)

    def _close_epoch(self, event: dict[str, Any], seconds: float) -> None:
        """Make the epoch durable, then log it: killed in between, it is logged after resuming, and once."""
        settings, progress, journal = self.round.settings, self.progress, self.round.journal
        chooser = settings.select_on
        event["seconds"] = round(seconds, 3)
        progress.history.append({k: _jsonable(v) for k, v in event.items()})
        progress.epoch, progress.step, progress.seconds = event["epoch"], 0, 0.0
        progress.losses = progress.predictions = torch.empty(0)
        self._save()
        if event["best"]:
            self._save_best()
        journal.event("epoch", **event)
        journal.say(_row(event))
        marks = " (best so far)" if event["best"] else f" (best: epoch {progress.best_epoch})"
        journal.say(
            f"  epoch {event['epoch']}: {_STAGES[chooser]} SRCC {_number(event[f'{chooser}_srcc'])}{marks}, "
            f"lr {event['lr']:.3g} (rest {event['lr_rest']:.3g}), {seconds:.1f} s"
        )

    def _save(self) -> None:
        self._require_sound()
        tensors = network_tensors(self.network) | optimizer_tensors(self.optimizer) | self.progress.tensors()
        save_checkpoint(self.round.files.last, Checkpoint(tensors, self.progress.state()), owner=self.round.owner)

    def _require_sound(self) -> None:
        """Raise DivergedError rather than save weights that nothing can be continued from."""
        for name, value in self.network.state_dict().items():
            if not torch.isfinite(value).all():
                epoch = self.progress.epoch + (self.progress.step > 0)
                raise DivergedError(f"{name} is no number in epoch {epoch}; {_LOWER}")

    def _save_best(self) -> None:
        state = {"epoch": self.progress.best_epoch}
        save_checkpoint(self.round.files.best, Checkpoint(network_tensors(self.network), state), owner=self.round.owner)
        for name, index in (("val", self.round.split.val), ("test", self.round.split.test)):
            table = self.round.table
            images = tuple(table.images[k] for k in index)
            references = None if table.references is None else tuple(table.references[k] for k in index)
            predicted = Predictions(images, table.scores[index], getattr(self.progress, name).numpy(), references)
            write_predictions(self.round.files.predictions(name), predicted)

    def _restore(self, checkpoint: Checkpoint) -> None:
        try:
            self.network.load_state_dict(checkpoint.under("network."))
            restore_optimizer(self.optimizer, checkpoint)
            self.progress = Progress.restored(checkpoint.state, checkpoint.under("progress."))
        except (RuntimeError, KeyError, IndexError, TypeError, ValueError) as error:
            why = first_line(error)
            raise WeightsError(f"{self.round.files.last} is not whole ({why}); start over with --again") from error
        device = self.round.device.torch
        self.progress.losses = self.progress.losses.to(device)
        self.progress.predictions = self.progress.predictions.to(device)
        if self.progress.step == 0 and self.progress.best_epoch == self.progress.epoch > 0:
            self._save_best()  # a kill between the two checkpoints left the older best behind

    def _result(self) -> dict[str, Any]:
        """The outcome: test at the selected epoch, and what choosing on test would have claimed instead."""
        progress, settings, split = self.progress, self.round.settings, self.round.split
        result: dict[str, Any] = {
            "round": self.round.number,
            "seed": settings.seed,
            "epochs": progress.epoch,
            "best_epoch": progress.best_epoch,
            "select_on": settings.select_on,
            "stopped_early": progress.stopped_early(settings),
        }
        for name, index in (("val", split.val), ("test", split.test)):
            predicted, scores = getattr(progress, name).numpy(), self.round.table.scores[index]
            measures = {"srcc": srcc, "krcc": krcc, "plcc": plcc, "rmse": rmse}
            result[name] = {key: _jsonable(measure(predicted, scores)) for key, measure in measures.items()}
        chosen = max(progress.history, key=lambda e: _order(e["test_srcc"]))
        result["test_chosen"] = {"epoch": chosen["epoch"], "srcc": chosen["test_srcc"]}
        result["seconds"] = round(sum(e["seconds"] for e in progress.history), 3)
        return result


def _better(event: dict[str, Any], best: dict[str, Any], settings: TrainingConfig) -> bool:
    key = f"{settings.select_on}_srcc"
    return _order(event[key]) > _order(best[key])


def _order(value: float | None) -> float:
    """An undefined correlation (constant predictions) is worse than any other."""
    return -2.0 if value is None or math.isnan(value) else value


def _require_finite(losses: torch.Tensor, epoch: int) -> None:
    bad = torch.nonzero(~torch.isfinite(losses))
    if len(bad):
        step = int(bad[0])
        raise DivergedError(f"the loss is {float(losses[step])} at epoch {epoch}, step {step + 1}; {_LOWER}")


def _row(event: dict[str, Any]) -> str:
    numbers = (_number(event[k]) for k in ("train_srcc", "test_srcc", "test_plcc"))
    return f"{event['epoch']}\t{event['train_loss']:.3f}\t" + "\t".join(numbers)


def _number(value: float | None) -> str:
    return "nan" if value is None else f"{value:.4f}"


def _jsonable(value: Any) -> Any:  # noqa: ANN401
    return None if isinstance(value, float) and math.isnan(value) else value
