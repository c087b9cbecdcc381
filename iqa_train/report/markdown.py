"""Results as GitHub-flavoured Markdown, for the tracker, issues and wikis."""

import re

from iqa_train.errors import visible
from iqa_train.report.columns import BOLD, table_of
from iqa_train.report.numbers import best
from iqa_train.report.verdict_text import all_reasons, headline
from iqa_train.results.table import StudyResults

_SPECIAL = re.compile(r"([\\`*_\[\]|~#])")


def results_markdown(results: StudyResults, level: int = 2) -> str:
    """A heading, the table, verdicts with their reasons, and notes; no newline at the end."""
    table = table_of(results)
    bold = best(results)
    lines = [f"{'#' * level} {escaped(headline(results))}", ""]
    lines.append(_line([column.head for column in table.columns]))
    lines.append("|" + "|".join(" ---: " if column.right else " --- " for column in table.columns) + "|")
    for row, cells in zip(results.rows, table.cells, strict=True):
        shown = [escaped(cell) for cell in cells]
        if row is bold:
            at = next(k for k, column in enumerate(table.columns) if column.key == "value")
            shown[at] = f"**{shown[at]}**"
        lines.append(_line(shown))
    reasons = [f"- **{escaped(r.experiment)}**: {escaped('; '.join(r.sentences))}" for r in all_reasons(results)]
    notes = [*results.notes, *([BOLD] if bold else []), table.legend()]
    if reasons:
        lines += ["", *reasons]
    if any(notes):
        lines += ["", escaped(". ".join(filter(None, notes)) + ".")]
    return "\n".join(lines)


def escaped(text: str) -> str:
    """`text` escaped for Markdown, on one line; it cannot contain HTML, and so no comment markers."""
    safe = _SPECIAL.sub(r"\\\1", visible(text))
    return safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
