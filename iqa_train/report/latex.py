"""Results as LaTeX tables for any document that has \\usepackage{booktabs}."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from iqa_train.errors import visible
from iqa_train.report.columns import BOLD, ELSEWHERE, EXTERNAL, Table, marked_name, metric_name, table_of
from iqa_train.report.numbers import best, common_decimals, given, number, span, typeset
from iqa_train.report.verdict_text import SECONDARY, headline, is_secondary, sentence
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
_LEFT_OUT = ("seeds_needed", "optimism")
_ROOM = {r"\footnotesize": 105, r"\scriptsize": 130}
"""Characters on a line of 7 inches, as papers with two columns have it."""
_GAP = 1.6  # characters between two columns
_ESSENTIAL = 4  # rank: experiment, value, difference, p, verdict; the title has a lower one and stays too
_LONG = 28  # characters of a title that stay on one line
_FIRST = "% Needs only \\usepackage{booktabs} in the preamble.\n"
_SPLIT = ("value", "delta")  # columns in two parts, so that numbers line up and brackets, too


@dataclass(frozen=True)
class _Column:
    """A head, its column specification, how many columns of LaTeX it spans, and the characters that it takes."""

    head: str
    form: str = "l"
    parts: int = 1
    width: int = 0


def results_latex(results: StudyResults) -> str:
    """The table of one metric over the width of a page: values, differences, p, expectations."""
    whole, bold = table_of(results, _LEFT_OUT), best(results)
    table = _fitted(whole)
    columns = [
        _Column(escaped(column.head), r"r@{\ }l", 2, width)
        if column.key in _SPLIT
        else _titles(results.rows)
        if column.key == "title"
        else _Column(escaped(column.head), "r" if column.right else "l", 1, width)
        for column, width in zip(table.columns, _widths(table), strict=True)
    ]
    places = {
        "value": common_decimals(row.interval for row in results.rows),
        "delta": common_decimals(row.delta_interval for row in results.rows),
    }
    body = []
    for row, cells in zip(results.rows, table.cells, strict=True):
        line: list[str] = []
        for key, cell in zip(table.keys, cells, strict=True):
            if key in places:
                line += _parts(row, key, cell, places[key], bold=row is bold and key == "value")
            elif key == "median" and cell:
                line.append(escaped(number(row.median, places["value"])))
            else:
                line.append(_ragged(escaped(cell), key, columns))
        body.append(line)
    left_out = [column.head for column in whole.columns if column.key not in table.keys]
    own = [(row.experiment, difference_note(row, results.baseline_row)) for row in results.rows]
    own_notes = [f"{experiment}: {note}" for experiment, note in own if note]
    notes = [*results.notes, *own_notes, table.legend(), *([BOLD] if bold else [])]
    notes += [f"Not shown: {join_names(left_out)}; results.csv has them"] if left_out else []
    label = f"{results.study}-{results.metric}"
    caption = headline(replace(results, study=_named(results), title=""))
    return _table(columns, body, _first_reported(results.rows), caption, notes, label)


def _fitted(table: Table) -> Table:
    """The table with short verdicts, and without its least important columns, as far as a page needs it."""
    room = _ROOM[r"\scriptsize"]
    if _width(table) > room:
        table = table.brief("differs")
    while _width(table) > room:
        more = [column for column in table.columns if column.rank > _ESSENTIAL and column.key != "title"]
        if not more:
            break
        table = table.without(max(more, key=lambda column: column.rank).key)
    return table


def _width(table: Table) -> float:
    return sum(_widths(table)) + _GAP * len(table.columns)


def _widths(table: Table) -> list[int]:
    """Characters of each column; long titles are broken."""
    found = [max(map(len, column)) for column in zip([c.head for c in table.columns], *table.cells, strict=True)]
    return [min(width, _LONG) if key == "title" else width for key, width in zip(table.keys, found, strict=True)]


def _titles(rows: Iterable[ResultRow]) -> _Column:
    """A column of titles, broken into lines where one is long."""
    longest = max((len(row.title) for row in rows), default=0)
    return _Column("Title", "l" if longest <= _LONG else r"p{0.22\textwidth}", 1, min(longest, _LONG))


def _ragged(cell: str, key: str, columns: Sequence[_Column]) -> str:
    broken = key == "title" and any(column.form.startswith("p") for column in columns)
    return rf"\raggedright {cell}" if broken and cell else cell


def _parts(row: ResultRow, key: str, cell: str, places: int, *, bold: bool) -> list[str]:
    """A number and its interval, to the decimals of the column; a cell without an interval stays as it is."""
    signed = key == "delta"
    value, interval = (row.delta, row.delta_interval) if signed else (row.value, row.interval)
    if value is None or interval is None or not cell:
        return [escaped(cell), ""]
    text = escaped(number(value, places, signed=signed))
    return [rf"\textbf{{{text}}}" if bold else text, escaped(span(interval, places, signed=signed))]


def metrics_latex(results: Sequence[StudyResults]) -> str:
    """Metrics side by side, as in papers, each to the decimals that its intervals allow.

    Those that need opinions are only in their own tables, unless they come first: nine columns would not fit on a page.
    """
    first = results[0]
    results = [one for one in results if one is first or not METRICS[one.metric].needs_opinions]
    heads = [f"{escaped(metric_name(r.metric))} {_arrow(r.metric)}" for r in results]
    on = f" on the test images of {first.dataset}" if first.dataset else ""
    return _side_by_side(heads, results, f"{_named(first)}: every metric{on}", f"{first.study}-metrics")


def cross_latex(results: Sequence[StudyResults]) -> str:
    """One metric on several data sets side by side."""
    first = results[0]
    heads = [escaped(r.dataset) for r in results]
    caption = f"{_named(first)}: {metric_name(first.metric)} on other data sets"
    return _side_by_side(heads, results, caption, f"{first.study}-cross")


def _named(results: StudyResults) -> str:
    return results.title or results.study


def _side_by_side(heads: Sequence[str], results: Sequence[StudyResults], caption: str, label: str) -> str:
    """A row for each row of any of the tables, a column for each table."""
    rows = {_key(row): row for one in results for row in one.rows if not row.reported}
    rows |= {_key(row): row for one in results for row in one.rows if row.reported}
    columns = [
        _Column("Experiment", width=max(map(len, map(marked_name, rows.values())), default=0)),
        _titles(rows.values()),
        *(_Column(head, "r", 1, len(head)) for head in heads),
    ]
    places = [common_decimals(row.interval for row in one.rows) for one in results]
    body = [
        [escaped(marked_name(row)), _ragged(escaped(row.title), "title", columns),
         *(_value(one, row, digits) for one, digits in zip(results, places, strict=True))]
        for row in rows.values()
    ]  # fmt: skip
    if not any(row.title for row in rows.values()):
        columns, body = [columns[0], *columns[2:]], [[line[0], *line[2:]] for line in body]
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
    return _table(columns, body, _first_reported(list(rows.values())), caption, notes, label)


def escaped(text: str) -> str:
    """`text` escaped for LaTeX, on one line."""
    return _PATTERN.sub(lambda found: _SPECIAL[found[0]], typeset(visible(text)))


def _value(results: StudyResults, row: ResultRow, places: int) -> str:
    found = next((r for r in results.rows if _key(r) == _key(row)), None)
    if found is None or found.value is None:
        return "--"
    text = escaped(given(found.value) if found.reported else number(found.value, places))
    return rf"\textbf{{{text}}}" if found is best(results) else text


def _key(row: ResultRow) -> tuple[str, ...]:
    """Identifies a row across tables; one experiment may be reported several times."""
    return (row.experiment, row.title, row.source) if row.reported else (row.experiment,)


def _arrow(metric: str) -> str:
    return r"$\uparrow$" if METRICS[metric].higher_is_better else r"$\downarrow$"


def _first_reported(rows: Sequence[ResultRow]) -> int | None:
    """Index of the first reported row, which a rule separates from the measured ones; None at the top."""
    return next((k for k, row in enumerate(rows) if row.reported), None) or None  # the first row has a rule already


def _table(
    columns: Sequence[_Column],
    body: Sequence[Sequence[str]],
    rule_before: int | None,
    caption: str,
    notes: Sequence[str],
    label: str,
) -> str:
    width = sum(column.width + _GAP for column in columns)
    size = next((size for size, room in _ROOM.items() if width <= room), r"\scriptsize")
    lines = [r"\begin{table*}[t]", r"\centering", size, r"\setlength{\tabcolsep}{3pt}"]
    lines.append(r"\setlength{\abovecaptionskip}{0pt}\setlength{\belowcaptionskip}{6pt}")  # the caption is above
    lines += [
        rf"\caption{{{escaped(caption)}.}}",
        rf"\label{{tab:{re.sub('[^A-Za-z0-9.:-]', '-', label)}}}",
        rf"\begin{{tabular}}{{@{{}}{''.join(column.form for column in columns)}@{{}}}}",
        r"\toprule",
        _row([rf"\multicolumn{{{one.parts}}}{{l}}{{{one.head}}}" if one.parts > 1 else one.head for one in columns]),
        r"\midrule",
    ]
    for k, cells in enumerate(body):
        lines += [r"\midrule"] if k == rule_before else []
        lines.append(_row(cells))
    lines += [r"\bottomrule", r"\end{tabular}"]
    if any(notes):
        sentences = " ".join(sentence(note) for note in notes if note)
        lines.append(rf"\par\smallskip {{\scriptsize {escaped(sentences)}\par}}")
    return _FIRST + "\n".join([*lines, r"\end{table*}"]) + "\n"


def _row(cells: Sequence[str]) -> str:
    """A line of the table. LaTeX would read a bracket at its start as the distance to the row above."""
    first = ["{}" + cell if cell[:1] in "[*" and k == 0 else cell for k, cell in enumerate(cells)]
    return " & ".join(first) + r" \\"
