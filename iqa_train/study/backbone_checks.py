"""Checks of the backbone: layers and crops that it does not have, normalisation, and what parts of a batch change."""

import math
from collections.abc import Iterator

from iqa_train.study.backbones import even_taps, is_weights_file, known_backbone, plain_vit, unknown_backbone
from iqa_train.study.findings import Audited, Finding, Severity
from iqa_train.study.normalisation import normalisation_of_weights, trained_otherwise
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.spec import RunSpec

_WITHOUT_BATCH_NORM = ("swin", "convnext")
"""Networks with four stages, by the start of their names, that have no batch normalisation."""


def misfit(settings: TrainingConfig, depth: int, patch: int) -> str | None:
    """What does not fit a plain vision transformer of `depth` blocks and `patch` pixels; None if all does."""
    if settings.patch_size % patch:
        fits = math.lcm(32, patch)
        return (
            f'backbone "{settings.backbone}" cuts crops into patches of {patch} pixels, which do not fill '
            f"patch_size = {settings.patch_size}; use a multiple of {fits}"
        )
    if settings.taps and max(settings.taps) > depth:
        return f'backbone "{settings.backbone}" has {depth} blocks, and taps = {list(settings.taps)} names more'
    return None


def freeze_problem(settings: TrainingConfig, depth: int | None) -> str | None:
    """What is wrong with `freeze` for a transformer of `depth` blocks, or None of four stages; None if nothing."""
    kind, _, number = settings.freeze.partition(":")
    given = f'freeze = "{settings.freeze}"'
    who = f'backbone "{settings.backbone}"'
    if kind == "stages" and depth is not None:
        return f'{who} is a plain transformer and has no stages, and {given} names some; use "blocks:N"'
    if kind == "blocks" and depth is None:
        return f'{who} has stages, and {given} names blocks; use "stages:N"'
    last = max(settings.taps or even_taps(depth)) if depth is not None else 0
    if kind == "blocks" and int(number) > last:
        return f"{who} has {last} blocks up to its last tap, and {given} names more"
    return None


def wrong_layers(audited: Audited) -> Iterator[Finding]:
    """Backbones that do not exist; crops, taps and frozen layers that they cannot have."""
    for run in audited.trained:
        settings, name = run.spec.settings, run.spec.experiment
        if (unknown := unknown_backbone(settings.backbone, settings.model_size)) is not None:
            yield Finding("unknown-backbone", "error", name, ("backbone",), unknown)
            continue
        depth, patch = plain_vit(settings.backbone) or (None, 0)
        if depth is not None and (wrong := misfit(settings, depth, patch)) is not None:
            yield Finding("backbone-layers", "error", name, ("backbone", "patch_size", "taps"), wrong)
        elif (wrong := freeze_problem(settings, depth)) is not None:
            yield Finding("backbone-layers", "error", name, ("freeze", "backbone", "taps"), wrong)


def frozen_from_scratch(audited: Audited) -> Iterator[Finding]:
    """Frozen layers without pretrained weights."""
    for run in audited.trained:
        settings = run.spec.settings
        if settings.freeze != "none" and settings.weights == "none":
            says = (
                f'freeze = "{settings.freeze}" keeps layers at their random initial weights, as weights = "none" '
                "gives them no others"
            )
            yield Finding("frozen-random", "warning", run.spec.experiment, ("freeze", "weights"), says)


def normalised_otherwise(audited: Audited) -> Iterator[Finding]:
    """Normalisation that is not that of the weights, or that differs from the baseline's because the weights do."""
    base = audited.baseline.spec
    for run in audited.trained:
        spec = run.spec
        set_here = tuple(name for name in ("mean", "std") if getattr(spec.settings, name))
        if (says := _not_the_weights_own(spec, set_here)) is not None:
            severity: Severity = "warning" if set_here else "note"
            yield Finding("normalisation", severity, spec.experiment, ("mean", "std", "weights"), says)
        if base.command is None and spec.normalisation != base.normalisation and not set_here:
            changed = tuple(name for name in ("backbone", "weights") if name in spec.differs)
            says = f"{spec.experiment} differs from {base.experiment} in the normalisation of crops, too: "
            says += f"{spec.normalisation} here, {base.normalisation} there"
            if spec.settings.weights == "none":
                says += ", although nothing is pretrained here; set mean and std to those there to keep them equal"
            elif base.settings.weights != "none":
                says += ", each as its weights were trained"
            yield Finding("normalisation", "note", spec.experiment, (*changed, "mean", "std"), says)


def _not_the_weights_own(spec: RunSpec, set_here: tuple[str, ...]) -> str | None:
    """That mean and std contradict pretrained weights, or that nobody knows those of a file."""
    settings, own = spec.settings, normalisation_of_weights(spec.settings)
    if settings.weights == "none":
        return None
    if is_weights_file(settings.weights):
        if set_here or not trained_otherwise(settings):
            return None
        return (
            f"crops are normalised by {spec.normalisation}: there are weights for {settings.backbone} trained with "
            "another normalisation, and a file does not say which; name their tag in backbone, or set mean and std"
        )
    if set_here and spec.normalisation != own:
        return f"crops are normalised by {spec.normalisation}, and the weights were trained with {own}"
    return None


def statistics_of_parts(audited: Audited) -> Iterator[Finding]:
    """Batch normalisation where a batch is computed in parts."""
    for run in audited.trained:
        settings = run.spec.settings
        micro, whole = settings.micro_batch_size, settings.batch_size
        if not 0 < micro < whole or plain_vit(settings.backbone) is not None:
            continue
        known = known_backbone(settings.backbone)
        own = settings.network not in ("hyperiqa", "linear")
        frozen = settings.freeze == "backbone" and not own
        if frozen or (settings.backbone.startswith(_WITHOUT_BATCH_NORM) and not own):
            continue
        parts = f"takes its statistics from parts of {micro} crops instead of the batch of {whole}"
        if known.batch_norm and not own:
            says = f"batch normalisation in {settings.backbone} {parts}, and gradients differ from the whole batch's"
            yield Finding("micro-batch-norm", "warning", run.spec.experiment, ("micro_batch_size", "backbone"), says)
        else:
            who = "the network" if own else settings.backbone
            says = f"if {who} has batch normalisation, it {parts}; all else is as for the whole batch up to rounding"
            yield Finding("micro-batch-norm", "note", run.spec.experiment, ("micro_batch_size", "backbone"), says)
