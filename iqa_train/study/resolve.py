"""Lays the layers of settings over each other: defaults < profile < experiment < command line."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iqa_train.errors import UsageError, did_you_mean, visible
from iqa_train.home import expanded
from iqa_train.study.backbones import SIZED_BACKBONES
from iqa_train.study.model import Experiment, Profile, Study
from iqa_train.study.settings import SPAQ, TrainingConfig
from iqa_train.study.spec import DataSource, Expectation, RunSpec
from iqa_train.study.split_digest import split_digest
from iqa_train.study.validate import COMMAND_LINE, validate_settings

BY_HAND = "manual"
"""The study of runs that name no experiment."""


@dataclass(frozen=True)
class Resolved:
    """A run and where its settings come from: setting -> the layer that set it last, for those that are set."""

    spec: RunSpec
    origins: dict[str, str]

    @property
    def explicit(self) -> frozenset[str]:
        """The settings that some layer sets."""
        return frozenset(self.origins)


def resolve(
    study: Study,
    experiment_id: str,
    *,
    profile: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> RunSpec:
    """One experiment's run. Without `seed`: the one in `overrides`, else the first of the study's.

    Raises UsageError for an unknown experiment or profile and for overrides that are not allowed.
    """
    return resolve_with_origins(study, experiment_id, profile=profile, overrides=overrides, seed=seed).spec


def resolve_all(
    study: Study,
    *,
    profile: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    ids: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
) -> list[RunSpec]:
    """Every experiment (or those in `ids`) with the first seed, in the order of the file, then with the next seed.

    So that after the first seed there is a whole, if uncertain, table.
    """
    for wanted in ids or ():
        _experiment(study, wanted)
    chosen = [name for name in study.ids if ids is None or name in ids]
    return [
        resolve(study, name, profile=profile, overrides=overrides, seed=seed)
        for seed in (seeds_of(study, profile, overrides) if seeds is None else seeds)
        for name in chosen
    ]


def resolve_by_hand(overrides: Mapping[str, Any], sources: Mapping[str, DataSource] | None = None) -> RunSpec:
    """A run that names no experiment: the program's own defaults under `overrides`."""
    study = study_by_hand(overrides, sources)
    return resolve(study, study.baseline).model_copy(update={"baseline": None})


def study_by_hand(overrides: Mapping[str, Any], sources: Mapping[str, DataSource] | None = None) -> Study:
    """A study of the one experiment that `overrides` describe, so that it can be resolved and audited like any."""
    settings = TrainingConfig(**validate_settings(overrides, COMMAND_LINE))
    parts = [settings.dataset]
    if settings.backbone != "swin":
        parts.append(re.sub(r"[^A-Za-z0-9._-]+", "-", settings.backbone))
    if settings.backbone in SIZED_BACKBONES:
        parts.append(settings.model_size)
    name = "-".join(parts)[:60]
    return Study(
        path=Path("command line"),
        name=BY_HAND,
        title="",
        baseline=name,
        seeds=(settings.seed,),
        defaults={k: v for k, v in overrides.items() if k != "seed"},
        experiments=(Experiment(id=name, title=name),),
        datasets=dict(sources or {}),
    )


def resolve_with_origins(
    study: Study,
    experiment_id: str,
    *,
    profile: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> Resolved:
    """As `resolve`, with the layer that each setting comes from."""
    typed = validate_settings(overrides or {}, COMMAND_LINE)
    experiment = _experiment(study, experiment_id)
    chosen = profile_of(study, profile)
    layers = _layers(study, experiment, profile, typed)
    if seed is None:
        seed = seeds_of(study, profile, typed)[0]
    settings = _laid(layers, seed)
    baseline = _laid(_layers(study, _experiment(study, study.baseline), profile, typed), seed)
    spec = RunSpec(
        study=study_name(study, profile),
        experiment=experiment.id,
        slug=experiment.slug,
        title=experiment.title,
        purpose=experiment.purpose,
        baseline=study.baseline,
        settings=settings,
        source=_pinned(study.datasets.get(settings.dataset, DataSource())),
        cross_sources={name: study.datasets[name] for name in settings.across if name in study.datasets},
        expect=_expectation(experiment, chosen, typed),
        differs=differences(baseline, settings),
    )
    return Resolved(spec, {name: layer for layer, values in layers for name in values})


def differences(baseline: TrainingConfig, settings: TrainingConfig) -> dict[str, tuple[Any, Any]]:
    """Setting -> (the baseline's value, this one's) where they differ, the seed apart."""
    pairs = {name: (getattr(baseline, name), getattr(settings, name)) for name in TrainingConfig.model_fields}
    return {name: pair for name, pair in pairs.items() if name != "seed" and pair[0] != pair[1]}


def profile_of(study: Study, profile: str | None) -> Profile | None:
    """The profile of that name, None for none. Raises UsageError when the study file has no such profile."""
    if profile is None:
        return None
    if profile not in study.profiles:
        known = did_you_mean(profile, study.profiles)
        raise UsageError(f'unknown profile "{visible(profile)}" in {study.path}; {known}')
    return study.profiles[profile]


def study_name(study: Study, profile: str | None) -> str:
    """What the study is called under a profile; never the same as without one, so that results do not mix."""
    chosen = profile_of(study, profile)
    return study.name if chosen is None else chosen.study.name or f"{study.name}-{profile}"


def profiles_by_study(study: Study) -> dict[str, str | None]:
    """What the file's studies are called, with the profile of each; None for the study without a profile."""
    return {study_name(study, profile): profile for profile in study.profiles} | {study.name: None}


def study_title(study: Study, profile: str | None) -> str:
    """The study's title under a profile."""
    chosen = profile_of(study, profile)
    return (chosen.study.title if chosen else "") or study.title


def seeds_of(study: Study, profile: str | None = None, overrides: Mapping[str, Any] | None = None) -> tuple[int, ...]:
    """The seeds every experiment runs with."""
    if overrides and "seed" in overrides:
        return (overrides["seed"],)
    chosen = profile_of(study, profile)
    if chosen is None:
        return study.seeds
    return chosen.study.seeds or ((chosen.set["seed"],) if "seed" in chosen.set else study.seeds)


def _experiment(study: Study, experiment_id: str) -> Experiment:
    for experiment in study.experiments:
        if experiment.id == experiment_id:
            return experiment
    known = did_you_mean(experiment_id, study.ids)
    raise UsageError(f'unknown experiment "{visible(experiment_id)}" in {study.path}; {known}')


def _layers(
    study: Study, experiment: Experiment, profile: str | None, overrides: Mapping[str, Any]
) -> list[tuple[str, Mapping[str, Any]]]:
    chosen = profile_of(study, profile)
    return [
        ("defaults", study.defaults),
        *([(f"profile {profile}", chosen.set)] if chosen else []),
        (f"experiment {experiment.id}", experiment.set),
        (COMMAND_LINE, overrides),
    ]


def _laid(layers: Sequence[tuple[str, Mapping[str, Any]]], seed: int) -> TrainingConfig:
    values: dict[str, Any] = {}
    for _, layer in layers:
        values.update(layer)
        if layer.get("spaq") is False and "cross_datasets" not in layer:  # takes back what layers below have named
            values["cross_datasets"] = tuple(name for name in values.get("cross_datasets", ()) if name != SPAQ)
    return TrainingConfig(**validate_settings({**values, "seed": seed}, COMMAND_LINE))


def _pinned(source: DataSource) -> DataSource:
    """The source with the digest of its split file, so that another split is another run."""
    if not source.split or source.split_digest:
        return source
    return source.model_copy(update={"split_digest": split_digest(expanded(source.split))})


def _expectation(experiment: Experiment, profile: Profile | None, overrides: Mapping[str, Any]) -> Expectation:
    """None of the study's expectations holds for other data."""
    if "dataset" in overrides:
        return Expectation()
    return experiment.expect if profile is None else profile.expect.get(experiment.id, Expectation())
