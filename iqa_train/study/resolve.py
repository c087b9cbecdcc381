"""Resolves runs from layers of settings: defaults < profile < experiment < command line."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iqa_train.errors import UsageError, did_you_mean, visible
from iqa_train.home import expanded
from iqa_train.study.backbones import SIZED_BACKBONES
from iqa_train.study.local_table import LocalTable
from iqa_train.study.model import BY_HAND, Experiment, Profile, Study
from iqa_train.study.normalisation import normalisation
from iqa_train.study.own_code import own_code, signature_of
from iqa_train.study.profiles import profile_of, seeds_of, study_name
from iqa_train.study.resolve_command import (
    PARAMETERS,
    Laid,
    Layer,
    command_layers,
    differences,
    laid_command,
    refuse_unknown,
)
from iqa_train.study.setting_fields import OPTIONS_OF, SETTINGS
from iqa_train.study.settings import SPAQ, TrainingConfig
from iqa_train.study.signature import fitted
from iqa_train.study.slurm_table import SlurmTable
from iqa_train.study.spec import DataSource, Expectation, RunSpec, split_digest
from iqa_train.study.validate import COMMAND_LINE, training_config

EXTERNAL_SETTINGS = ("dataset", "data_dir", "seed")
"""Those of imported predictions: of which images they are."""


@dataclass(frozen=True)
class Resolved:
    """A run, and for each setting that some layer sets, the last layer that does."""

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
    with_external: bool = False,
) -> list[RunSpec]:
    """Every experiment (or those in `ids`) with the first seed, in the order of the file, then with the next seed.

    Thus the table of results is complete, if uncertain, after the first seed. External experiments, which are not run,
    are included `with_external` only. Raises UsageError for unknown `ids`, and for external ones.
    """
    for wanted in ids or ():
        if _experiment(study, wanted).external and not with_external:
            raise UsageError(
                f"{wanted} is external in {study.path} and cannot be run; iqa-train import-predictions FILE --exp "
                f"{wanted} imports its predictions"
            )
    known = study.ids if with_external else study.run_here
    chosen = [name for name in known if ids is None or name in ids]
    return [
        resolve(study, name, profile=profile, overrides=overrides, seed=seed)
        for seed in (seeds_of(study, profile, overrides) if seeds is None else seeds)
        for name in chosen
    ]


def external_of(base: RunSpec, experiment: str, trained_on: str) -> RunSpec:
    """The run of imported predictions on the test images of `base`, for an experiment that no study file declares."""
    return RunSpec(
        study=base.study,
        experiment=experiment,
        slug=experiment,
        baseline=base.baseline,
        settings=TrainingConfig(**{name: getattr(base.settings, name) for name in EXTERNAL_SETTINGS}),
        source=base.source,
        external=trained_on,
    )


def resolve_by_hand(overrides: Mapping[str, Any], sources: Mapping[str, DataSource] | None = None) -> RunSpec:
    """A run without an experiment: the program's defaults with `overrides`."""
    return runs_by_hand(study_by_hand(overrides, sources))[0]


def runs_by_hand(study: Study, seeds: Sequence[int] | None = None) -> list[RunSpec]:
    """The runs of a `study_by_hand`, one for each seed; they have no baseline."""
    return [spec.model_copy(update={"baseline": None}) for spec in resolve_all(study, seeds=seeds)]


def study_by_hand(
    overrides: Mapping[str, Any],
    sources: Mapping[str, DataSource] | None = None,
    slurm: SlurmTable | None = None,
    local: LocalTable | None = None,
) -> Study:
    """A study with one experiment made of `overrides`, to be resolved and audited like any other."""
    if overrides.get(PARAMETERS):
        raise UsageError("--set gives parameters of a command of a study file; add --exp ID, --batch N or --all")
    settings = training_config(overrides)
    parts = [settings.dataset]
    if settings.backbone != "swin":
        parts.append(re.sub(r"[^A-Za-z0-9._-]+", "-", settings.backbone))
    if settings.backbone in SIZED_BACKBONES:  # not swin.TAG: its runs on disk have the name without a size
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
        slurm=slurm,
        local=local or LocalTable(),
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
    overrides = overrides or {}
    refuse_unknown(study, overrides)
    experiment = _experiment(study, experiment_id)
    chosen = profile_of(study, profile)
    layers = _layers(study, experiment, profile, overrides)
    if seed is None:
        seed = seeds_of(study, profile, overrides)[0]
    if experiment.external:
        kept = {name: value for _, layer in layers for name, value in layer.items() if name in EXTERNAL_SETTINGS}
        layers = [("defaults", kept)]
    laid = _laid_run(study, experiment, layers, seed)
    reference = _experiment(study, study.baseline)
    baseline = _laid_run(study, reference, _layers(study, reference, profile, overrides), seed)
    settings = laid.settings
    spec = RunSpec(
        study=study_name(study, profile),
        experiment=experiment.id,
        slug=experiment.slug,
        title=experiment.title,
        purpose=experiment.purpose,
        baseline=study.baseline,
        settings=settings,
        normalisation=normalisation(settings),
        source=_pinned(study.datasets.get(settings.dataset, DataSource())),
        cross_sources={name: study.datasets[name] for name in settings.across if name in study.datasets},
        expect=_expectation(experiment, chosen, overrides),
        external=experiment.external,
        differs={} if experiment.external else differences(baseline, laid),
        command=laid.command,
        parameters=dict(laid.parameters),
        code=own_code(settings, study.path.parent),
    )
    return Resolved(spec, {name: layer for layer, values in layers for name in values})


def experiments_of_batches(study: Study, batches: Sequence[str]) -> list[str]:
    """The experiments of batches, given by number from 1 or by name. Raises UsageError for an unknown batch."""
    names = [batch.name for batch in study.batches]
    chosen: list[str] = []
    for word in batches:
        at = int(word) - 1 if word.isdecimal() else names.index(word) if word in names else -1
        if not 0 <= at < len(names):
            known = did_you_mean(word, names) if names else f"{study.path} has no [[batches]]"
            raise UsageError(f'unknown batch "{word}" in {study.path}; {known}')
        chosen += study.batches[at].gpus.values()
    return chosen


def split_from(file: str, source: DataSource | None) -> DataSource:
    """The source with the split in `file`. Raises UsageError for a file that cannot be read."""
    try:
        Path(file).open("rb").close()
    except OSError as error:
        why = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise UsageError(
            f"--split {visible(file)}: {why}; name a CSV of image,split, as `iqa-train data split` writes it"
        ) from None
    return (source or DataSource()).model_copy(update={"split": file, "split_digest": ""})


def with_split(study: Study, specs: Sequence[RunSpec], file: str) -> tuple[Study, list[RunSpec]]:
    """A study and runs of it with the split in `file` for their data set. Raises UsageError if they have several."""
    names = sorted({spec.settings.dataset for spec in specs})
    if len(names) > 1:
        raise UsageError(
            f"--split {file} is the split of one data set, but these runs train on {' and '.join(names)}; "
            "set split in each [datasets.NAME] instead"
        )
    source = split_from(file, study.datasets.get(names[0]))
    study = study.model_copy(update={"datasets": {**study.datasets, names[0]: source}})
    return study, [spec.model_copy(update={"source": _pinned(source)}) for spec in specs]


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
    layers: list[Layer] = [
        ("defaults", study.defaults),
        *([(f"profile {profile}", chosen.set)] if chosen else []),
        (f"experiment {experiment.id}", experiment.set),
        (COMMAND_LINE, {name: value for name, value in overrides.items() if name != PARAMETERS}),
    ]
    table = study.command_of(experiment)
    if table is None:
        return layers
    return command_layers(table, layers, overrides, experiment.command)


def _laid_run(study: Study, experiment: Experiment, layers: Sequence[Layer], seed: int) -> Laid:
    table = study.command_of(experiment)
    if table is None:
        return Laid(_laid(layers, seed, study.path.parent))
    return laid_command(study, table, experiment.command, layers, seed)


def _laid(layers: Sequence[tuple[str, Mapping[str, Any]]], seed: int, folder: Path) -> TrainingConfig:
    values: dict[str, Any] = {}
    for _, layer in layers:
        options = {name: _options(name, values, layer) for name in OPTIONS_OF if name in {*values, *layer}}
        values.update({**layer, **options})
        if layer.get("spaq") is False and "cross_datasets" not in layer:  # overrides the name in lower layers
            values["cross_datasets"] = tuple(name for name in values.get("cross_datasets", ()) if name != SPAQ)
    return _with_defaults(training_config({**values, "seed": seed}), folder)


def _options(name: str, lower: Mapping[str, Any], layer: Mapping[str, Any]) -> Mapping[str, Any]:
    """A layer's options over the lower ones, unless it sets another network or loss, whose options they are not."""
    of = OPTIONS_OF[name]
    kept = {} if of in layer and layer[of] != lower.get(of, SETTINGS[of].default) else lower.get(name, {})
    return {**kept, **layer.get(name, {})}


def _with_defaults(settings: TrainingConfig, folder: Path) -> TrainingConfig:
    """The settings with all options of network and loss that have a plain default in the source."""
    filled = {}
    for name, of in OPTIONS_OF.items():
        signature = signature_of(settings, of, folder)
        if signature is not None and signature.options:
            filled[name] = fitted(getattr(settings, name), signature)
    return settings.model_copy(update=filled) if filled else settings


def _pinned(source: DataSource) -> DataSource:
    """The source with the digest of its split file, so that another split is another run."""
    if not source.split or source.split_digest:
        return source
    return source.model_copy(update={"split_digest": split_digest(expanded(source.split))})


def _expectation(experiment: Experiment, profile: Profile | None, overrides: Mapping[str, Any]) -> Expectation:
    """Expectations do not apply to other data."""
    if "dataset" in overrides:
        return Expectation()
    return experiment.expect if profile is None else profile.expect.get(experiment.id, Expectation())
