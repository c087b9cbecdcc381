"""Results as LaTeX tables for any document that has \\usepackage{booktabs}."""

import re
from collections.abc import Sequence

from iqa_train.errors import visible
from iqa_train.report.columns import BOLD, ELSEWHERE, EXTERNAL, Table, marked_name, metric_name, table_of
from iqa_train.report.numbers import best, decimals, number
from iqa_train.report.verdict_text import SECONDARY, headline, is_secondary
from iqa_train.results.shown import difference_note
from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.results.table_notes import kind_notes
from iqa_train.stats.registry import METRICS
from iqa_train.text import join_names

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$", ">": r"$>$", "|": r"$|$", '"': "''",
    "\u2212": "$-$", "\u2013": "--", "\u2014": "---", "\u2026": r"\ldots{}", "\u00b1": r"$\pm$", "\u2248": r"$\approx$",
    "\u2264": r"$\leq$", "\u2265": r"$\geq$", "\u00d7": r"$\times$", "\u0394": r"$\Delta$", "\u00b7": r"$\cdot$",
    "\u00a7": r"\S{}",
    "\u2020": r"$\dagger$", "\u2021": r"$\ddagger$", "\u2019": "'", "\u2018": "`", "\u201c": "``", "\u201d": "''",
}  # fmt: skip
_PATTERN = re.compile("[" + re.escape("".join(_SPECIAL)) + "]")
_LEFT_OUT = ("seeds_needed", "optimism", "title")
_MANY = 7  # columns that fit a page in footnote size
_FIRST = "% Needs only \\usepackage{booktabs} in the preamble.\n"


def results_latex(results: StudyResults) -> str:
    """The table of one metric over the width of a page: values, differences, p, expectations."""
    table = table_of(results, _LEFT_OUT)
    bold = best(results)
    at = next(k for k, column in enumerate(table.columns) if column.key == "value") if table.cells else 1
    body = [
        _bold(cells, at) if row is bold else cells for row, cells in zip(results.rows, _escaped(table), strict=True)
    ]
    head = [escaped(column.head) for column in table.columns]
    columns = "".join("r" if column.right else "l" for column in table.columns)
    own = [(row.experiment, difference_note(row, results.baseline_row)) for row in results.rows]
    own_notes = [f"{experiment}: {note}" for experiment, note in own if note]
    notes = [*results.notes, *own_notes, table.legend(), *([BOLD] if bold else [])]
    label = f"{results.study}-{results.metric}"
    return _table(columns, head, body, _first_reported(results.rows), headline(results), notes, label)


def metrics_latex(results: Sequence[StudyResults]) -> str:
    """Metrics side by side, as in papers, each value to the digits that its interval allows.

    Those that need opinions are only in their own tables, unless they come first: nine columns would not fit on a page.
    """
    first = results[0]
    results = [one for one in results if one is first or not METRICS[one.metric].needs_opinions]
    heads = [f"{escaped(metric_name(r.metric))} {_arrow(r.metric)}" for r in results]
    named = f"{first.study}: all metrics" + (f" on {first.dataset}" if first.dataset else "")
    return _side_by_side(heads, results, named, f"{first.study}-metrics")


def cross_latex(results: Sequence[StudyResults]) -> str:
    """One metric on several data sets side by side."""
    first = results[0]
    name = metric_name(first.metric)
    return _side_by_side(
        [escaped(r.dataset) for r in results],
        results,
        f"{first.study}: {name} across data sets",
        f"{first.study}-cross",
    )


def _side_by_side(heads: Sequence[str], results: Sequence[StudyResults], caption: str, label: str) -> str:
    """A row for each row of any of the tables, a column for each table."""
    rows = {_key(row): row for one in results for row in one.rows if not row.reported}
    rows |= {_key(row): row for one in results for row in one.rows if row.reported}
    body = [[escaped(marked_name(row)), *(_value(one, row) for one in results)] for row in rows.values()]
    notes = [BOLD] if any(best(one) for one in results) else []
    if second := [metric_name(one.metric) for one in results if is_secondary(one)]:
        notes.append(f"{join_names(second)}: {SECONDARY}")
    if any(len(row.values_by_seed) > 1 for row in rows.values()):
        notes.append("Means over seeds")
    if any(row.reported for row in rows.values()):
        notes.append(ELSEWHERE)
    if any(row.external for row in rows.values()):
        notes.append(EXTERNAL)
        notes += kind_notes(results[0].rows)
    columns = "l" + "r" * len(results)
    return _table(columns, ["Experiment", *heads], body, _first_reported(list(rows.values())), caption, notes, label)


def escaped(text: str) -> str:
    """`text` escaped for LaTeX, on one line."""
    return _PATTERN.sub(lambda found: _SPECIAL[found[0]], visible(text))


def _value(results: StudyResults, row: ResultRow) -> str:
    found = next((r for r in results.rows if _key(r) == _key(row)), None)
    if found is None or found.value is None:
        return "--"
    text = escaped(number(found.value, decimals(found.interval)))
    return rf"\textbf{{{text}}}" if found is best(results) else text


def _key(row: ResultRow) -> tuple[str, ...]:
    """Identifies a row across tables; one experiment may be reported several times."""
    return (row.experiment, row.title, row.source) if row.reported else (row.experiment,)


def _escaped(table: Table) -> list[list[str]]:
    return [[escaped(cell) for cell in row] for row in table.cells]


def _bold(cells: list[str], at: int) -> list[str]:
    return [rf"\textbf{{{cell}}}" if k == at else cell for k, cell in enumerate(cells)]


def _arrow(metric: str) -> str:
    return r"$\uparrow$" if METRICS[metric].higher_is_better else r"$\downarrow$"


def _first_reported(rows: Sequence[ResultRow]) -> int | None:
    """Index of the first reported row, which a rule separates from the measured ones; None at the top."""
    return next((k for k, row in enumerate(rows) if row.reported), None) or None  # the first row has a rule already


def _table(
    columns: str,
    head: Sequence[str],
    body: Sequence[Sequence[str]],
    rule_before: int | None,
    caption: str,
    notes: Sequence[str],
    label: str,
) -> str:
    size = r"\footnotesize" if len(head) <= _MANY else r"\scriptsize"
    lines = [r"\begin{table*}[t]", r"\centering", size, r"\setlength{\tabcolsep}{3pt}"]
    lines += [rf"\caption{{{escaped(caption)}}}", rf"\label{{tab:{re.sub('[^A-Za-z0-9.:-]', '-', label)}}}"]
    lines += [rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}", r"\toprule", _row(head), r"\midrule"]
    for k, cells in enumerate(body):
        lines += [r"\midrule"] if k == rule_before else []
        lines.append(_row(cells))
    lines += [r"\bottomrule", r"\end{tabular}"]
    if any(notes):
        lines.append(rf"\par\smallskip {{\scriptsize {escaped('. '.join(filter(None, notes)))}.\par}}")
    return _FIRST + "\n".join([*lines, r"\end{table*}"]) + "\n"


def _row(cells: Sequence[str]) -> str:
    """A line of the table. LaTeX would read a bracket at its start as the distance to the row above."""
    first = ["{}" + cell if cell[:1] in "[*" and k == 0 else cell for k, cell in enumerate(cells)]
    return " & ".join(first) + r" \\"
