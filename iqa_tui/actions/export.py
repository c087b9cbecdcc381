"""Exports results: a table, or the report."""

from __future__ import annotations

from dataclasses import replace
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
    """Where an export goes by default, in the working folder."""
    if form == REPORT:
        return Path(REPORT)
    from iqa_train.report.write import FORMATS

    return Path(f"{study}-results{FORMATS[form].suffix}")


def path_problem(order: ExportOrder) -> str:
    """Why the export cannot be written to its path; empty if it can."""
    path = expanded(order.path)
    if order.form == REPORT:
        return f"{path} is a file, but the report needs a folder; give another name" if path.is_file() else ""
    if path.is_dir():
        return f"{path} is a folder; give a file's name"
    if not path.parent.is_dir():
        return f"no such folder: {path.parent}; create it first, or give another name"
    return ""


def export(target: Target, order: ExportOrder) -> str:
    """Write the study's results; returns what was written and where.

    Raises UserError if nothing is comparable, the path cannot be written to, or the file exists and `replace` is off.
    """
    from iqa_train.doctor.queue import waiting_folders
    from iqa_train.errors import UsageError
    from iqa_train.results.run_record import with_queued
    from iqa_train.results.selection import chosen_runs

    problem = path_problem(order)
    if problem:
        raise UsageError(f"nothing written: {problem}")
    selection = chosen_runs(target.runs_dir, target.study, target.experiments, target.profile)
    selection = replace(selection, runs=with_queued(selection.runs, waiting_folders(target.runs_dir)))
    return _report(selection, target, order) if order.form == REPORT else _table(selection, order)


def _table(selection: RunSelection, order: ExportOrder) -> str:
    from iqa_train.errors import RunError, UsageError
    from iqa_train.files import write_atomic
    from iqa_train.report.collect import results_of
    from iqa_train.report.write import FORMATS

    path = expanded(order.path)
    exists = path.exists()
    if exists and not order.replace:
        raise UsageError(f"nothing written: {path} already exists")
    results = results_of(selection, selection.declared.metric)
    text = FORMATS[order.form].render(results).rstrip("\n") + "\n"
    try:
        write_atomic(path, text.encode(errors="replace"))  # file names may hold undecodable bytes
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from None
    count = plural(len(results.rows), "row")
    return f"{'replaced' if exists else 'wrote'} {real_path(path)}: {order.form}, {count}"


def _report(selection: RunSelection, target: Target, order: ExportOrder) -> str:
    from iqa_train.report.collect import gather, require_runs
    from iqa_train.report.tracker import tracker_text, update_tracker
    from iqa_train.report.write import INDEX, write_report

    out = expanded(order.path)
    require_runs(selection, target.runs_dir)
    material = gather(selection, target.runs_dir, selection.declared.metric)
    written = write_report(material, out)
    message = f"wrote {plural(len(written), 'file')} to {real_path(out)}; open {real_path(out / INDEX)}"
    if order.tracker is not None:
        done = update_tracker(order.tracker, selection.name, tracker_text(material))
        message += f"; {order.tracker} {done or 'was up to date'}"
    return message
