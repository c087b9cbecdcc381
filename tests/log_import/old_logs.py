"""Logs as the old script wrote them: bars with carriage returns, its list of settings, its table in two layouts."""

from collections.abc import Sequence
from dataclasses import dataclass

HEADER = "Epoch\tTrain_Loss\tTrain_SRCC\tTest_SRCC\tTest_PLCC"
LINE = "=" * 80

# Test SRCC and PLCC by epoch; the best is the eighth.
SCORES = (
    (0.9251, 0.9370), (0.9302, 0.9411), (0.9335, 0.9440), (0.9351, 0.9457), (0.9362, 0.9468),
    (0.9370, 0.9476), (0.9374, 0.9481), (0.9378, 0.9485), (0.9377, 0.9484), (0.9376, 0.9484),
)  # fmt: skip


@dataclass(frozen=True)
class Script:
    """How the script was started, and which of its versions it was."""

    lr: float = 5e-7
    epochs: int = 10
    patience: int = 3
    rounds: int = 1
    model_size: str = "base"
    attention: bool = True
    multi_scale: bool = True
    alpha: float = 0.0
    spaq: bool = False
    configuration: bool = True  # later versions list their settings
    remarks: bool = True
    bars: bool = True


def old_log(
    script: Script = Script(),
    scores: Sequence[tuple[float, float]] = SCORES,
    *,
    before: str = "",
    warnings: bool = True,
    stops_early: bool = False,
    ends: bool = True,
) -> str:
    """The whole text of a log, with `\\n` and, round the bars, `\\r`."""
    text = before
    if script.configuration:
        text += _configuration(script)
    text += f"Training and testing on koniq-10k dataset for {script.rounds} rounds...\n"
    text += "Using Swin Transformer backbone\nKonIQ-10k: 7046 train images, 2010 test images\n"
    for number in range(1, script.rounds + 1):
        text += f"Round {number}\n  Train: 7046 images, Test: 2010 images\n"
        text += _beginning(script) if script.remarks else ""
        text += _table(script, scores, warnings=warnings, stops_early=stops_early)
        if ends:
            best = max(scores)
            text += f"Best test SRCC {best[0]:f}, PLCC {best[1]:f}\n"
    if ends:
        text += "Testing median SRCC {:4.4f},\tmedian PLCC {:4.4f}\n".format(*max(scores))
    return text


def _configuration(script: Script) -> str:
    rows = (
        ("Dataset", "koniq-10k"), ("Model Size", script.model_size), ("Epochs", script.epochs), ("Batch Size", 32),
        ("Learning Rate", script.lr), ("LR Ratio (backbone)", 10), ("Weight Decay", 0.0002), ("Train Patch Num", 20),
        ("Test Patch Num", 20), None, ("Loss Function", ""), ("  Ranking Loss Alpha", script.alpha),
        ("  Ranking Loss Margin", 0.1), None, ("Regularization", ""), ("  Drop Path Rate", 0.3),
        ("  Dropout Rate", 0.4), ("  Early Stopping", True), ("  Patience", script.patience), None,
        ("Training Strategy", ""), ("  LR Scheduler", "cosine"), ("  Multi-Scale Fusion", script.multi_scale),
        ("  Attention Fusion", script.attention), ("  Test Random Crop", True),
        ("  SPAQ Cross-Dataset Test", script.spaq), None, ("Reproducibility", ""), ("  Random Seed", 42),
        ("  CuDNN Deterministic", True), ("  CuDNN Benchmark", False),
    )  # fmt: skip
    lines = ["-" * 80 if row is None else f"{row[0] + ':':<28}{row[1]}".rstrip() for row in rows]
    start = f"Training log will be saved to: logs/swin.log\n{LINE}\nRandom seed set to 42 for reproducibility\n\n"
    return start + "\n".join([LINE, "EXPERIMENT CONFIGURATION", LINE, *lines, LINE]) + "\n\n"


def _beginning(script: Script) -> str:
    lines = ["Using device: cuda", "Backbone: Swin Transformer Tiny"]
    lines += [f"Multi-scale feature fusion: {'ENABLED' if script.multi_scale else 'DISABLED'}"]
    if script.multi_scale:
        lines += [f"  → Using {'ATTENTION-based fusion' if script.attention else 'simple concatenation'}"]
    lines += ["Regularization: drop_path_rate=0.30, dropout_rate=0.40"]
    lines += [f"Loading Swin Transformer {script.model_size.upper()} (~88M parameters)"]
    text = "\n".join(lines) + "\n"
    if script.bars:
        text += bar("  Loading images", 7046, "img", "01:18")
    lines = ["  Cached 7046 images successfully", "Test augmentation: RandomCrop (original paper, less reproducible)"]
    lines += ["" if script.spaq else "SPAQ cross-dataset testing: DISABLED (use --test_spaq to enable)"]
    lines += [f"Ranking loss enabled: alpha={script.alpha}, margin=0.1"] if script.alpha else []
    lines += [f"Learning rate scheduler: CosineAnnealingLR (T_max={script.epochs}, eta_min=1e-6)"]
    lines += [f"Early stopping enabled with patience={script.patience}"]
    return text + "\n".join(lines) + "\n"


def _table(script: Script, scores: Sequence[tuple[float, float]], *, warnings: bool, stops_early: bool) -> str:
    text = HEADER + ("\tSPAQ_SRCC\tSPAQ_PLCC" if script.spaq else "") + "\n"
    for k, (srcc, plcc) in enumerate(scores, 1):
        if script.bars:
            text += "  Total batches: 4404\n  Loading first batch (this may take a moment)...\n"
            text += bar(f"Epoch {k}/{script.epochs}", 4404, "batch", "21:33", f", loss={9 / k:.4f}")
        if warnings and k == 1:
            text += "/opt/lib/python3.12/site-packages/torch/functional.py:513: UserWarning: torch.meshgrid: in an "
            text += "upcoming release, it will be required\n  return _VF.meshgrid(tensors, **kwargs)\n"
        if script.bars:
            text += bar("Testing", 40200, "batch", "1:02:03")
        loss = f"{9 / k:4.3f}"
        if script.alpha:
            row = f"{k}\t{loss} (L1:{8 / k:4.3f},Rank:{1 / k:4.3f})\t0.9{k:03}\t{srcc:4.4f}\t{plcc:4.4f}"
        else:
            row = f"{k}\t{loss}\t\t0.9{k:03}\t\t{srcc:4.4f}\t\t{plcc:4.4f}"
        text += row + ("\t0.8591\t0.8533" if script.spaq else "") + "\n"
        text += f"  Model saved to: checkpoints/swin/checkpoint_epoch_{k}_srcc_{srcc:.4f}_plcc_{plcc:.4f}.pkl\n"
        if srcc == max(scores[:k])[0]:
            text += f"  ⭐ New best model saved! SRCC: {srcc:.4f}, PLCC: {plcc:.4f}\n"
        if k < len(scores) or not stops_early:
            text += f"  Learning rates: HyperNet={script.lr * 10:.6f}, Backbone={script.lr:.6f}\n"
    if stops_early:
        text += f"\n🛑 Early stopping triggered!\n   No improvement for {script.patience} consecutive epochs.\n"
    return text


def bar(label: str, total: int, unit: str, elapsed: str, more: str = "") -> str:
    """A progress bar's whole life: drawn over itself, and left with a line's end."""
    parts = [f"\r{label}:   0%|          | 0/{total} [00:00<?, ?{unit}/s]"]
    for k in (1, 4, 9):
        drawn = f"{'#' * k}{' ' * (10 - k)}| {total * k // 10}/{total}"
        parts.append(f"\r{label}:  {k}4%|{drawn} [00:38<12:49,  3.18{unit}/s{more}]")
    parts += [f"\r{label}: 100%|{'█' * 10}| {total}/{total} [{elapsed}<00:00,  3.25{unit}/s{more}]"]
    return "".join(parts) + "\n"
