"""Loads the network of a trained round, as it was at the selected epoch."""

from dataclasses import dataclass

from torch import Tensor, nn

from iqa_train.errors import WeightsError
from iqa_train.models.build_network import build_network
from iqa_train.models.placed import place_network
from iqa_train.runs.code_copy import require_copy
from iqa_train.runs.layout import RunFolder
from iqa_train.study.normalisation import Normalisation
from iqa_train.study.revision import FIRST, revision_words
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.spec import RunSpec
from iqa_train.text import first_line
from iqa_train.training.checkpoint import checkpoint_owner, load_checkpoint
from iqa_train.training.compute_device import ComputeDevice


@dataclass(frozen=True)
class SelectedNetwork:
    """A network on its device, its epoch, the settings of its round, with the round's own seed, and how crops are
    normalised for it."""

    network: nn.Module
    epoch: int
    settings: TrainingConfig
    normalisation: Normalisation


def load_selected_network(run: RunFolder, spec: RunSpec, number: int, device: ComputeDevice) -> SelectedNetwork:
    """The selected network of round `number`. Raises WeightsError for a missing or damaged checkpoint.

    An own network is built from the run's copy of its code: RunError if that is damaged, OwnCodeError if it fails.
    """
    settings = spec.settings.model_copy(update={"seed": spec.seed + number - 1})
    path = run.round(number, settings.train_test_num).best
    checkpoint = load_checkpoint(path, owner=checkpoint_owner(spec, run, number))
    if "epoch" not in checkpoint.state:
        raise WeightsError(f"{path} is damaged (no epoch); train the run again with --again")
    code = None if spec.code is None else require_copy(run, spec.code)
    network = build_network(settings, settings.seed, code, pretrained=False)
    try:
        network.load_state_dict(_current_names(checkpoint.under("network."), spec.revision))
    except RuntimeError as error:
        why = revision_words(spec.revision) or first_line(error)
        raise WeightsError(f"{path} is not of this network ({why}); train the experiment again") from None
    return SelectedNetwork(
        place_network(network, device.torch), checkpoint.state["epoch"], settings, spec.normalisation
    )


def _current_names(tensors: dict[str, Tensor], revision: int) -> dict[str, Tensor]:
    """The weights of a revision under the current names.

    In the first revision the hyper-network had dropout after each of its three reductions, which shifted the layers'
    numbers; without dropout, as in testing, the networks are equal.
    """
    if revision > FIRST:
        return tensors
    return {
        name.replace("hyper.reduce.3.", "hyper.reduce.2.").replace("hyper.reduce.6.", "hyper.reduce.4."): value
        for name, value in tensors.items()
    }
