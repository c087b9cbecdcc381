"""Audit findings that apply to the runs about to start."""

from collections.abc import Collection, Iterable

from iqa_train.errors import RunError
from iqa_train.study.audit import Finding


def findings_about(findings: Iterable[Finding], experiments: Collection[str]) -> list[Finding]:
    """Those that hold for one of `experiments`, or for all there are."""
    return [f for f in findings if f.experiment is None or f.experiment in experiments]


def refuse_errors(findings: Iterable[Finding]) -> None:
    """Raise RunError for the first that is an error: what cannot mean anything is not started."""
    for finding in findings:
        if finding.severity == "error":
            raise RunError(f"not started: {finding.code}: {finding.message}")
