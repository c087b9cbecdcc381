"""Trials of a network of a user's own, on random crops: what would go wrong in a run, found before one starts.

Each trial yields what it finds. They are in the order of `TRIALS`; the first of them train the network for a few steps,
so that layers which start at zero, as gates do, count as dead only if they stay so.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import safetensors.torch
import torch
from torch import Tensor, nn

from iqa_train.models.backbone import Backbone
from iqa_train.models.code_errors import OwnCodeError, blaming
from iqa_train.models.own_network import OwnNetwork
from iqa_train.models.seeded_init import seed_generators
from iqa_train.study.findings import Severity
from iqa_train.study.settings import TrainingConfig
from iqa_train.text import join_names, plural
from iqa_train.training.checkpoint import unshared
from iqa_train.training.optimizer import build_optimizer

_LARGE = 96  # side of crops that are tried by twos, smaller ones by fours
_STEPS = 3
_LR = 1e-3
_NAMED = 4  # parts that a sentence names


@dataclass(frozen=True)
class Fault:
    """Something wrong with a network, or worth knowing."""

    code: str
    severity: Severity
    message: str


@dataclass
class Tried:
    """A network, a second one built alike, and crops to try them on."""

    network: OwnNetwork
    twin: OwnNetwork
    settings: TrainingConfig
    learned: set[str] = field(default_factory=set)  # parameters that got a gradient other than 0

    @property
    def count(self) -> int:
        """How many crops are scored together."""
        return crops_tried(self.settings)

    def crops(self, stream: int) -> Tensor:
        """Random crops (B, 3, P, P), normalised, of different contrast, brightness and grain; the same for a stream."""
        count, side, generator = self.count, self.settings.patch_size, torch.Generator().manual_seed(stream)
        coarse = torch.randn(count, 3, side // 8 + 1, side // 8 + 1, generator=generator)
        coarse = nn.functional.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=False)
        level = torch.randn(count, 1, 1, 1, generator=generator)
        grain = torch.rand(count, 1, 1, 1, generator=generator)
        fine = torch.randn(count, 3, side, side, generator=generator)
        return (level + coarse + grain * fine).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def scores(self, crops: Tensor, network: OwnNetwork | None = None) -> Tensor:
        """Scores (B,) in evaluation."""
        return (network or self.network).eval()(crops.clone())  # type: ignore[no-any-return]


def crops_tried(settings: TrainingConfig) -> int:
    """How many crops are scored together: few where each takes long."""
    return 4 if settings.patch_size <= _LARGE else 2


def learns(tried: Tried) -> Iterator[Fault]:
    """A few steps of training: every parameter must get a gradient."""
    network, optimizer = tried.network, build_optimizer(tried.network, _brisk(tried.settings))
    network.train()
    wanted = {name: value for name, value in network.named_parameters() if value.requires_grad}
    for step in range(_STEPS):
        seed_generators(step, also_python=True)
        scores = network(tried.crops(step))
        if not scores.requires_grad:
            yield Fault("network-no-gradient", "error", "its scores depend on no parameter that trains: nothing learns")
            return
        loss = (scores - torch.linspace(-1, 1, tried.count)).square().mean()
        optimizer.zero_grad(set_to_none=True)
        with blaming(tried.network.place, "computing gradients"):
            loss.backward()
        broken = [n for n, p in wanted.items() if p.grad is not None and not torch.isfinite(p.grad).all()]
        if broken or not torch.isfinite(scores).all():
            what = f"the gradient of {_parts(broken)} is" if broken else "its scores are"
            yield Fault("network-not-finite", "error", f"{what} not finite in step {step + 1} of training")
            return
        tried.learned |= {n for n, p in wanted.items() if p.grad is not None and p.grad.any()}
        optimizer.step()
    dead = [name for name in wanted if name not in tried.learned]
    if dead:
        count = sum(wanted[name].numel() for name in dead)
        says = f"{_parts(dead)} ({plural(count, 'parameter')}) get no gradient in {_STEPS} steps of training: they are "
        says += "unused, detached or multiplied by 0, and never learn"
        yield Fault("network-dead-parameters", "warning", says)


def repeats(tried: Tried) -> Iterator[Fault]:
    """Training computes the same from the same state and seed, or resuming cannot."""
    tried.network.train()
    crops = tried.crops(10)
    outputs = []
    with torch.no_grad():
        for _ in range(2):
            seed_generators(1, also_python=True)
            outputs.append(tried.network(crops.clone()))
    if not torch.equal(*outputs):
        says = "two forward passes in training, with the same crops and the same seed, differ: it draws random numbers "
        says += "of its own, or keeps count of its calls; a run that is resumed will not give the same result"
        yield Fault("network-train-differs", "warning", says)


def evaluates_alike(tried: Tried) -> Iterator[Fault]:
    """Evaluation gives the same scores twice and changes neither the network nor the crops."""
    before = {name: value.clone() for name, value in tried.network.state_dict().items()}
    crops = tried.crops(11)
    first, given = tried.scores(crops), crops.clone()
    with torch.no_grad():
        second = tried.network(given)
    if not torch.isfinite(first).all():
        yield Fault("network-not-finite", "error", "scores in evaluation are not finite")
        return
    levels = torch.linspace(-2, 2, tried.count)[:, None, None, None]
    if not torch.isfinite(tried.scores(levels.expand_as(crops))).all():
        yield Fault("network-not-finite", "error", "scores of crops of a single colour, such as sky, are not finite")
        return
    if not torch.equal(first, second):
        says = f"two evaluations of the same crops differ, by {float((first - second).abs().max()):.3g}: something "
        says += "random acts in evaluation, such as dropout that does not heed self.training"
        yield Fault("network-eval-differs", "error", says)
    moved = [n for n, v in tried.network.state_dict().items() if n in before and not _same(v, before[n])]
    if moved:
        says = f"evaluation changes {_parts(moved)}: scores depend on what was scored before"
        yield Fault("network-eval-state", "error", says)
    if not torch.equal(given, crops):
        yield Fault(
            "network-changes-crops", "warning", "it changes the crops that it is given in place; copy them first"
        )


def scores_each_alone(tried: Tried) -> Iterator[Fault]:
    """In evaluation a crop's score depends on that crop alone."""
    crops, others = tried.crops(12), tried.crops(13)
    scores = tried.scores(crops)
    spread = float(scores.std())
    if spread <= 1e-7 * float(scores.abs().max()):
        says = f"after {_STEPS} steps of training it scores all crops alike: nothing of a crop reaches its score"
        yield Fault("network-constant", "warning", says)
    tolerance = 1e-3 * spread + 1e-6 * float(scores.abs().max())
    half = tried.count // 2
    beside_others = tried.scores(torch.cat((crops[:half], others[half:])))[:half]
    elsewhere = tried.scores(crops.roll(1, 0)).roll(-1, 0)
    gaps = [float((beside_others - scores[:half]).abs().max()), float((elsewhere - scores).abs().max())]
    if max(gaps) > tolerance:
        how = "beside other crops" if gaps[0] > tolerance else "at another place in the batch"
        says = (
            f"in evaluation the score of a crop changes by {max(gaps):.3g} when it is scored {how} (scores differ by "
        )
        says += f"{spread:.3g} between crops): something mixes the crops of a batch"
        yield Fault("network-coupled", "error", says)


def rebuilds(tried: Tried) -> Iterator[Fault]:
    """A second network with the first one's parameters and buffers scores the same, and they can be saved."""
    crops, state = tried.crops(14), tried.network.state_dict()
    try:
        safetensors.torch.save(unshared(state))
    except (RuntimeError, ValueError, KeyError, safetensors.SafetensorError) as error:
        yield Fault("network-state", "error", f"its parameters and buffers cannot be saved: {error}")
        return
    tried.twin.load_state_dict(state)
    ours, theirs = tried.scores(crops), tried.scores(crops, tried.twin)
    if not torch.allclose(ours, theirs, rtol=1e-5, atol=1e-6 * float(ours.abs().max() + 1)):
        says = "built again and given its saved parameters and buffers, it scores otherwise, by "
        says += f"{float((ours - theirs).abs().max()):.3g}: part of its state is in neither, so that predict, test and "
        says += "--resume have another network; make it a parameter or a buffer that is saved"
        yield Fault("network-unsaved-state", "error", says)


def keeps_modes(tried: Tried) -> Iterator[Fault]:
    """train() and eval() reach all parts, and parts that act in training alone are named."""
    network = tried.network.eval()
    seed_generators(2, also_python=True)
    network.zero_grad()
    scores = network(tried.crops(15))
    if stuck := [name for name, part in network.named_modules() if part.training and name]:
        yield Fault("network-mode", "error", f"{_parts(stuck)} are in training mode in evaluation")
    if scores.requires_grad:
        with blaming(tried.network.place, "computing gradients in evaluation"):
            (scores * torch.linspace(1, 2, tried.count)).sum().backward()
    idle = [n for n, p in network.named_parameters() if n in tried.learned and (p.grad is None or not p.grad.any())]
    if idle:
        yield Fault("network-eval-unused", "note", f"{_parts(idle)} learn but have no part in the scores in evaluation")
    network.zero_grad()
    network.train()
    on_purpose = {id(m) for part in network.modules() if isinstance(part, Backbone) for m in part.modules()}  # `freeze`
    frozen = [n for n, part in network.named_modules() if n and not part.training and id(part) not in on_purpose]
    if frozen:
        yield Fault("network-mode", "note", f"{_parts(frozen)} are in evaluation mode in training")


def takes_one(tried: Tried) -> Iterator[Fault]:
    """A batch of one crop. Runs have none unless the settings ask for it."""
    crops = tried.crops(16)
    try:
        alone, among = tried.scores(crops[:1]), tried.scores(crops)
    except OwnCodeError as error:
        severity: Severity = "error" if tried.settings.batch_size == 1 else "warning"
        yield Fault("network-batch-of-one", severity, f"it cannot score a single crop: {error}")
        return
    if float((alone[0] - among[0]).abs()) > 1e-2 * float(among.std()) + 1e-5 * float(among.abs().max()):
        says = f"in evaluation a crop scored alone differs by {float((alone[0] - among[0]).abs()):.3g} from the same "
        yield Fault("network-coupled", "error", says + "crop in a batch: something mixes the crops of a batch")


TRIALS: tuple[tuple[str, Callable[[Tried], Iterator[Fault]]], ...] = (
    ("training it for a few steps", learns),
    ("training it twice from one state", repeats),
    ("switching between training and evaluation", keeps_modes),
    ("evaluating it twice", evaluates_alike),
    ("scoring a crop beside others", scores_each_alone),
    ("scoring a single crop", takes_one),
    ("restoring it from its state", rebuilds),
)
"""What each does, for people, and the trial."""

ENDING = {"network-not-finite", "network-no-gradient", "network-eval-differs"}
"""Faults after which the other trials would find the same again."""


def builds_alike(network: OwnNetwork, twin: OwnNetwork, crops: Tensor) -> Iterator[Fault]:
    """Two builds with one seed are the same network."""
    remedy = "it must depend on nothing but its options, the seed and the context"
    one, two = network.state_dict(), twin.state_dict()
    differ = list(one.keys() ^ two.keys()) or [n for n in one if not _same(one[n], two[n])]
    if differ:
        says = f"two builds with one seed differ in {_parts(sorted(differ))}: {remedy}"
        yield Fault("network-build-differs", "error", says)
        return
    with torch.no_grad():
        scores = [each.eval()(crops.clone()) for each in (network, twin)]
        same = _same(*scores) or not _same(scores[0], network(crops.clone()))
    if not same:
        says = "two builds with one seed have the same parameters and buffers but score otherwise: something that is "
        yield Fault("network-build-differs", "error", f"{says}neither differs between them; {remedy}")


def _brisk(settings: TrainingConfig) -> TrainingConfig:
    return settings.model_copy(update={"lr": _LR, "lr_ratio": 1.0, "weight_decay": 0.0})


def _same(one: Tensor, two: Tensor) -> bool:
    """Equal, with NaN where the other has it."""
    if one.shape != two.shape or one.dtype != two.dtype:
        return False
    return torch.equal(one, two) or bool(torch.isclose(one, two, rtol=0, atol=0, equal_nan=True).all())


def _parts(names: list[str]) -> str:
    """The parts that have these parameters, by their names in the user's own module."""
    own = [name.removeprefix("module.") for name in names]
    return join_names(list(dict.fromkeys(own)), most=_NAMED)
