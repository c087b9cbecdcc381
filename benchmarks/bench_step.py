"""A training step with the target network as batched products, against the same network with grouped convolutions.

  ours        models.hyper: one `baddbmm` a layer
  reference   the target network put together anew for every batch, each layer a 1x1 convolution of the whole batch as
              one picture of B x C channels in B groups, which is how HyperIQA was published (Su et al., CVPR 2020)
  fair        both read the same generated parameters of the same network, whose every other part is shared; scores and
              gradients are checked to be equal before timing; the same threads, by turns, best of rounds

`*_target` is forward and backward of the target network alone, `*_step` of the whole network (no optimizer), and
`*_rest`, for information, the share of a step that is not backbone: forward and backward of everything after it, from
features that are given, in percent of a step. Networks: the demo profile's (base, 64 pixels, 32 crops) and Swin tiny at
224 pixels, without weights, in training mode. Swin's step is for information: what the target network saves there is
less than a thousandth of a step on a CPU, too little to separate from noise.
"""

from functools import partial
from itertools import pairwise

import torch
from _common import duel, figure, note, options, race
from torch import Tensor, nn
from torch.nn.functional import conv2d

from iqa_train.models.hyper import TARGET_WIDTHS, TargetNetwork, TargetParameters
from iqa_train.models.network import QualityNetwork
from iqa_train.study.settings import TrainingConfig


class GroupedLayer(nn.Module):
    """One layer of one batch: its parameters, reshaped for a convolution in as many groups as there are images."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.batch, self.wide = weight.shape[:2]
        self.weight = weight.reshape(self.batch * self.wide, -1, 1, 1)
        self.bias = bias.reshape(-1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, 1, 1) -> (B, out, 1, 1)."""
        x = conv2d(x.reshape(1, -1, 1, 1), self.weight, self.bias, groups=self.batch)
        return x.view(self.batch, self.wide, 1, 1)


class GroupedTarget(nn.Module):
    """Stands in for TargetNetwork; builds a network of modules out of every batch's parameters."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout

    def forward(self, features: Tensor, parameters: TargetParameters) -> Tensor:
        """Features (B, 224), parameters per image -> raw scores (B,)."""
        layers: list[nn.Module] = []
        for k, (weight, bias) in enumerate(zip(parameters.weights, parameters.biases, strict=True)):
            layers += [GroupedLayer(weight, bias), nn.Sigmoid(), *([nn.Dropout(self.dropout)] if k < 3 else [])]
        network = nn.Sequential(*layers[:-1]).train(self.training)
        return network(features[:, :, None, None]).flatten()


def step(network: QualityNetwork, target: nn.Module, crops: Tensor) -> Tensor:
    """Scores (B,), after a forward and a backward pass through the network with that target network."""
    network.target = target  # type: ignore[assignment]
    network.zero_grad(set_to_none=True)
    scores = network(crops)
    scores.abs().mean().backward()
    return scores.detach()


def rest_step(network: QualityNetwork, target: nn.Module, stages: list[Tensor]) -> None:
    """Forward and backward of all that is not backbone, from the backbone's four features."""
    network.zero_grad(set_to_none=True)
    for stage in stages:
        stage.grad = None
    target(network.local(stages), network.hyper(network.fusion(stages))).abs().mean().backward()


def target_step(target: nn.Module, features: Tensor, parameters: TargetParameters) -> None:
    """Forward and backward of a target network alone."""
    for tensor in (features, *parameters.weights, *parameters.biases):
        tensor.grad = None
    target(features, parameters).abs().mean().backward()


def random_parameters(batch: int) -> tuple[Tensor, TargetParameters]:
    """Features and parameters as leaves that want gradients."""
    pairs = list(pairwise(TARGET_WIDTHS))
    weights = [(torch.randn(batch, b, a) / a**0.5).requires_grad_() for a, b in pairs]
    biases = [torch.randn(batch, b).requires_grad_() for _, b in pairs]
    return torch.randn(batch, TARGET_WIDTHS[0], requires_grad=True), TargetParameters(weights, biases)


def check_equal(network: QualityNetwork, crops: Tensor) -> None:
    """Both target networks give the same scores, and the network the same gradients, when nothing is left to chance."""
    network.eval()
    results = []
    for target in (TargetNetwork(0.0), GroupedTarget(0.0)):
        scores = step(network, target.eval(), crops)
        gradient = network.hyper.reduce[0].weight.grad  # everything generated passes through it
        results.append((scores, gradient.clone()))
    torch.testing.assert_close(results[0][0], results[1][0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-3, atol=1e-5)
    network.train()


def bench(name: str, settings: TrainingConfig, batch: int, rounds: int) -> None:
    """All figures of one network."""
    network = QualityNetwork(settings, 42).to(memory_format=torch.channels_last)
    side = settings.patch_size
    crops = torch.randn(batch, 3, side, side).contiguous(memory_format=torch.channels_last)
    check_equal(network, crops)
    note(f"{name}: {batch} crops of {side} pixels, {torch.get_num_threads()} thread(s)")
    wall = torch.get_num_threads() > 1
    ours, reference = TargetNetwork(settings.dropout_rate), GroupedTarget(settings.dropout_rate)

    given = random_parameters(batch)
    seconds = race(20 * rounds, partial(target_step, ours, *given), partial(target_step, reference, *given), wall=wall)
    _time_figure(f"bench_step.{name}_target", *seconds)

    ours_step, reference_step = partial(step, network, ours, crops), partial(step, network, reference, crops)
    *seconds, ratio = duel(3 * rounds, ours_step, reference_step, wall=wall)
    _time_figure(f"bench_step.{name}_step", *seconds, ratio=ratio, asked=name == "demo")

    with torch.no_grad():
        stages = [stage.requires_grad_() for stage in network.backbone(crops)]
    rest = race(
        rounds, partial(rest_step, network, ours, stages), partial(rest_step, network, reference, stages), wall=wall
    )
    shares = [100 * r / s for r, s in zip(rest, seconds, strict=True)]
    figure(f"bench_step.{name}_rest", *shares, shares[1] / shares[0], unit="%", bar=None)


def _time_figure(name: str, ours: float, reference: float, *, ratio: float | None = None, asked: bool = True) -> None:
    ratio = reference / ours if ratio is None else ratio
    bar = 1 if asked else None
    figure(name, 1e3 * ours, 1e3 * reference, ratio, unit="ms", bar=bar, ok=not asked or ratio > 1)


def main() -> None:
    """Time both networks."""
    parser = options(__doc__ or "")
    parser.add_argument("--threads", type=int, default=1, help="torch's threads, on both sides")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    demo = TrainingConfig(backbone="demo", model_size="base", weights="none", patch_size=64, attention_fusion=True)
    swin = TrainingConfig(backbone="swin", model_size="tiny", weights="none", patch_size=224, attention_fusion=True)
    bench("demo", demo, 32, 3 if chosen.smoke else 20)
    bench("swin_tiny", swin, 2 if chosen.smoke else 4, 1 if chosen.smoke else 5)


if __name__ == "__main__":
    main()
