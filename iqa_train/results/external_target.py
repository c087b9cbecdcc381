"""Where imported predictions belong: the study, the experiment, and the test images of the study's baseline."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from iqa_train.errors import UsageError, control_complaint, did_you_mean, visible
from iqa_train.results.run_record import common_baseline, study_runs
from iqa_train.runs.kind import kind_of, kind_of_run
from iqa_train.runs.layout import run_folders
from iqa_train.runs.snapshot import read_snapshot
from iqa_train.study.messages import NAME_WORDS, is_name
from iqa_train.study.model import Study
from iqa_train.study.profiles import profiles_by_study, seeds_of
from iqa_train.study.resolve import EXTERNAL_SETTINGS, external_of, resolve
from iqa_train.study.select import StudySelection, select_study
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.spec import DataSource, RunSpec

_LONGEST = 200  # characters of what a model was trained on
_SAY = "say what its model was trained on with --trained-on TEXT (such as KADID-10k, or unknown)"


@dataclass(frozen=True)
class ExternalTarget:
    """`spec` is that of the first seed. `seeds` are those of the study, `sources` the data sets of its file."""

    spec: RunSpec
    seeds: tuple[int, ...]
    sources: Mapping[str, DataSource] = field(default_factory=dict)

    @property
    def baseline(self) -> str:
        """The experiment to be compared with, for messages."""
        return self.spec.baseline or "the study"

    def with_data_in(self, folder: str) -> "ExternalTarget":
        """The same, with the data set in another folder."""
        settings = self.spec.settings.model_copy(update={"data_dir": folder})
        return replace(self, spec=self.spec.model_copy(update={"settings": settings}))

    def of_seed(self, seed: int) -> RunSpec:
        """The run of a seed."""
        return self.spec.model_copy(update={"settings": self.spec.settings.model_copy(update={"seed": seed})})


def external_target(
    experiments: Path | None, study: str | None, profile: str | None, runs_dir: Path, experiment: str, trained_on: str
) -> ExternalTarget:
    """The run that predictions of `experiment` become: of a study file, or of a study that has runs.

    Raises UsageError for a study that is not there, an experiment that is run here, and a model of which nobody says
    what it was trained on.
    """
    if not is_name(experiment):
        raise UsageError(f'--exp "{visible(experiment)}" is not a valid name; allowed: {NAME_WORDS}')
    complaint = control_complaint(trained_on)
    if complaint or len(trained_on) > _LONGEST:
        raise UsageError(f"--trained-on {complaint or f'has more than {_LONGEST} characters; say it shorter'}")
    selected = select_study(experiments, study, profile)
    if selected.declared:
        target = _of_file(selected, runs_dir, experiment, trained_on)
    else:
        target = _of_runs(selected, runs_dir, experiment, trained_on)
    _require_free(target.spec, runs_dir)
    return target


def _of_file(selected: StudySelection, runs_dir: Path, experiment: str, trained_on: str) -> ExternalTarget:
    study, profile = selected.file, selected.profile
    seeds = seeds_of(study, profile)
    same = next((name for name in study.ids if name.lower() == experiment.lower()), None)
    if same is None:
        base = resolve(study, study.baseline, profile=profile)
        trained_on = trained_on or _said_before(runs_dir, base.study, experiment)
        _require_words(trained_on, experiment, study)
        return ExternalTarget(external_of(base, experiment, trained_on), seeds, study.datasets)
    if same != experiment:
        raise UsageError(f"--exp {experiment} differs from {same} of {study.path} only in case; give --exp {same}?")
    spec = resolve(study, experiment, profile=profile)
    if not spec.external:
        raise UsageError(
            f"{experiment} is run here, as {study.path} says; give another --exp, or declare it there with "
            'external = "what its model was trained on" in place of settings'
        )
    if trained_on and trained_on != spec.external:
        raise UsageError(f'{study.path} says of {experiment} external = "{visible(spec.external)}"; change it there')
    return ExternalTarget(spec, seeds, study.datasets)


def _of_runs(selected: StudySelection, runs_dir: Path, experiment: str, trained_on: str) -> ExternalTarget:
    """Of a study that no file declares: as its baseline's runs are, else as its first."""
    runs = [run for run in study_runs(runs_dir, selected.name)[0] if run.spec["settings"]]
    if not runs:
        known = did_you_mean(
            selected.name, [*profiles_by_study(selected.file), *{run.study for run in run_folders(runs_dir)}]
        )
        raise UsageError(
            f'there is no study "{visible(selected.name)}" in {selected.file.path} or in {runs_dir}; {known}'
        )
    trained_on = trained_on or _said_before(runs_dir, selected.name, experiment)
    _require_words(trained_on, experiment, None)
    name = common_baseline(run.spec for run in runs)
    base = [run for run in runs if run.experiment == name] or [run for run in runs if run.experiment != experiment]
    if not base:
        base = runs
    first = base[0].spec
    spec = RunSpec(
        study=selected.name,
        experiment=name or base[0].experiment,
        slug=experiment,
        baseline=name or None,
        settings=TrainingConfig(
            **{key: value for key, value in first["settings"].items() if key in EXTERNAL_SETTINGS and value is not None}
        ),
        source=DataSource.model_validate(first.get("source", {})),
    )
    return ExternalTarget(external_of(spec, experiment, trained_on), tuple(sorted({run.seed for run in base})))


def _said_before(runs_dir: Path, study: str, experiment: str) -> str:
    """What the model was trained on, as an earlier import of the experiment said it; "" without one."""
    runs = [run for run in run_folders(runs_dir, study) if run.experiment == experiment]
    kinds = [kind_of_run(run) for run in runs]
    return next((kind.about for kind in kinds if kind.name == "external"), "")


def _require_words(trained_on: str, experiment: str, study: Study | None) -> None:
    if trained_on.strip():
        return
    declared = [one.id for one in study.experiments if one.external] if study is not None else []
    near = f"; {did_you_mean(experiment, declared)}" if declared else ""
    where = f" is not in {study.path}" if study is not None else " is new"
    raise UsageError(f"{experiment}{where}, so {_SAY}{near}")


def _require_free(spec: RunSpec, runs_dir: Path) -> None:
    """Raise UsageError if the experiment has runs that were not imported in this way."""
    for run in run_folders(runs_dir, spec.study):
        if run.experiment.lower() != spec.experiment.lower():
            continue
        if run.experiment != spec.experiment:
            raise UsageError(f"--exp {spec.experiment} differs from {run.experiment} in {runs_dir} only in case")
        found = read_snapshot(run, whole=True)
        if kind_of(found.spec, found.provenance).name != "external":
            raise UsageError(f"{spec.experiment} has a run that was not imported, {run.path}; give another --exp")
