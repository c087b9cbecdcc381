"""Where a run's result comes from: code, packages, host, device, data."""

from typing import cast

from iqa_train.report.run_page.attempts import code_line
from iqa_train.report.run_page.json_fields import Document, contents, value_at, words
from iqa_train.report.sections import Line, Section, pair, prose
from iqa_train.runs.documents import ProvenanceFacts
from iqa_train.runs.imported import Imported, imported_in
from iqa_train.runs.provenance import code_fingerprint
from iqa_train.runs.rounding import rounding_of, words_of
from iqa_train.runs.snapshot import RunSnapshot
from iqa_train.text import plural

_TITLE = "Provenance"
_UNUSED = {"elsewhere": "of other images of the set", "unknown": "of no image of the set"}


def provenance_section(run: RunSnapshot) -> Section:
    """The contents of provenance.json of the last attempt; the run was read whole."""
    changed = code_line(run)
    imported = imported_in(run.provenance)
    if imported is not None:
        return Section(_TITLE, tuple(_imported(imported)))
    found, problem = contents(run.provenance)
    if problem:
        return Section(_TITLE, (prose(problem, "error"), *filter(None, [changed])))
    if not found:
        none = prose("none yet: the worker writes it when it has its data and its device")
        return Section(_TITLE, (none, *filter(None, [changed])))
    if external := value_at(found, "external"):
        return Section(_TITLE, tuple(line for line in (*_external(external), *_data(found)) if line.cells[-1]))
    lines = [*_code(found), changed, *_data(found), *_machine(cast(ProvenanceFacts, found)), *_packages(found)]
    return Section(_TITLE, tuple(line for line in lines if line is not None and line.cells[-1]))


def _imported(imported: Imported) -> list[Line]:
    return [
        pair("imported from", imported.log),
        pair("log's digest", f"sha256 {imported.sha256}, {imported.size:,} bytes"),
        pair("images", ", ".join(f"{count} {split}" for split, count in imported.images.items())),
        *(prose(note, "note") for note in imported.notes),
        prose("the log does not record code, packages, host and device"),
    ]


def _external(facts: Document) -> list[Line]:
    """Of imported predictions: the file, and how its rows were counted and read."""
    columns = facts.get("columns")
    counts = [f"{facts.get('rows')} in all", f"{facts.get('images')} of test images"]
    counts += [f"{facts[name]} {words}" for name, words in _UNUSED.items() if facts.get(name)]
    return [
        pair("predictions from", str(facts.get("file", ""))),
        pair("file's digest", f"sha256 {facts.get('sha256', '')}, {facts.get('bytes', 0):,} bytes"),
        pair("trained on", str(facts.get("trained_on", ""))),
        pair("rows", ", ".join(counts)),
        pair("columns", ", ".join(f"{k} {v}" for k, v in columns.items()) if isinstance(columns, dict) else ""),
        pair("reversed", "yes: lower is better in the file" if facts.get("lower_is_better") else "no"),
        pair("imported", str(facts.get("imported", ""))),
        *(prose(str(note), "note") for note in facts.get("notes", [])),
    ]


def _code(found: Document) -> list[Line | None]:
    commit, print_ = words(found, "code", "commit"), words(found, "code", "fingerprint")
    now = code_fingerprint()
    same = "unchanged since" if print_ == now else f"changed since: now {now}"
    return [
        pair("program", f"iqa-tui {words(found, 'code', 'version')}"),
        pair("git commit", commit or "not from a git checkout"),
        _dirty(found) if commit else None,
        pair("source", f"{print_}, {same}", "" if print_ == now else "note") if print_ else None,
    ]


def _dirty(found: Document) -> Line:
    if not value_at(found, "code", "dirty"):
        return pair("uncommitted", "nothing")
    lines = words(found, "code", "diff").splitlines()
    changed = sum(line[:1] in {"+", "-"} and line[:3] not in {"+++", "---"} for line in lines)
    untracked = value_at(found, "code", "untracked")
    new = len(untracked) if isinstance(untracked, list) else 0
    files = sum(line.startswith("diff --git ") for line in lines)
    return pair(
        "uncommitted",
        f"{plural(changed, 'line')} changed in {plural(files, 'file')}, {plural(new, 'new file')}; the difference is "
        "in provenance.json",
        "warning",
    )


def _data(found: Document) -> list[Line]:
    images = value_at(found, "data", "images")
    counts = ", ".join(f"{n} {split}" for split, n in images.items()) if isinstance(images, dict) else ""
    return [
        pair("data", " ".join(filter(None, [words(found, "data", "name"), f"({counts})" if counts else ""]))),
        pair("data in", words(found, "data", "root")),
        pair("data's digest", words(found, "data", "fingerprint")),
    ]


def _machine(found: ProvenanceFacts) -> list[Line]:
    cpus = words(found, "host", "cpus")
    python = words(found, "host", "python")
    return [
        pair("device", words(found, "device", "name")),
        pair("rounding", words_of(rounding_of(found).values()) or "not recorded"),
        *(pair("rounded before", words_of(earlier.values())) for earlier in found.get("earlier", [])),
        pair("repeat", _repeat(found)),
        pair("host", ", ".join(filter(None, [words(found, "host", "host"), cpus and f"{cpus} CPUs"]))),
        pair("system", words(found, "host", "platform")),
        pair("python", python),
    ]


def _repeat(found: ProvenanceFacts) -> str:
    if "repeat" not in found:
        return ""
    repeat = found["repeat"]
    return f"{repeat.get('number')}: {repeat.get('rounding', '')}; it does not count as another seed"


def _packages(found: Document) -> list[Line]:
    packages = value_at(found, "packages")
    listed = ", ".join(f"{k} {v}" for k, v in packages.items()) if isinstance(packages, dict) else ""
    return [pair("packages", listed)]
