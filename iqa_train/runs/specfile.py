"""spec.json: what a run is to do, with the hash that its folder is named by."""

import json
from typing import Any

from pydantic import ValidationError

from iqa_train.errors import RunError
from iqa_train.files import write_json
from iqa_train.runs.layout import RunFolder
from iqa_train.study.spec import RunSpec


def spec_document(spec: RunSpec) -> dict[str, Any]:
    """The content of spec.json."""
    return spec.model_dump(mode="json") | {"config_hash": spec.config_hash}


def write_spec(run: RunFolder, spec: RunSpec) -> None:
    """Write the specification into the run's folder."""
    write_json(run.spec, spec_document(spec))


def read_spec(run: RunFolder) -> RunSpec:
    """Read it back. Raises RunError for a file that is missing, damaged or altered by hand."""
    try:
        values = json.loads(run.spec.read_bytes())
        hashed = values.pop("config_hash")
        spec = RunSpec.model_validate_json(json.dumps(values))
    except FileNotFoundError:
        raise RunError(f"{run.spec} is missing; {run.path} is no run") from None
    except (ValueError, TypeError, AttributeError, KeyError, ValidationError) as error:
        raise RunError(
            f"{run.spec} is damaged ({str(error).splitlines()[0]}); start the run anew with --again"
        ) from None
    if hashed != spec.config_hash:
        raise RunError(f"{run.spec} was altered: its settings hash to {spec.config_hash}, it says {hashed}")
    return spec
