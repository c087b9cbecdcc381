"""The page of a run: its sections in order of interest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from iqa_train.errors import UserError
from iqa_train.report.run_page.attempts import attempt_sections
from iqa_train.report.run_page.files import files_section
from iqa_train.report.run_page.json_fields import cannot_be_read
from iqa_train.report.run_page.provenance import provenance_section
from iqa_train.report.run_page.results import results_section
from iqa_train.report.run_page.settings import Settings, differing_section, settings_of, settings_sections
from iqa_train.report.sections import Line, Section, pair, prose
from iqa_train.results.table import ResultRow
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.notes import notes_of
from iqa_train.runs.snapshot import read_snapshot
from iqa_train.study.audit import audit, findings_about
from iqa_train.study.model import Study


@dataclass(frozen=True)
class StudyContext:
    """The study that the run belongs to; `row` and `reasons` are the results of the run's experiment."""

    study: Study | None = None
    profile: str | None = None
    baseline: str = ""
    row: ResultRow | None = None
    reasons: tuple[str, ...] = ()
    planned: bool = True  # the study file declares the run with exactly these settings


def about_run(run: RunFolder, within: StudyContext) -> tuple[Section, ...]:
    """The sections of the page. Never raises for damaged or missing files: the section concerned says what is wrong."""
    found = read_snapshot(run, whole=True)
    try:
        settings = settings_of(found, within.study, within.profile)
    except OSError as error:
        settings = Settings(problem=cannot_be_read(error, run.path))
    return (
        *_about(settings, within),
        *_noted(run),
        _guarded(run, "Results", lambda: results_section(found, *_judged(within), baseline=within.baseline)),
        differing_section(settings),
        _audit(within, run.experiment),
        *attempt_sections(found),
        files_section(found),
        _guarded(run, "Provenance", lambda: provenance_section(found)),
        *settings_sections(settings),
    )


def _guarded(run: RunFolder, title: str, make: Callable[[], Section]) -> Section:
    """The section, or one with the same title that says why it cannot be read."""
    try:
        return make()
    except OSError as error:
        return Section(title, (prose(cannot_be_read(error, run.path), "error"),))


def _about(settings: Settings, within: StudyContext) -> list[Section]:
    lines = [pair(name, text) for name, text in (("title", settings.title), ("purpose", settings.purpose)) if text]
    if not within.planned:
        lines.append(
            prose("these settings are not in the study file now, so the run is not in the results table", "note")
        )
    if settings.revision:
        lines.append(prose(f"{settings.revision}: the same settings give other results now", "warning"))
    if settings.problem:
        lines.append(prose(settings.problem, "error"))
    return [Section("About", tuple(lines))] if lines else []


def _noted(run: RunFolder) -> list[Section]:
    """What a person has noted on it."""
    found = notes_of(run)
    lines = [pair("note", found.note)] if found.note else []
    lines += [pair("tags", ", ".join(found.tags))] if found.tags else []
    lines += [prose(found.problem, "error")] if found.problem else []
    return [Section("Note", tuple(lines))] if lines else []


def _judged(within: StudyContext) -> tuple[ResultRow | None, Sequence[str]]:
    """The experiment's row and verdict; none for a run with other settings."""
    return (within.row, within.reasons) if within.planned else (None, ())


def _audit(within: StudyContext, experiment: str) -> Section:
    if within.study is None:
        return Section("Audit", (prose("no study file declares this study, so there is nothing to audit"),))
    try:
        found = findings_about(audit(within.study, within.profile), {experiment})
    except UserError as error:
        return Section("Audit", (prose(str(error), "error"),))
    if not found:
        return Section("Audit", (prose("nothing found that could mislead", "good"),))
    return Section("Audit", tuple(Line((one.code, one.message), one.severity) for one in found))
