"""The forms of a table that other programs read."""

from collections.abc import Callable

from iqa_train.report.csv_file import results_csv
from iqa_train.report.latex import results_latex
from iqa_train.report.markdown import results_markdown
from iqa_train.results.table import StudyResults

_FORMS: dict[str, Callable[[StudyResults], str]] = {
    "csv": lambda results: results_csv([results]),
    "markdown": results_markdown,
    "latex": results_latex,
}

SUFFIXES = {"csv": ".csv", "markdown": ".md", "latex": ".tex"}
"""What a file of each form is usually called by."""


def table_of(results: StudyResults, form: str) -> str:
    """The table of a study's results as csv, markdown or latex."""
    return _FORMS[form](results)
