"""Adds to the audit what it can find only in the data: references that have images in several splits."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from iqa_train.errors import DataError
from iqa_train.study.audit import audit, merged
from iqa_train.study.findings import SEVERITIES, Finding
from iqa_train.study.model import Study
from iqa_train.study.resolve import resolve
from iqa_train.study.spec import DataSource


def audit_with_data(
    study: Study,
    profile: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    minutes: float | None = None,
    seeds: Sequence[int] | None = None,
    *,
    for_slurm: bool = False,
) -> list[Finding]:
    """As `study.audit.audit`, with `leaking-references` for data sets that are present.

    Raises UsageError for an unknown profile and for overrides that are not allowed.
    """
    found = [
        *audit(study, profile, overrides, minutes, seeds, for_slurm=for_slurm),
        *merged(_leaks(study, profile, overrides), study.run_here),
    ]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _leaks(study: Study, profile: str | None, overrides: Mapping[str, Any] | None) -> Iterator[Finding]:
    known: dict[tuple[str, str, DataSource], tuple[str, ...]] = {}
    for name in study.run_here:
        spec = resolve(study, name, profile=profile, overrides=overrides)
        key = (spec.settings.dataset, spec.settings.data_dir, spec.source)
        if key not in known:
            known[key] = _parted(*key)
        for says in known[key]:
            message = f'{spec.settings.dataset}: {says}; split by reference ("iqa-train data split" does)'
            yield Finding("leaking-references", "warning", name, ("dataset",), message)


def _parted(dataset: str, data_dir: str, source: DataSource) -> tuple[str, ...]:
    """The note on references that leak; only a split from a file or a column can divide them."""
    if not source.split and not (source.split_column and source.reference_column):
        return ()
    from iqa_train.datasets.catalogue import read_table  # here, so that `check` needs no image library otherwise
    from iqa_train.datasets.splits import parted_references

    try:
        table = read_table(dataset, source, data_dir)
    except DataError:  # missing or damaged, which a run and `iqa-train data verify` report
        return ()
    return parted_references(table.references, table.splits)
