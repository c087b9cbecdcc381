"""`iqa-train --all --until-decided`: the runs that are queued at once; the scheduler queues all further rounds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iqa_train.errors import UsageError
from iqa_train.runs.layout import run_folder
from iqa_train.study.model import Study
from iqa_train.study.profiles import declaration_of
from iqa_train.study.resolve import resolve_all
from iqa_train.study.spec import RunSpec

_EXAMPLE = "add a [design] table, such as [design] with min_seeds = 3 and max_seeds = 10"


def first_rounds(study: Study, profile: str | None, overrides: Mapping[str, Any], runs_dir: Path) -> list[RunSpec]:
    """The runs of all rounds before the first look, and those of later rounds that have been started.

    Raises UsageError where the study has no design, or the options change what its runs compute.
    """
    declared = declaration_of(study, profile)
    if declared.design is None:
        raise UsageError(f"--until-decided needs a design, and {study.path} has none; {_EXAMPLE}")
    specs = resolve_all(study, profile=profile, overrides=overrides, seeds=declared.seeds)
    for spec, of_file in zip(specs, resolve_all(study, profile=profile, seeds=declared.seeds), strict=True):
        if spec.config_hash != of_file.config_hash:
            raise UsageError(
                f"--until-decided and options that change what {spec.experiment} computes cannot be combined: the "
                f"design is of the settings in {study.path}; change them there"
            )
        if spec.settings.train_test_num > 1:
            raise UsageError(
                f"--until-decided needs train_test_num = 1, not {spec.settings.train_test_num}: each round of a design "
                "is a run with one seed"
            )
    at_once = declared.seeds[: declared.design.min_seeds]
    return [spec for spec in specs if spec.seed in at_once or run_folder(runs_dir, spec).attempts()]
