"""Resolves an order to runs, by the study file or by the runs' own folders."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_train.study.model import Study
    from iqa_train.study.spec import RunSpec
    from iqa_tui.actions.orders import StartOrder
    from iqa_tui.state.board import Target


@dataclass(frozen=True)
class ResolvedRun:
    """A run to start. It is audited as part of `study` under `profile` and `overrides`.

    `before`: the previous values of changed settings. `repeat`: as of `RunFolder`.
    """

    spec: RunSpec
    study: Study
    profile: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] = field(default_factory=dict)
    repeat: int = 1


def resolve_order(target: Target, order: StartOrder) -> list[ResolvedRun]:
    """The runs of an order, seed by seed. Raises UserError for an invalid file, setting or run."""
    from iqa_train.errors import UsageError
    from iqa_train.runs.layout import RunFolder
    from iqa_train.study.resolve import resolve_all
    from iqa_train.study.select import select_study
    from iqa_train.study.validate import validate_settings

    selected = select_study(target.experiments, target.study, target.profile)
    study, profile = selected.file if selected.declared else None, selected.profile
    changes = validate_settings(order.changes, "changed settings")
    if not order.keys:
        if study is None:
            raise UsageError(f"the study file does not contain {target.study}; press R to relaunch one of its runs")
        specs = resolve_all(study, profile=profile, overrides=changes, ids=order.experiments, seeds=order.seeds)
        return [ResolvedRun(spec, study, profile, changes) for spec in specs]
    named = [(_spec_of(Path(key), target, study, profile), RunFolder(Path(key)).repeat) for key in order.keys]
    for spec, _ in named:
        if spec.external:
            raise UsageError(f"{spec.experiment} is external: iqa-train import-predictions imports its predictions")
    seeds = order.seeds or tuple(dict.fromkeys(spec.seed for spec, _ in named))
    runs = [
        replace(_with_changes(spec, study, profile, changes, seed), repeat=repeat)
        for seed in seeds
        for spec, repeat in named
        if order.seeds or spec.seed == seed
    ]
    return list({(run.spec.experiment, run.spec.seed, run.spec.config_hash, run.repeat): run for run in runs}.values())


def _spec_of(path: Path, target: Target, study: Study | None, profile: str | None) -> RunSpec:
    """The spec of the run in folder `path`: of the study file if it has that run, else its own spec.json."""
    from iqa_train.runs.layout import RunFolder, run_folder
    from iqa_train.runs.seeds import UNKNOWN_SEED
    from iqa_train.runs.specfile import read_spec
    from iqa_train.study.resolve import resolve

    run = RunFolder(path)
    if study is not None and run.experiment in study.ids and run.seed != UNKNOWN_SEED:
        spec = resolve(study, run.experiment, profile=profile, seed=run.seed)
        if run_folder(target.runs_dir, spec, run.repeat).path == path:
            return spec
    return read_spec(run)


def _with_changes(
    spec: RunSpec, study: Study | None, profile: str | None, changes: Mapping[str, Any], seed: int
) -> ResolvedRun:
    """`spec` with changed settings and a seed; a run of the study file if that has the experiment."""
    from iqa_train.study.profiles import study_name
    from iqa_train.study.resolve import resolve, resolve_by_hand, study_by_hand
    from iqa_train.study.resolve_command import PARAMETERS, changed_parameters, refuse_idle
    from iqa_train.study.revision import REVISION
    from iqa_train.study.settings import TrainingConfig

    refuse_idle([spec], changes)
    before = {name: getattr(spec.settings, name) for name in changes}
    values = spec.settings.model_dump() | dict(changes) | {"seed": seed}
    if study is not None and spec.experiment in study.ids and spec.study == study_name(study, profile):
        declared = resolve(study, spec.experiment, profile=profile, seed=seed)
        overrides = {name: value for name, value in values.items() if value != getattr(declared.settings, name)}
        if typed := changed_parameters(declared, spec):
            overrides[PARAMETERS] = typed
        changed = resolve(study, spec.experiment, profile=profile, overrides=overrides, seed=seed)
        return ResolvedRun(changed, study, profile, overrides, before)
    settings = TrainingConfig(**values)
    given = settings.model_dump(exclude_defaults=True) | {"seed": seed}
    sources = {settings.dataset: spec.source} if settings.dataset == spec.settings.dataset else {}
    by_hand = study_by_hand(given, sources, local=study.local if study is not None else None)
    if spec.baseline is None:
        return ResolvedRun(resolve_by_hand(given, sources), by_hand, before=before)
    update: dict[str, Any] = (
        {"settings": settings} if settings == spec.settings else {"settings": settings, "differs": {}}
    )
    update["revision"] = REVISION  # a run started now is trained by this revision, whatever its model used
    return ResolvedRun(spec.model_copy(update=update), by_hand, before=before)
