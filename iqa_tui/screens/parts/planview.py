"""A plan to start, in words: each run and what becomes of it, then what the audit finds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from textual.content import Content

from iqa_train.text import plural
from iqa_tui.actions.start_plan import TO_DO
from iqa_tui.safe import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_train.study.audit import Finding
    from iqa_tui.actions.start_plan import StartPlan

_GLYPHS = {"error": ("✖", "bold $text-error"), "warning": ("!", "$text-warning"), "note": ("·", "dim")}


def runs_content(plan: StartPlan) -> Content:
    """A line for each run: what is started stands out, what is left is dim."""
    lines = []
    width = max((len(planned.spec.experiment) for planned in plan.runs), default=0)
    for planned in plan.runs:
        starts = planned.fate in TO_DO
        head = f"{'▶' if starts else '·'} {plain(planned.spec.experiment).ljust(width)}  seed {planned.spec.seed}  "
        lines.append(
            Content.assemble((head, "" if starts else "dim"), (planned.words, "$text-success" if starts else "dim"))
        )
    return Content("\n").join(lines)


def findings_content(findings: Sequence[Finding]) -> Content:
    """A count, then each finding: its severity, experiment, code and sentence."""
    if not findings:
        return Content("The audit finds nothing that could mislead.")
    counts = Counter(finding.severity for finding in findings)
    head = ", ".join(plural(n, name) for name in _GLYPHS if (n := counts[name]))  # type: ignore[index]
    parts = [Content.styled(f"The audit: {head}", "bold")]
    for finding in findings:
        glyph, style = _GLYPHS[finding.severity]
        who = finding.experiment or "all"
        parts.append(Content.assemble((f"{glyph} {plain(who)} {finding.code}", style), f": {plain(finding.message)}"))
    return Content("\n").join(parts)
