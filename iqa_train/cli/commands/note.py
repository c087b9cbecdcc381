"""`iqa-train note EXP [TEXT]`: a note on runs, shown wherever their results are."""

import json
from collections.abc import Sequence
from pathlib import Path

from iqa_train.cli.find_rows import rows_named
from iqa_train.cli.parser import Parser, add_study_options
from iqa_train.cli.scope import study_named
from iqa_train.cli.text import plain
from iqa_train.runs.notes import notes_of, set_note
from iqa_train.scheduler.overview import read_overview

_DESCRIPTION = """\
Note something on a run, or on every run of an experiment: the text replaces the note there was, and an empty text
removes it. Without a text, print note and tags. They lie in the run's folder, stay when it is run again, and are shown
in the console, the results and the report."""
_EPILOG = "exit status: 0 done, 1 a file that cannot be read or written, 2 usage or an unknown experiment"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    parser = Parser("iqa-train note", _DESCRIPTION, _EPILOG)
    parser.add_argument("name", metavar="EXP", help="an experiment's id, or a run's folder")
    parser.add_argument("text", nargs="?", default=None, metavar="TEXT", help="the note; quote it")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    add_study_options(parser)
    options = parser.read(argv)
    rows = rows_named(read_overview(Path(options.runs_dir), study_named(options)), [options.name])
    if options.text is not None:
        for row in rows:
            set_note(row.run, options.text)
    found = [(row, notes_of(row.run)) for row in rows]
    if options.json:
        listed = [{"run_dir": str(row.run.path), "note": one.note, "tags": list(one.tags)} for row, one in found]
        print(json.dumps({"runs": listed}, indent=2, ensure_ascii=False))
    else:
        for row, one in found:
            print(plain(f"{row.experiment} ({row.run.seed_words}): {'; '.join(one.lines) or 'no note'}"))
    return 1 if any(one.problem for _, one in found) else 0
