"""The conclusion of a study in sentences, written from its verdicts: what matters, what does not, what is not decided.

It says no more than the verdicts do. Of one seed each, runs are compared and not what was changed; what is provisional
is called so; and a number of seeds is given only where one is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from iqa_train.report.columns import metric_name, state_words
from iqa_train.report.numbers import decimals, measured, number, span
from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.results.verdict import rounded_up
from iqa_train.stats.interval import Interval
from iqa_train.text import join_names, plural

DIFFERENT = "Makes a difference"
SAME = "Makes no difference that matters"
UNDECIDED = "Not decided"
RUNS_DIFFER = "Runs that differ"
RUNS_ALIKE = "Runs that are not distinguished"
MISSING = "Not compared"

ONE_SEED = (
    "With one seed each, runs are compared and not what was changed between them: how much a difference varies from "
    "seed to seed is not known. Three seeds of each experiment would show how many are needed."
)


@dataclass(frozen=True)
class Group:
    """What is known of some experiments alike: a heading, and a sentence for each."""

    heading: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Conclusion:
    """The study in short: sentences for all of it, then experiments in groups."""

    lead: tuple[str, ...]
    groups: tuple[Group, ...] = ()


def conclusion_of(results: StudyResults) -> Conclusion:
    """The conclusion for one metric. Reported values and the baseline itself are no part of it."""
    rows = [row for row in results.rows if not row.reported and row.experiment != results.baseline]
    if not rows:
        return Conclusion(("There is nothing to compare: the study has no other experiment than the baseline.",))
    sorted_rows: dict[str, list[ResultRow]] = {}
    for row in rows:
        sorted_rows.setdefault(_heading(row), []).append(row)
    order = (DIFFERENT, RUNS_DIFFER, SAME, UNDECIDED, RUNS_ALIKE, MISSING)
    groups = tuple(
        Group(heading, tuple(_sentence(row, heading, results) for row in sorted_rows[heading]))
        for heading in order
        if heading in sorted_rows
    )
    return Conclusion(tuple(_lead(rows, sorted_rows, results)), groups)


def _heading(row: ResultRow) -> str:
    if row.distinguishable is None:
        return MISSING
    if row.scope == "runs":
        return RUNS_DIFFER if row.distinguishable else RUNS_ALIKE
    if row.distinguishable:
        return SAME if row.same else DIFFERENT
    return SAME if row.same else UNDECIDED


def _lead(rows: Sequence[ResultRow], groups: dict[str, list[ResultRow]], results: StudyResults) -> list[str]:
    differ, same, undecided, runs_differ, runs_alike = (
        len(groups.get(heading, ())) for heading in (DIFFERENT, SAME, UNDECIDED, RUNS_DIFFER, RUNS_ALIKE)
    )
    base, name = results.baseline, metric_name(results.metric)
    tested, runs = differ + same + undecided, runs_differ + runs_alike
    sentences = []
    if tested:
        parts = [
            f"{_count(differ, 'differs', 'differ')} significantly from {base} in {name}" if differ else "",
            f"{_count(same, 'is', 'are')} the same as {base} within the margin" if same else "",
            f"{_count(undecided, 'is', 'are')} not decided" if undecided else "",
        ]
        sentences.append(f"Of {plural(tested, 'experiment')}, {join_names([part for part in parts if part])}.")
    if runs:
        found = _count(runs_differ, "differs", "differ") if runs_differ else "none differs"
        sentences.append(f"Of {plural(runs, 'run')} with one seed, {found} significantly from {base} in {name}.")
        sentences.append(ONE_SEED)
    if not (tested or runs):
        sentences.append("Nothing has been compared yet.")
    if any(row.provisional for row in rows):
        sentences.append("Some runs are not finished, so that this is provisional.")
    if results.exploratory:
        sentences.append(f"These conclusions are exploratory: {results.exploratory}.")
    if results.secondary and (tested or runs):
        sentences.append(f"{name} is a secondary metric: its p are not adjusted for the number of metrics.")
    if tested and not any(row.margin for row in rows):
        sentences.append("No margin was declared, so that no two experiments can be shown to be the same.")
    return sentences


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _sentence(row: ResultRow, heading: str, results: StudyResults) -> str:
    name = f"{row.experiment} ({row.title})" if row.title else row.experiment
    so_far = " so far" if row.provisional else ""
    if heading == MISSING:
        return f"{name}: {_why_missing(row, results)}."
    size = _size(row, metric_name(results.metric), results.baseline)
    if heading == DIFFERENT:
        return f"{name} {size}{so_far}: {'better' if row.better else 'worse'}."
    if heading == RUNS_DIFFER:
        return f"{name} {size}{so_far}."
    if heading == RUNS_ALIKE:
        return f"{name}: a difference of {measured(row.delta, row.delta_interval, signed=True)}{so_far}."
    if heading == SAME:
        margin = f"{row.margin:g}" if row.margin else "declared"
        also = ", though it differs significantly" if row.distinguishable else ""
        return f"{name} is within the margin of {margin} of {results.baseline}{also}{so_far}."
    most = f": at most {rounded_up(row.at_most)} either way" if row.at_most is not None else ""
    return " ".join(filter(None, [f"{name}{most}{so_far}.", _needed(row)]))


def _size(row: ResultRow, metric: str, baseline: str) -> str:
    """Such as "has a lower SRCC than Baseline, by 0.0041 [0.0018, 0.0064]"."""
    assert row.delta is not None
    interval: Interval | None = row.delta_interval
    if interval is not None and row.delta < 0:
        interval = (-interval[1], -interval[0])
    by = " ".join(filter(None, [number(abs(row.delta), decimals(interval)), span(interval)]))
    return f"has a {'higher' if row.delta > 0 else 'lower'} {metric} than {baseline}, by {by}"


def _needed(row: ResultRow) -> str:
    if row.decision == "given up":
        return "The design has given it up."
    if row.seeds_needed is not None:
        return f"About {row.seeds_needed} seeds would show the difference with 80 % assurance."
    if row.seeds_limit is not None:
        return f"No number of seeds up to {row.seeds_limit} would show the difference with 80 % assurance."
    return "How many seeds would decide is not known."


def _why_missing(row: ResultRow, results: StudyResults) -> str:
    if results.baseline_row is None or results.baseline_row.value is None:
        return f"{results.baseline} has no result to compare with" if results.baseline else "there is no baseline"
    if state := state_words(row):
        return state
    reason = next((note for note in row.notes if note.startswith(("not compared", "no interval"))), "")
    return reason or ("no result" if row.value is None else "no test is possible")
