"""Audits a study: settings that cannot work, and differences that are confounded or too small to detect."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from iqa_train.errors import RunError
from iqa_train.study.backbone_checks import (
    frozen_from_scratch,
    normalised_otherwise,
    statistics_of_parts,
    wrong_layers,
)
from iqa_train.study.backbones import known_backbone
from iqa_train.study.command_checks import (
    missing_programs,
    predictions_outside,
    several_parameters,
    unused_parameters,
)
from iqa_train.study.factors import PRE_TRAINING, acting_differences, differing, factors_of
from iqa_train.study.find import file_option
from iqa_train.study.findings import SEVERITIES, Audited, Finding, Severity, span_text
from iqa_train.study.inert import COMPARING, Rule, effective, inert, never_steps
from iqa_train.study.loss_checks import opinions_lacking, option_out_of_range, same_loss
from iqa_train.study.messages import shown
from iqa_train.study.model import Study
from iqa_train.study.own_code_checks import ambiguous_modules, missing_code, too_many_files, wrong_options
from iqa_train.study.profiles import batches_of, declaration_of, seeds_of, study_name
from iqa_train.study.reach import margin_too_small, narrow_ranges, one_seed, out_of_reach
from iqa_train.study.resolve import Resolved, resolve_with_origins
from iqa_train.study.resolve_slurm import resolved
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.slurm_checks import (
    longer_than_the_limit,
    minutes_for_hours,
    one_after_another,
    setup_that_no_shell_reads,
    without_a_limit,
    without_resources,
)
from iqa_train.text import join_names, plural

_RENAMED = {
    "srcc": ("1 - Pearson's correlation of predictions and scores", "soft_srcc"),
    "rank": ("a hinge on the differences of pairs, without a margin", "margin_rank"),
    "pairwise": ("the fidelity of preferences", "ranknet"),
}
"""Loss -> (what it computes, the present name of what it computed in earlier versions)."""

_TOLERANCE = 0.0005


def audit(
    study: Study,
    profile: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    minutes: float | None = None,
    seeds: Sequence[int] | None = None,
    *,
    for_slurm: bool = False,
) -> list[Finding]:
    """All findings: errors first, then by code, then in the order of the file.

    `minutes` is the measured time of a run of the baseline, by default the declared one of its batch; `seeds` are those
    of a start, by default the study's. `for_slurm`: what jobs are given is looked at without a [slurm], too.

    Raises UsageError for an unknown profile and for overrides that are not allowed.
    """
    runs = tuple(resolve_with_origins(study, name, profile=profile, overrides=overrides) for name in study.run_here)
    baseline = next(run for run in runs if run.spec.experiment == study.baseline)
    chosen, declared = tuple(seeds or seeds_of(study, profile, overrides)), declaration_of(study, profile, overrides)
    minutes = minutes or _declared_minutes(study, profile)
    folder, option = study.path.parent, file_option(study.path, profile)
    tables = {run.spec.experiment: resolved(study, run.spec) for run in runs}
    slurm = tables if for_slurm or study.has_slurm else {}
    audited = Audited(runs, baseline, chosen, declared, minutes, folder, option, slurm)
    found = [finding for check in _CHECKS for finding in merged(check(audited), study.run_here)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _declared_minutes(study: Study, profile: str | None) -> float | None:
    """Of the baseline's batch, in which runs are side by side."""
    batches = batches_of(study, study_name(study, profile))
    return next((batch.minutes for batch in batches if study.baseline in batch.gpus.values()), None)


def findings_about(findings: Iterable[Finding], experiments: Collection[str]) -> list[Finding]:
    """The findings that apply to one of `experiments`, or to every experiment."""
    return [f for f in findings if f.experiment is None or f.experiment in experiments]


def refuse_errors(findings: Iterable[Finding]) -> None:
    """Raise RunError for the first error: such runs are not started."""
    for finding in findings:
        if finding.severity == "error":
            raise RunError(f"not started: {finding.code}: {finding.message}")


def merged(findings: Iterable[Finding], ids: list[str]) -> Iterator[Finding]:
    """The findings, with one that is the same for all experiments `ids` given once."""
    listed = list(findings)
    done: set[tuple[Any, ...]] = set()
    for finding in listed:
        same = (finding.code, finding.severity, finding.settings, finding.message)
        twins = [f for f in listed if (f.code, f.severity, f.settings, f.message) == same]
        if len(twins) == 1 or {f.experiment for f in twins} != set(ids):
            yield finding
        elif same not in done:
            done.add(same)
            yield Finding(finding.code, finding.severity, None, finding.settings, finding.message)


def _rising_schedule(audited: Audited) -> Iterator[Finding]:
    for run in audited.trained:
        c, name = run.spec.settings, run.spec.experiment
        if c.lr_scheduler == "cosine" and c.lr_floor > min(c.lr, c.lr * c.lr_ratio):
            yield _rising_cosine(c, name)
        if c.lr_scheduler == "step" and c.lr_step_gamma > 1 and not never_steps(c):
            says = f"the steps rise: each multiplies the rate by lr_step_gamma = {c.lr_step_gamma:g}, which is above 1"
            yield Finding("rising-schedule", "error", name, ("lr_step_gamma",), says)
        if c.warmup_epochs > 0 and c.warmup_epochs >= c.epochs:
            says = (
                f"the rate rises to the end and the schedule never starts: warmup_epochs = {c.warmup_epochs:g} is not "
                f"below epochs = {c.epochs}"
            )
            yield Finding("rising-schedule", "error", name, ("warmup_epochs", "epochs"), says)


def _rising_cosine(c: TrainingConfig, name: str) -> Finding:
    """An error; only a warning if the original script's schedule, which does this, is set explicitly."""
    settings: tuple[str, ...] = ("lr_floor", "lr")
    if c.lr_floor > c.lr:
        peak = f"its peak lr = {shown(c.lr)}"
    else:
        settings = (*settings, "lr_ratio")
        peak = (
            f"lr_ratio x lr = {c.lr * c.lr_ratio:g}, the peak of all but the backbone and the local distortion layers"
        )
    says = f"the cosine rises: its floor lr_floor = {shown(c.lr_floor)} is above {peak}"
    if c.lr_step == "epoch":
        says += '; as in the original script, whose schedule lr_step = "epoch" asks for'
        return Finding("rising-schedule", "warning", name, settings, says)
    return Finding("rising-schedule", "error", name, settings, says)


def _renamed_loss(audited: Audited) -> Iterator[Finding]:
    for run in audited.trained:
        loss = run.spec.settings.loss_type
        if loss in _RENAMED:
            now, before = _RENAMED[loss]
            says = f"loss_type = {shown(loss)} is the original script's, {now}; what earlier versions of this program "
            says += f"trained under this name is {before}"
            yield Finding("renamed-loss", "note", run.spec.experiment, ("loss_type",), says)


def _selects_on_test(audited: Audited) -> Iterator[Finding]:
    for run in audited.trained:
        if run.spec.settings.select_on == "test":
            says = (
                "the best epoch is chosen on the test images (select_on = test), so the reported test SRCC is the best "
                "of many and too high; choose on val"
            )
            yield Finding("selects-on-test", "warning", run.spec.experiment, ("select_on",), says)


def _inert_setting(audited: Audited) -> Iterator[Finding]:
    acting = audited.baseline.spec.settings
    silent = {rule.setting for rule in inert(acting)}
    base = audited.baseline.spec.experiment
    for run in audited.trained:
        spec = run.spec
        for rule in inert(spec.settings):
            if rule.setting not in run.explicit:
                continue
            value = f"{rule.setting} = {shown(getattr(spec.settings, rule.setting))} has no effect"
            removed = [name for name in rule.involved if name in spec.differs]
            severity: Severity = "warning"
            if rule.component and removed and rule.setting not in {*silent, *spec.differs}:
                says = f"{value}: {rule.because}; {_removes_both(rule, removed, spec.experiment, base)}"
            elif rule.setting in spec.differs:
                says = f"{value}: {rule.because}"
                if getattr(effective(spec.settings), rule.setting) == getattr(effective(acting), rule.setting):
                    says += f"; so {spec.experiment} does not differ from {base} in this"
            elif rule.quiet and rule.setting not in silent:
                continue
            else:
                severity, says = "note", f"{value}: {rule.because}"
            settings = (rule.setting, *rule.involved)
            yield Finding("inert-setting", severity, spec.experiment, settings, says)


def _removes_both(rule: Rule, removed: list[str], experiment: str, base: str) -> str:
    if rule.setting == "attention_fusion":
        return (
            f"so {experiment} removes attention and multi-scale together, and its difference from {base} is not "
            "multi-scale's alone"
        )
    both = join_names([*removed, rule.setting])
    return f"it acts in {base}, so the difference of {experiment} is the effect of {both} together"


def _nothing_to_compare(audited: Audited) -> Iterator[Finding]:
    for run in audited.trained:
        c = run.spec.settings
        if c.batch_size == 1 and c.loss_type in COMPARING:
            says = (
                f"nothing is learned: loss_type = {shown(c.loss_type)} compares the crops of a batch, and "
                "batch_size = 1 leaves none to compare"
            )
            yield Finding("inert-setting", "error", run.spec.experiment, ("loss_type", "batch_size"), says)


def _several_factors(audited: Audited) -> Iterator[Finding]:
    base = audited.baseline.spec
    for run in audited.trained:
        spec = run.spec
        c = spec.settings
        # Settings that others switch off have their own finding.
        silenced = {rule.setting for rule in inert(c)} - set(spec.differs)
        if base.command is not None:  # another program: nothing of its settings is comparable
            continue
        factors = [name for name in acting_differences(base.settings, c) if name not in silenced]
        named = factors_of(factors, base.settings, c)
        if len(named) < 2:
            continue
        says = f"{spec.experiment} differs from {base.experiment} in {len(named)} factors, {join_names(named)}"
        says += ", so its difference is not the effect of any one of them"
        pinned = known_backbone(c.backbone).pinned if effective(c).weights == "imagenet" else ""
        if "model_size" in factors and PRE_TRAINING not in named and pinned:
            says += "; pre-training is not a fourth" if len(named) == 3 else "; pre-training is not one more"
            says += f": the pinned weights of all three sizes have the same tag, {pinned}"
        yield Finding("several-factors", "warning", spec.experiment, tuple(factors), says)


def _idle_patience(audited: Audited) -> Iterator[Finding]:
    for run in audited.trained:
        c = run.spec.settings
        if c.early_stopping and c.patience >= c.epochs - 1:
            says = (
                "early stopping can never act: the first epoch always improves, and the "
                f"{plural(c.epochs - 1, 'epoch')} after it cannot use up patience = {c.patience} before the end"
            )
            yield Finding("idle-patience", "warning", run.spec.experiment, ("patience", "epochs"), says)


def _duplicate_settings(audited: Audited) -> Iterator[Finding]:
    first: dict[str, Resolved] = {}
    for run in audited.runs:
        settings = effective(run.spec.settings)
        key = run.spec.model_copy(update={"settings": settings}).config_hash
        earlier = first.setdefault(key, run)
        if earlier is run:
            continue
        differ = differing(earlier.spec.settings, run.spec.settings)
        pair = f"{run.spec.experiment} and {earlier.spec.experiment}"
        if differ:
            says = f"{pair} do the same: they differ in {join_names(differ)} alone, which makes no difference"
        else:
            says = f"{pair} have the same settings, so that one of them shows nothing but the noise between two runs"
        yield Finding("duplicate-settings", "warning", run.spec.experiment, tuple(differ), says)


def _expectation_mismatch(audited: Audited) -> Iterator[Finding]:
    base = audited.baseline.spec
    for run in audited.runs:
        spec = run.spec
        srcc, delta = spec.expect.srcc, spec.expect.delta
        if spec.experiment == base.experiment:
            if delta is not None and not delta[0] <= 0 <= delta[1]:
                says = f"{spec.experiment} is the baseline, and cannot differ from itself by {span_text(delta)}"
                yield Finding("expectation-mismatch", "warning", spec.experiment, (), says)
            continue
        if srcc is None or delta is None or base.expect.srcc is None:
            continue
        low, high = base.expect.srcc
        implied = (low + delta[0], high + delta[1])
        slack = _TOLERANCE + (high - low) + 1e-9
        if all(abs(a - b) <= slack for a, b in zip(srcc, implied, strict=True)):
            continue
        says = (
            f"the expected SRCC of {spec.experiment}, {span_text(srcc)}, is at odds with {base.experiment}'s "
            f"{span_text((low, high))} and an expected difference of {span_text(delta)}, which make "
            f"{span_text(implied)}"
        )
        if (srcc[0] > high and delta[1] < 0) or (srcc[1] < low and delta[0] > 0):
            says += "; one says better than the baseline, the other worse"
        yield Finding("expectation-mismatch", "warning", spec.experiment, (), says)


_CHECKS: tuple[Callable[[Audited], Iterable[Finding]], ...] = (
    missing_code,
    too_many_files,
    wrong_options,
    ambiguous_modules,
    option_out_of_range,
    opinions_lacking,
    same_loss,
    wrong_layers,
    frozen_from_scratch,
    normalised_otherwise,
    statistics_of_parts,
    _rising_schedule,
    _inert_setting,
    _nothing_to_compare,
    _renamed_loss,
    _several_factors,
    _selects_on_test,
    _idle_patience,
    _duplicate_settings,
    _expectation_mismatch,
    out_of_reach,
    narrow_ranges,
    margin_too_small,
    one_seed,
    missing_programs,
    predictions_outside,
    several_parameters,
    unused_parameters,
    minutes_for_hours,
    without_resources,
    without_a_limit,
    longer_than_the_limit,
    one_after_another,
    setup_that_no_shell_reads,
)
