"""Results reported elsewhere ([[references]]): those on a study's data, and what is known of their settings."""

from typing import Any

from iqa_train.errors import did_you_mean
from iqa_train.study.cross_checks import id_of
from iqa_train.study.model import Reference, Study
from iqa_train.study.problems import Problems, TomlTable
from iqa_train.study.profiles import profile_of
from iqa_train.study.settings import TrainingConfig


def references_of(study: Study, profile: str | None = None, group: str | None = None) -> tuple[Reference, ...]:
    """The references on the study's test images under `profile`; with `group`, only those of that group.

    Raises UsageError for an unknown profile.
    """
    dataset = dataset_of(study, profile)
    return tuple(r for r in study.references if r.dataset == dataset and group in {None, r.study})


def groups_of(study: Study) -> tuple[str, ...]:
    """The studies that references belong to, in the order of the file."""
    return tuple(dict.fromkeys(r.study for r in study.references if r.study))


def dataset_of(study: Study, profile: str | None = None) -> str:
    """The data set of the study's experiments, unless an experiment sets another."""
    chosen = profile_of(study, profile)
    values = study.defaults | (chosen.set if chosen else {})
    return str(values.get("dataset", TrainingConfig.model_fields["dataset"].default))


def known_settings(study: Study, reference: Reference) -> dict[str, Any]:
    """The known settings of a reference: what its experiment changes, overridden by its own `settings`.

    The study's [defaults] do not count: a table from elsewhere was made with other defaults.
    """
    changed = next((e.set for e in study.experiments if e.id == reference.experiment), {})
    return {**changed, **reference.settings}


def check_reported(tables: list[Any], experiments: list[Any], problems: Problems) -> None:
    """Check, on the raw tables, that ids of references are unique and that their experiments exist."""
    known = [id_of(table) for table in experiments if isinstance(table, dict)]
    seen: set[str] = set()
    for number, table in enumerate(tables):
        if not isinstance(table, dict):
            continue
        name, experiment = id_of(table), table.get("experiment", "")
        place = TomlTable("references", number, name)
        if name and name.lower() in seen:
            problems.add(place, f'id "{name}" is used twice; every reference needs its own', "id")
        seen.add(name.lower())
        if isinstance(experiment, str) and experiment and experiment not in known:
            says = f'experiment = "{experiment}" is not in this file; {did_you_mean(experiment, known)}'
            problems.add(place, says, "experiment")
