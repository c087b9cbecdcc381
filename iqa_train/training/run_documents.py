"""The documents of a run that training writes: provenance.json and result.json."""

import statistics
from collections.abc import Sequence
from typing import Any, cast

from iqa_train.datasets.splits import fingerprint
from iqa_train.datasets.table import ImageTable, Split
from iqa_train.errors import DataError
from iqa_train.files import SCHEMA_VERSION, DamagedFileError, write_json
from iqa_train.runs.documents import ProvenanceFacts, read_provenance
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.project import data_record
from iqa_train.runs.provenance import code_state, host_state, package_versions
from iqa_train.runs.rounding import earlier_roundings, rounding_of
from iqa_train.stats.metrics import MEASURES
from iqa_train.study.spec import RunSpec
from iqa_train.training.compute_device import ComputeDevice
from iqa_train.training.other_rounding import NEIGHBOURS


def record_provenance(
    run: RunFolder, spec: RunSpec, device: ComputeDevice, table: ImageTable, split: Split, *, resume: bool
) -> None:
    """Write provenance.json. Raises DataError if the data changed since a resumed run started."""
    data = fingerprint(table, split)
    before = _recorded(run) if resume else None
    if before is not None and before.get("data", {}).get("fingerprint") != data:
        raise DataError(
            f"{table.root} has other images, scores or split than when this run began; put the data back to "
            "continue, or start over with --again"
        )
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "code": code_state(),
        "packages": package_versions(),
        "host": host_state(),
        "device": device.facts(spec.settings),
        "data": {
            "name": table.name,
            **data_record(table.root, run.path.absolute().parents[2]),
            "images": _image_counts(split),
            "fingerprint": data,
            "resize": table.resize,
        },
    }
    if run.repeat > 1:
        document["repeat"] = {"number": run.repeat, "rounding": NEIGHBOURS}
    if before is not None and (earlier := earlier_roundings(before, rounding_of(cast(ProvenanceFacts, document)))):
        document["earlier"] = earlier
    write_json(run.provenance, document)


def _recorded(run: RunFolder) -> ProvenanceFacts | None:
    """provenance.json as the run began, None if there is none. Raises DamagedFileError."""
    remedy = "start over with --again"
    try:
        provenance = read_provenance(run.provenance)
    except DamagedFileError as error:
        raise DamagedFileError(f"{error}; {remedy}") from None
    if provenance is not None and provenance.get("data", {}).get("fingerprint") is None:
        raise DamagedFileError(f"{run.provenance} is damaged (it has no data fingerprint); {remedy}")
    return provenance


def write_result(run: RunFolder, spec: RunSpec, results: Sequence[dict[str, Any]], split: Split) -> None:
    """Write result.json: the medians over rounds, and the result of each round."""
    write_json(
        run.result,
        {
            "schema_version": SCHEMA_VERSION,
            "study": spec.study,
            "experiment": spec.experiment,
            "seed": spec.seed,
            "config_hash": spec.config_hash,
            "dataset": spec.settings.dataset,
            "images": _image_counts(split),
            **medians(results),
            "stopped_early": any(r["stopped_early"] for r in results),
            "rounds": list(results),
        },
    )


def medians(results: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """The median over rounds of each test measure; None where it is undefined in every round."""
    return {key: _median([result["test"][key] for result in results]) for key in MEASURES}


def _median(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return statistics.median(known) if known else None


def _image_counts(split: Split) -> dict[str, int]:
    return {"train": len(split.train), "val": len(split.val), "test": len(split.test)}
