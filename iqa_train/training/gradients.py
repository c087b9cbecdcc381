"""The gradients of a batch: of all its crops at once, or of parts of it, for devices that cannot hold a whole batch.

In parts, a first pass scores all crops without a graph; the loss, which may compare any crop with any other, is taken
of all these predictions; and in a second pass each part is scored again and given the loss's gradient with respect to
its predictions (gradient caching: Gao et al., RepL4NLP 2021). Both passes of a part draw the same dropout. The
gradients are those of the whole batch up to rounding, with two exceptions: dropout and stochastic depth draw other
numbers than for the whole batch, and batch normalisation in training takes its statistics from each part.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from iqa_train.models.code_errors import blaming
from iqa_train.models.own_network import OwnNetwork
from iqa_train.models.seeded_init import seed_generators, stream_key
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.batches import batch_bounds
from iqa_train.training.compute_device import ComputeDevice
from iqa_train.training.losses import training_loss
from iqa_train.training.own_loss import OwnLoss
from iqa_train.training.targets import Targets

Scored = tuple[Tensor, Tensor]
"""Predictions (B,) and the loss, a scalar, both detached."""


@dataclass(frozen=True)
class BatchGradients:
    """The gradients of a round's batches. `forward` is the network, or its compiled form."""

    network: nn.Module
    forward: Callable[[Tensor], Tensor]
    device: ComputeDevice
    settings: TrainingConfig
    own_code: bool
    own_loss: OwnLoss | None = None  # where loss_type names one

    def __call__(self, crops: Tensor, targets: Targets, epoch: int, step: int) -> Scored:
        """Leave the gradients of a batch on the parameters; returns its predictions (B,) and its loss, detached."""
        settings = self.settings

        def forward(part: Tensor) -> Tensor:
            with self.device.autocast():
                predicted = self.forward(part)
            return predicted.float()

        def loss_of(predicted: Tensor) -> Tensor:
            return training_loss(predicted, targets, settings, self.own_loss)

        def seed(*part: int) -> None:
            # Dropout's stream is keyed by epoch and step, so that a resumed round needs no replay.
            key = stream_key(settings.seed, "dropout", epoch, step, *part)
            seed_generators(key, also_python=self.own_code)

        parts = batch_bounds(len(crops), settings.micro_batch_size or len(crops))
        with self._blaming():
            if len(parts) == 1:
                seed()
                return gradients(forward, crops, loss_of)
            return gradients_in_parts(self.network, forward, crops, loss_of, parts, seed)

    def _blaming(self) -> AbstractContextManager[None]:
        """Errors of backward passes come from no line of the own code that is at fault."""
        own = self.network if isinstance(self.network, OwnNetwork) else self.own_loss
        return nullcontext() if own is None else blaming(own.place, "computing gradients")


def gradients(forward: Callable[[Tensor], Tensor], crops: Tensor, loss_of: Callable[[Tensor], Tensor]) -> Scored:
    """Add the gradients of the loss on `crops` (B, 3, P, P) to the parameters; `forward` gives predictions (B,)."""
    predicted = forward(crops)
    loss = loss_of(predicted)
    loss.backward()  # type: ignore[no-untyped-call]
    return predicted.detach(), loss.detach()


def gradients_in_parts(
    network: nn.Module,
    forward: Callable[[Tensor], Tensor],
    crops: Tensor,
    loss_of: Callable[[Tensor], Tensor],
    parts: Sequence[tuple[int, int]],
    seed_part: Callable[[int], None],
) -> Scored:
    """As `gradients`, computing only the crops from start to stop of one of `parts` at a time.

    `seed_part` sets the random streams to the start of a part, given by its index.
    """

    def scores(index: int) -> Tensor:
        seed_part(index)
        start, stop = parts[index]
        return forward(crops[start:stop])

    with _keeping_buffers(network), torch.no_grad():
        predicted = torch.cat([scores(index) for index in range(len(parts))])
    predicted.requires_grad_()
    loss = loss_of(predicted)
    (by_prediction,) = torch.autograd.grad(loss, predicted)
    for index, (start, stop) in enumerate(parts):
        scores(index).backward(by_prediction[start:stop])  # type: ignore[no-untyped-call]
    return predicted.detach(), loss.detach()


@contextmanager
def _keeping_buffers(network: nn.Module) -> Iterator[None]:
    """Run the block, then put back the buffers: running statistics count each crop once."""
    kept = [(buffer, buffer.clone()) for buffer in network.buffers()]
    yield
    for buffer, before in kept:
        buffer.copy_(before)
