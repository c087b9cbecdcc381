"""What a person has noted on a run, and the tags given to it: notes.json in the run's folder, replaced whole."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from iqa_train.errors import RunError, UsageError, visible
from iqa_train.files import SCHEMA_VERSION, DamagedFileError, write_json
from iqa_train.locks import locked
from iqa_train.runs.documents import read_notes_facts
from iqa_train.runs.layout import QueueFiles, RunFolder

MOST_CHARACTERS = 1000
MOST_TAGS = 20
_TAG = re.compile(r"[^\s,\x00-\x1f\x7f-\x9f]{1,40}")


@dataclass(frozen=True)
class Notes:
    """A note, one line of text, and tags in the order in which they were given."""

    note: str = ""
    tags: tuple[str, ...] = ()
    problem: str = ""  # why the file cannot be read

    @property
    def lines(self) -> list[str]:
        """`note: TEXT` and `tags: ONE, TWO`, as far as there are any, or what is wrong."""
        found = [f"note: {self.note}"] if self.note else []
        found += [f"tags: {', '.join(self.tags)}"] if self.tags else []
        return [*found, self.problem] if self.problem else found


NONE = Notes()


def notes_of(run: RunFolder) -> Notes:
    """The notes; none without a file. Of one that is damaged, why it cannot be read."""
    if not run.notes.exists():
        return NONE
    try:
        facts = read_notes_facts(run.notes)
    except DamagedFileError as error:
        return Notes(problem=str(error))
    except OSError as error:
        return Notes(problem=f"{run.notes} cannot be read: {error.strerror}")
    return NONE if facts is None else Notes(" ".join(facts["note"].split()), tuple(facts["tags"]))


def set_note(run: RunFolder, text: str) -> Notes:
    """Replace the note; an empty text removes it. Raises UserError."""
    note = " ".join(text.split())
    if len(note) > MOST_CHARACTERS:
        raise UsageError(f"a note has at most {MOST_CHARACTERS} characters; this one has {len(note)}")
    with _edited(run) as notes:
        return _written(run, Notes(note, notes.tags))


def change_tags(run: RunFolder, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Notes:
    """Add tags, and remove others. Raises UserError."""
    for tag in add:
        require_tag(tag)
    with _edited(run) as notes:
        tags = tuple(dict.fromkeys(tag for tag in (*notes.tags, *add) if tag not in remove))
        if len(tags) > MOST_TAGS:
            raise UsageError(f"a run has at most {MOST_TAGS} tags; it would have {len(tags)}")
        return _written(run, Notes(notes.note, tags))


def require_tag(tag: str) -> None:
    """Raise UsageError for what cannot be a tag."""
    if not _TAG.fullmatch(tag):
        raise UsageError(f'"{visible(tag)}" cannot be a tag: one word of at most 40 characters, without commas')


@contextmanager
def _edited(run: RunFolder) -> Iterator[Notes]:
    """The notes as they are, while nothing else changes them. Raises RunError where they cannot be read."""
    if not run.path.is_dir():
        raise RunError(f"{run.path}: there is no such run folder (any more)")
    with locked(QueueFiles(run.path.parents[2]).queue_lock, make_folder=False):
        notes = notes_of(run)
        if notes.problem:
            raise RunError(f"{notes.problem}; repair or remove it")
        yield notes


def _written(run: RunFolder, notes: Notes) -> Notes:
    if notes == NONE:
        run.notes.unlink(missing_ok=True)
        return notes
    try:
        write_json(run.notes, {"schema_version": SCHEMA_VERSION, "note": notes.note, "tags": list(notes.tags)})
    except OSError as error:
        raise RunError(f"{run.notes} cannot be written: {error.strerror}") from None
    return notes
