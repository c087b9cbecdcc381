"""spec.json: the settings of a run, with the hash that its folder is named by."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from iqa_train.errors import RunError, visible
from iqa_train.files import DamagedFileError, read_json, write_json
from iqa_train.runs.code_copy import copy_code
from iqa_train.runs.documents import SpecFacts, misplaced
from iqa_train.runs.layout import RunFolder
from iqa_train.study.resolve import EXTERNAL_SETTINGS
from iqa_train.study.revision import FIRST
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.spec import DataSource, RunSpec

_CURE = "start the run over with --again"


def spec_document(spec: RunSpec) -> dict[str, Any]:
    """The content of spec.json; of imported predictions without what decides nothing of them."""
    document = spec.model_dump(mode="json") | {"config_hash": spec.config_hash}
    if spec.external:
        del document["revision"]
        document["settings"] = {name: document["settings"][name] for name in EXTERNAL_SETTINGS}
    return document


def write_spec(run: RunFolder, spec: RunSpec) -> None:
    """Write the specification into the run's folder, with a copy of the study's own code that it names."""
    document = spec_document(spec)
    copy_code(run, document)
    write_json(run.spec, document)


def read_spec(run: RunFolder) -> RunSpec:
    """Read it back. Raises RunError for a file that is missing, damaged or altered by hand."""
    try:
        values = read_json(run.spec)
        if values is None:
            raise RunError(f"{run.spec} is missing; {run.path} is not a run")
        hashed = values.pop("config_hash")
        spec = RunSpec.model_validate_json(json.dumps({"revision": FIRST, **values}))
    except DamagedFileError as error:
        raise RunError(f"{error}; {_CURE}") from None
    except KeyError:
        raise RunError(f"{run.spec} is damaged (no config_hash); {_CURE}") from None
    except ValidationError as error:
        raise RunError(f"{run.spec} is damaged ({_first(error)}); {_CURE}") from None
    if hashed != spec.config_hash:
        shown = visible(str(hashed)[:20])
        raise RunError(f"{run.spec} was altered: its settings hash to {spec.config_hash}, it says {shown}")
    wrong = misplaced(run, spec.experiment, spec.seed)
    if wrong:
        raise RunError(f"{run.spec} is damaged ({wrong}); {_CURE}")
    return spec


def settings_from(values: Mapping[str, Any]) -> TrainingConfig | None:
    """The `settings` of a spec.json; None for those of another version, or of a log that does not state all."""
    try:
        return TrainingConfig(**values)
    except ValidationError:
        return None


def impossible(spec: SpecFacts) -> bool:
    """Whether a setting or a key of the source has a value that it cannot have; other versions' names may be there."""
    values, source = spec["settings"], spec.get("source", {})
    return _refuses(TrainingConfig, values) or _refuses(DataSource, source)


def altered(spec: SpecFacts) -> bool:
    """Whether it was changed after it was written: its settings do not have the hash that it names.

    Of another version's settings, which this one may not know, nothing can be said.
    """
    if not spec["settings"].keys() <= TrainingConfig.model_fields.keys():
        return False
    values = {"revision": FIRST, **spec}
    hashed = values.pop("config_hash", None)
    try:
        return hashed not in {None, RunSpec.model_validate_json(json.dumps(values)).config_hash}
    except ValidationError:
        return False


def _refuses(model: type[BaseModel], values: Mapping[str, Any]) -> bool:
    known = {name: value for name, value in values.items() if name in model.model_fields}
    try:
        model.model_validate_json(json.dumps(known), strict=True)
    except ValidationError as error:
        return any(mistake["loc"] for mistake in error.errors(include_url=False, include_context=False))
    return False


def _first(error: ValidationError) -> str:
    """The first of what is wrong."""
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(visible(str(part)) for part in first["loc"][:3])
    return f"{where}: {visible(first['msg'])}" if where else visible(first["msg"])
