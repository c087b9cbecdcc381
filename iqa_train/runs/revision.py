"""Which revision of the network and the losses a run was trained by: the one place that labels runs by it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqa_train.runs.layout import RunFolder, run_folder
from iqa_train.study.revision import FIRST, revision_in, revision_words

if TYPE_CHECKING:  # pydantic is slow to import
    from iqa_train.study.spec import RunSpec

Document = Mapping[str, Any]


def with_revision(document: Document, *, imported: bool) -> Document:
    """The content of a run's spec.json with its revision: unknown where it is damaged, or the run imported."""
    if "revision" in document or not document.get("settings") or imported:
        return document
    return {**document, "revision": revision_in(document)}


def revision_label(document: Document, *, imported: bool) -> str:
    """How a run trained by another revision is labelled; "" for one of this revision, of a command, or imported."""
    if document.get("command"):
        return ""
    known = with_revision(document, imported=imported)
    return revision_words(revision_in(known)) if "revision" in known else ""


def at_earlier_revisions(spec: "RunSpec") -> list["RunSpec"]:
    """The same experiment as earlier revisions trained it, the latest of these first; a command's has no revisions."""
    if spec.command is not None:
        return []
    return [spec.model_copy(update={"revision": number}) for number in range(spec.revision - 1, FIRST - 1, -1)]


def earlier_run(spec: "RunSpec", runs_dir: Path) -> RunFolder | None:
    """The run that an earlier revision has left of the same experiment; None where there is none."""
    folders = (run_folder(runs_dir, earlier) for earlier in at_earlier_revisions(spec))
    return next((run for run in folders if run.attempts()), None)
