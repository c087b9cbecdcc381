"""`iqa-train note EXP [TEXT]`: a note on runs, shown wherever their results are."""

from collections.abc import Sequence

from iqa_train.cli.notes_out import EPILOG, add_shared_options, print_notes, rows_of
from iqa_train.cli.parser import Parser
from iqa_train.runs.notes import notes_of, set_note

_DESCRIPTION = """\
Note something on a run, or on every run of an experiment: the text replaces the note there was, and an empty text
removes it. Without a text, print note and tags. They lie in the run's folder, stay when it is run again, and are shown
in the console, the results and the report."""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    parser = Parser("iqa-train note", _DESCRIPTION, EPILOG)
    parser.add_argument("name", metavar="EXP", help="an experiment's id, or a run's folder")
    parser.add_argument("text", nargs="?", default=None, metavar="TEXT", help="the note; quote it")
    add_shared_options(parser)
    options = parser.read(argv)
    rows = rows_of(options)
    if options.text is not None:
        for row in rows:
            set_note(row.run, options.text)
    found = [(row, notes_of(row.run)) for row in rows]
    print_notes(found, lambda one: "; ".join(one.lines) or "no note", as_json=options.json)
    return 1 if any(one.problem for _, one in found) else 0
