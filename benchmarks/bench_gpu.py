"""Swin base on a GPU: training and testing crops per second, and the share of the matrix rate that the device has.

For batches of 32 and of the largest power of two that fits, compiled and not, in bf16 (autocast; parameters fp32):

`bench_gpu.train_*`  crops/s of whole steps (forward, L1, backward, clipping at 1.0, fused AdamW) on crops that lie on
                     the device; the reference is 270 crops/s, at which the study behind this program trained
`bench_gpu.test_*`   crops/s without gradients, reference 54, the upper end of what that study tested at
`bench_gpu.share_*`  floating-point operations of a training step a second (ours) against torch's own matrix product of
                     8192 x 8192 in bf16 (reference), both timed here; operations counted on one uncompiled step with
                     torch.utils.flop_counter, which counts matrix products, attention and convolutions

The references of the first two come from another GPU and another program, so that their ratios say where things stand
and not how good the code is; the share is the fair figure. Every timing starts after warm-up (compiling included) and
waits for the device at both ends; the best of several rounds counts. Nothing is fed from the pixel store here:
bench_pixels shows what that can deliver.

`--device cpu` runs the same code on a tiny setting without a GPU, to try it; its figures mean nothing.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from _common import figure, note, options
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from iqa_train.models.network import QualityNetwork
from iqa_train.study.settings import TrainingConfig
from iqa_train.training.compute_device import ComputeDevice, choose_device
from iqa_train.training.losses import training_loss
from iqa_train.training.optimizer import CLIP, build_optimizer, set_rates
from iqa_train.training.targets import Targets

TRAINED, TESTED = 270.0, 54.0  # crops/s of the study behind this program
_RATE = 5e-7


@dataclass(frozen=True)
class Setup:
    """What is measured, where, and how often."""

    device: ComputeDevice
    settings: TrainingConfig
    matrix: int
    first: int  # batch size
    most: int  # largest batch that is tried
    rounds: int
    steps: int  # of a round


def timed(setup: Setup, work: Callable[[], object]) -> float:
    """Seconds of one call, the best of `rounds` rounds of `steps` calls, after a round that warms up."""
    best = float("inf")
    for number in range(setup.rounds + 1):
        wait(setup.device)
        started = time.perf_counter()
        for _ in range(setup.steps):
            work()
        wait(setup.device)
        if number:
            best = min(best, (time.perf_counter() - started) / setup.steps)
    return best


def wait(device: ComputeDevice) -> None:
    """Until the device has done what it was given."""
    if device.torch.type == "cuda":
        torch.cuda.synchronize(device.torch)


def matrix_rate(setup: Setup) -> float:
    """Operations per second of a square bf16 matrix product."""
    n = setup.matrix
    a, b = (torch.randn(n, n, device=setup.device.torch, dtype=torch.bfloat16) for _ in range(2))
    out = torch.empty_like(a)
    return 2 * n**3 / timed(setup, lambda: torch.mm(a, b, out=out))


class Bench:
    """The network with its optimizer, as the trainer sets them up, and one batch."""

    def __init__(self, setup: Setup, *, compiled: bool) -> None:
        self.setup = setup
        network = QualityNetwork(setup.settings, setup.settings.seed, pretrained=False)
        self.network = network.to(setup.device.torch, memory_format=torch.channels_last)
        self.forward: nn.Module = torch.compile(self.network) if compiled else self.network
        self.optimizer = build_optimizer(self.network, setup.settings)
        set_rates(self.optimizer, 0, 1, setup.settings)

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Random crops and scores on the device."""
        side, device = self.setup.settings.patch_size, self.setup.device.torch
        crops = torch.randn(size, 3, side, side, device=device).contiguous(memory_format=torch.channels_last)
        return crops, 100 * torch.rand(size, device=device)

    def step(self, crops: Tensor, scores: Tensor) -> None:
        """One training step."""
        with self.setup.device.autocast():
            predicted = self.forward(crops)
        loss = training_loss(predicted.float(), Targets(scores, (0.0, 100.0)), self.setup.settings)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimizer.step()

    @torch.inference_mode()
    def test(self, crops: Tensor) -> None:
        """One batch of a test."""
        with self.setup.device.autocast():
            self.forward(crops)

    def operations(self, size: int) -> float:
        """Floating-point operations of a step."""
        self.network.train()
        counter = FlopCounterMode(display=False)
        with counter:
            self.step(*self.batch(size))
        return float(counter.get_total_flops())


def largest_batch(setup: Setup, bench: Bench) -> int:
    """The largest power of two, up to `most`, with which a step fits the device's memory."""
    fits = setup.first
    bench.network.train()
    while 2 * fits <= setup.most and _fits(bench, 2 * fits):
        fits *= 2
    return fits


def _fits(bench: Bench, size: int) -> bool:
    try:
        bench.step(*bench.batch(size))
        wait(bench.setup.device)
    except torch.OutOfMemoryError:
        fits = False
    else:
        fits = True
    bench.optimizer.zero_grad(set_to_none=True)
    if bench.setup.device.torch.type == "cuda":
        torch.cuda.empty_cache()
    return fits


def measure(setup: Setup, bench: Bench, size: int, label: str, *, per_crop: float, peak: float) -> None:
    """Three figures of one batch size; a line that says so where it does not fit."""
    try:
        crops, scores = bench.batch(size)
        bench.network.train()
        train = size / timed(setup, lambda: bench.step(crops, scores))
        bench.network.eval()
        test = size / timed(setup, lambda: bench.test(crops))
    except torch.OutOfMemoryError:
        note(f"{label}: does not fit")
        return
    figure(f"bench_gpu.train_{label}", train, TRAINED, train / TRAINED, unit="crops/s", bar=None)
    figure(f"bench_gpu.test_{label}", test, TESTED, test / TESTED, unit="crops/s", bar=None)
    rate = train * per_crop
    figure(f"bench_gpu.share_{label}", rate / 1e12, peak / 1e12, rate / peak, unit="TFLOP/s", bar=None)


def setup_of(chosen: argparse.Namespace) -> Setup:
    """The measurement on a GPU, or its small stand-in for a CPU."""
    settings = TrainingConfig(
        backbone="swin", model_size="base", weights="none", patch_size=224, attention_fusion=True, drop_path_rate=0.3,
        dropout_rate=0.4, ranking_loss_alpha=0.0, lr=_RATE, lr_ratio=10.0, weight_decay=2e-4, color_jitter=False,
    )  # fmt: skip
    if chosen.device == "cpu":
        tiny = settings.model_copy(update={"backbone": "demo", "model_size": "tiny", "patch_size": 64})
        bf16 = ComputeDevice(torch.device("cpu"), bf16=True)
        return Setup(bf16, tiny, matrix=256, first=2, most=4, rounds=1, steps=1)
    setup = Setup(choose_device(settings), settings, matrix=8192, first=32, most=4096, rounds=3, steps=20)
    return replace(setup, most=64, rounds=1, steps=3) if chosen.smoke else setup


def main() -> None:
    """Measure, or say that there is nothing to measure on."""
    parser = options(__doc__ or "")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: only to try the code")
    parser.add_argument("--no-compile", action="store_true", help="leave the compiled figures out")
    chosen = parser.parse_args()
    if chosen.device == "cuda" and not torch.cuda.is_available():
        print("bench_gpu: no CUDA device; nothing measured")
        return
    setup = setup_of(chosen)
    peak = matrix_rate(setup)
    note(f"{setup.device.name}, torch {torch.__version__}, {setup.settings.backbone} {setup.settings.model_size}")
    precision = "bf16" if setup.device.bf16 else "fp32"
    note(f"network in {precision}; bf16 product of {setup.matrix} x {setup.matrix}: {peak / 1e12:.3g} TFLOP/s")
    plain = Bench(setup, compiled=False)
    per_crop = plain.operations(setup.first) / setup.first
    note(f"{per_crop / 1e9:.1f} GFLOP a crop and training step")
    sizes = sorted({setup.first, largest_batch(setup, plain)})
    for size in sizes:
        measure(setup, plain, size, f"batch{size}", per_crop=per_crop, peak=peak)
    del plain
    if setup.device.torch.type == "cuda":
        torch.cuda.empty_cache()
    if chosen.no_compile:
        return
    for size in sizes:
        torch.compiler.reset()  # each size compiled for itself, not for sizes in general
        measure(setup, Bench(setup, compiled=True), size, f"batch{size}_compiled", per_crop=per_crop, peak=peak)


if __name__ == "__main__":
    main()
