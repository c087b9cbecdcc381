"""The network of a finished round, as it was at the epoch that was selected."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from iqa_train.errors import WeightsError
from iqa_train.models.network import QualityNetwork
from iqa_train.runs.layout import RunFolder
from iqa_train.study.revision import FIRST, revision_words
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.spec import RunSpec
from iqa_train.text import first_line
from iqa_train.training.checkpoint import load_checkpoint, owner_of
from iqa_train.training.compute_device import ComputeDevice


@dataclass(frozen=True)
class SelectedNetwork:
    """A network on its device, the epoch that it is from, and its round's settings with the round's own seed."""

    network: nn.Module
    epoch: int
    settings: TrainingConfig


def _by_todays_names(tensors: dict[str, Tensor], revision: int) -> dict[str, Tensor]:
    """The same weights under the names that they have now; up to dropout, of which testing has none, nothing differs.

    The first revision's hyper-network had dropout after each of its three reductions, which counted as layers.
    """
    if revision > FIRST:
        return tensors
    return {
        name.replace("hyper.reduce.3.", "hyper.reduce.2.").replace("hyper.reduce.6.", "hyper.reduce.4."): value
        for name, value in tensors.items()
    }


def finished_network(run: RunFolder, spec: RunSpec, number: int, device: ComputeDevice) -> SelectedNetwork:
    """The selected network of round `number`. Raises WeightsError for a checkpoint that is missing or damaged."""
    settings = spec.settings.model_copy(update={"seed": spec.seed + number - 1})
    path = run.round(number, settings.train_test_num).best
    best = load_checkpoint(path, owner=owner_of(spec, run, number))
    if "epoch" not in best.state:
        raise WeightsError(f"{path} is damaged (no epoch); train the run anew with --again")
    network = QualityNetwork(settings, settings.seed, pretrained=False)
    try:
        network.load_state_dict(_by_todays_names(best.under("network."), spec.revision))
    except RuntimeError as error:
        why = revision_words(spec.revision) or first_line(error)
        raise WeightsError(f"{path} is not of this network ({why}); train the experiment again") from None
    # In memory as in training, so that the same numbers are computed in the same way.
    placed: nn.Module = network.to(device.torch).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return SelectedNetwork(placed, best.state["epoch"], settings)
