"""A start plan in words: what happens to each run, and what the audit finds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from textual.content import Content

from iqa_tui.actions.start_plan import STARTING
from iqa_tui.safe import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_train.study.findings import Finding
    from iqa_tui.actions.start_plan import StartPlan

_GLYPHS = {"error": ("✖", "bold $text-error"), "warning": ("!", "$text-warning"), "note": ("·", "dim")}


def runs_content(plan: StartPlan) -> Content:
    """A line for each run; skipped runs are dim."""
    lines = []
    width = max((len(planned.spec.experiment) for planned in plan.runs), default=0)
    for planned in plan.runs:
        starts = planned.effect in STARTING
        head = f"{'▶' if starts else '·'} {plain(planned.spec.experiment).ljust(width)}  seed {planned.spec.seed}  "
        lines.append(
            Content.assemble((head, "" if starts else "dim"), (planned.words, "$text-success" if starts else "dim"))
        )
    return Content("\n").join(lines)


def findings_content(findings: Sequence[Finding]) -> Content:
    """A count, then each finding: its severity, experiment, code and sentence."""
    if not findings:
        return Content("The audit finds no problems.")
    counts = Counter(finding.severity for finding in findings)
    head = ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for name in _GLYPHS if (n := counts[name]))  # type: ignore[index]
    parts = [Content.styled(f"Audit: {head}", "bold")]
    for finding in findings:
        glyph, style = _GLYPHS[finding.severity]
        name = finding.experiment or "all"
        parts.append(Content.assemble((f"{glyph} {plain(name)} {finding.code}", style), f": {plain(finding.message)}"))
    return Content("\n").join(parts)
