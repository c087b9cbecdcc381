"""provenance.json: what a run is made from and on, written when an attempt begins."""

from collections.abc import Mapping
from typing import Any, cast

from iqa_train.datasets.splits import fingerprint
from iqa_train.datasets.table import ImageTable, Split
from iqa_train.errors import DataError
from iqa_train.files import SCHEMA_VERSION, DamagedFileError
from iqa_train.runs.documents import ProvenanceFacts, read_provenance
from iqa_train.runs.fence import Writer
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.project import data_record
from iqa_train.runs.provenance import code_state, host_state, package_versions
from iqa_train.runs.result_document import image_counts
from iqa_train.runs.rounding import earlier_roundings, rounding_of


def record_provenance(
    run: RunFolder,
    table: ImageTable,
    split: Split,
    device: Mapping[str, Any],
    writer: Writer,
    *,
    resume: bool,
    opinions: str = "",
    packages: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write provenance.json: `device` is that of the attempt, `packages` by default the libraries of this program.

    `opinions` is a digest of the opinions that are trained on beside the scores, if any. `more` are further keys.
    Raises DataError if the data changed since a resumed run started.
    """
    data = fingerprint(table, split)
    before = _recorded(run) if resume else None
    if before is not None and before.get("data", {}).get("fingerprint") != data:
        raise DataError(
            f"{table.root} has other images, scores or split than when this run began; put the data back to "
            "continue, or start over with --again"
        )
    if before is not None and before.get("data", {}).get("opinions", "") != opinions:
        raise DataError(
            f"{table.root} has other opinions (SDs or distributions) than when this run began; put them back to "
            "continue, or start over with --again"
        )
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "code": code_state(),
        "packages": package_versions() if packages is None else packages,
        "host": host_state(),
        "device": device,
        "data": {
            "name": table.name,
            **data_record(table.root, run.path.absolute().parents[2]),
            "images": image_counts(split),
            "fingerprint": data,
            **({"opinions": opinions} if opinions else {}),
            "resize": table.resize,
        },
        **(more or {}),
    }
    if before is not None and (earlier := earlier_roundings(before, rounding_of(cast(ProvenanceFacts, document)))):
        document["earlier"] = earlier
    writer.write_json(run.provenance, document)


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
