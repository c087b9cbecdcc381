"""The files of a run, with their sizes."""

from pathlib import Path

from iqa_train.report.run_page.json_fields import cannot_be_read
from iqa_train.report.sections import Line, Section, pair, prose
from iqa_train.runs.attempt_facts import LogFinder
from iqa_train.runs.snapshot import RunSnapshot

_TITLE = "Files"
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def files_section(found: RunSnapshot) -> Section:
    """The run's folder, its log, and the files in the folder."""
    run = found.run
    lines = [pair("folder", run.path.absolute())]
    try:
        lines += _logs(found)
        paths = sorted(path for path in run.path.rglob("*") if path.is_file()) if run.path.is_dir() else []
        if not run.path.is_dir():
            lines.append(prose("the folder does not exist yet"))
        lines += [Line((str(path.relative_to(run.path)), size_of(path))) for path in paths if path != run.lock]
    except OSError as error:
        lines.append(prose(cannot_be_read(error, run.path), "error"))
    return Section(_TITLE, tuple(lines))


def size_of(path: Path) -> str:
    """A size such as 3.2 MiB, or why there is none."""
    try:
        size = float(path.stat().st_size)
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return cannot_be_read(error, path)
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == _UNITS[0] else f"{size:.1f} {unit}"


def _logs(found: RunSnapshot) -> list[Line]:
    """The log of the last attempt."""
    facts = found.last.facts if found.last else {}
    if "log" not in facts:
        return []
    log = LogFinder(found.run.path.absolute().parents[2]).find(facts)
    return [pair("log", f"{log} ({size_of(log)})")]
