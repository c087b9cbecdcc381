"""Checks of the losses: opinions that the data set does not have, options out of range, one loss under two names."""

import math
from collections.abc import Iterator, Mapping

from iqa_train.errors import visible
from iqa_train.study.findings import Audited, Finding
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.spec import DataSource

WITH_DISTRIBUTION = ("koniq-10k", "demo")
"""The data sets built in that come with the distribution of the opinions on each image."""

WITH_SD = (*WITH_DISTRIBUTION, "livec", "kadid-10k", "agiqa-3k", "tid2013", "live")
"""Those that come with the standard deviation of the opinions."""

LEAST_OPTIONS: dict[str, Mapping[str, float]] = {"nin": {"p": 1.0, "q": 1.0}, "fidelity": {"predicted_sd": 0.0}}
"""By loss, the least value of each of its options."""


def opinions_lacking(audited: Audited) -> Iterator[Finding]:
    """`emd` where the data set has no distribution, an error; `fidelity` where it has no SDs, a note."""
    for run in audited.runs:
        settings, source = run.spec.settings, run.spec.source
        loss, of = settings.loss_type, f"loss_type = {settings.loss_type}"
        where = f"[datasets.{visible(settings.dataset)}]"
        if loss == "emd" and not _has_distribution(settings, source):
            says = (
                f'{of} needs the distribution of the opinions on each image, which "{visible(settings.dataset)}" does '
                f"not have; name its columns in distribution_columns of {where}, or take another loss"
            )
            yield Finding("no-opinions", "error", run.spec.experiment, ("loss_type", "dataset"), says)
        if loss == "fidelity" and not _has_sd(settings, source):
            says = (
                f'{of} finds no SDs of the opinions in "{visible(settings.dataset)}", so that all raters count '
                f"as preferring the higher score of a pair (LIQE's loss instead of UNIQUE's)"
            )
            says += f"; if there are SDs, name them in sd_column of {where}" if source.csv else ""
            yield Finding("no-opinions", "note", run.spec.experiment, ("loss_type", "dataset"), says)


def _has_distribution(settings: TrainingConfig, source: DataSource) -> bool:
    return bool(source.distribution_columns) if source.csv else settings.dataset in WITH_DISTRIBUTION


def _has_sd(settings: TrainingConfig, source: DataSource) -> bool:
    if source.csv:
        return bool(source.sd_column or source.distribution_columns)
    return settings.dataset in WITH_SD


def option_out_of_range(audited: Audited) -> Iterator[Finding]:
    """Options of losses built in that are below their least value."""
    for run in audited.runs:
        for name, says in options_out_of_range(run.spec.settings):
            yield Finding("loss-options", "error", run.spec.experiment, (f"loss_options.{name}", "loss_type"), says)


def options_out_of_range(settings: TrainingConfig) -> Iterator[tuple[str, str]]:
    """(option, sentence) for each option of a loss built in that is below its least value or not finite."""
    for name, least in LEAST_OPTIONS.get(settings.loss_type, {}).items():
        value = settings.loss_options.get(name, least)
        if isinstance(value, int | float) and not least <= value < math.inf:
            yield name, f"loss_options: {name} = {value} of {settings.loss_type} must be a number from {least:g} up"


def same_loss(audited: Audited) -> Iterator[Finding]:
    """Losses that are 1 - Pearson's correlation like the baseline's, but for a factor."""
    base = audited.baseline.spec
    for run in audited.compared:
        names = [_as_named(spec.settings) for spec in (base, run.spec)]
        if names[0] != names[1] and all(names):
            says = (
                f"{names[1]} is {names[0]} but for a constant factor (both go by Pearson's correlation), which AdamW "
                "takes out again: the two differ in clipping and next to the ranking term only"
            )
            yield Finding("same-loss", "note", run.spec.experiment, ("loss_type",), says)


def _as_named(settings: TrainingConfig) -> str:
    """The loss, if it is Pearson's correlation but for a factor; else ""."""
    options = settings.loss_options
    if settings.loss_type == "nin":
        return "nin with p = q = 2" if (options.get("p"), options.get("q")) == (2, 2) else ""
    return settings.loss_type if settings.loss_type in ("srcc", "plcc") else ""
