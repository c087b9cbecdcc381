"""Results as files: one table, or the whole report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iqa_train.home import expanded
from iqa_train.regular import real_path
from iqa_train.text import plural

if TYPE_CHECKING:
    from iqa_train.results.selection import RunSelection
    from iqa_tui.actions.orders import ExportOrder
    from iqa_tui.state.board import Target

REPORT = "report"


def default_path(study: str, form: str) -> Path:
    """Where an export goes by default: the working folder."""
    if form == REPORT:
        return Path(REPORT)
    from iqa_train.report.write import FORMATS

    return Path(f"{study}-results{FORMATS[form].suffix}")


def trouble_with(order: ExportOrder) -> str:
    """Why the place cannot be written to as it is, or whether something there would be replaced; empty for neither."""
    path = expanded(order.path)
    if order.form == REPORT:
        return f"{path} is a file, and the report needs a folder; give another name" if path.is_file() else ""
    if path.is_dir():
        return f"{path} is a folder; give a file's name"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}; make it first, or give another name"
    return ""


def export(target: Target, order: ExportOrder) -> str:
    """Write the study's results; returns what was written and where.

    Raises UserError: nothing comparable, a place that cannot be written to, or a file that is there without `replace`.
    """
    from iqa_train.errors import UsageError
    from iqa_train.results.selection import chosen_runs

    trouble = trouble_with(order)
    if trouble:
        raise UsageError(f"nothing written: {trouble}")
    chosen = chosen_runs(target.runs_dir, target.study, target.experiments, target.profile)
    return _report(chosen, target, order) if order.form == REPORT else _table(chosen, order)


def _table(chosen: RunSelection, order: ExportOrder) -> str:
    from iqa_train.errors import RunError, UsageError
    from iqa_train.files import write_atomic
    from iqa_train.report.collect import results_of
    from iqa_train.report.write import FORMATS

    path = expanded(order.path)
    there = path.exists()
    if there and not order.replace:
        raise UsageError(f"nothing written: {path} is there already")
    results = results_of(chosen, "srcc")
    text = FORMATS[order.form].render(results).rstrip("\n") + "\n"
    try:
        write_atomic(path, text.encode(errors="replace"))  # a file's name may hold what is no text
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from None
    count = plural(len(results.rows), "row")
    return f"{'replaced' if there else 'wrote'} {real_path(path)}: {order.form}, {count}"


def _report(chosen: RunSelection, target: Target, order: ExportOrder) -> str:
    from iqa_train.report.collect import gather, require_runs
    from iqa_train.report.tracker import tracker_text, update_tracker
    from iqa_train.report.write import INDEX, write_report

    out = expanded(order.path)
    require_runs(chosen, target.runs_dir)
    material = gather(chosen, target.runs_dir)
    written = write_report(material, out)
    message = f"wrote {plural(len(written), 'file')} to {real_path(out)}; open {real_path(out / INDEX)}"
    if order.tracker is not None:
        changed = update_tracker(order.tracker, chosen.name, tracker_text(material))
        message += f"; {order.tracker} {'brought up to date' if changed else 'was up to date'}"
    return message
