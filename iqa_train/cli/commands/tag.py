"""`iqa-train tag EXP TAG...`: tags of runs, shown wherever their results are."""

import json
from collections.abc import Sequence
from pathlib import Path

from iqa_train.cli.find_rows import rows_named
from iqa_train.cli.parser import Parser, add_study_options
from iqa_train.cli.scope import study_named
from iqa_train.cli.text import plain
from iqa_train.errors import UsageError
from iqa_train.runs.notes import change_tags
from iqa_train.scheduler.overview import read_overview

_DESCRIPTION = """\
Tag a run, or every run of an experiment, with words such as `candidate`; --remove takes tags away. They lie in the
run's folder beside its note (iqa-train note), and are shown in the console, the results and the report."""
_EPILOG = "exit status: 0 done, 1 a file that cannot be read or written, 2 usage or an unknown experiment"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    parser = Parser("iqa-train tag", _DESCRIPTION, _EPILOG)
    parser.add_argument("name", metavar="EXP", help="an experiment's id, or a run's folder")
    parser.add_argument("tags", nargs="*", metavar="TAG", help="tags to add: words without commas")
    parser.add_argument("--remove", nargs="+", default=[], metavar="TAG", help="tags to take away")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    add_study_options(parser)
    options = parser.read(argv)
    if not options.tags and not options.remove:
        raise UsageError("name tags to add, or --remove some; iqa-train note EXP shows those there are")
    rows = rows_named(read_overview(Path(options.runs_dir), study_named(options)), [options.name])
    found = [(row, change_tags(row.run, options.tags, options.remove)) for row in rows]
    if options.json:
        listed = [{"run_dir": str(row.run.path), "note": one.note, "tags": list(one.tags)} for row, one in found]
        print(json.dumps({"runs": listed}, indent=2, ensure_ascii=False))
    else:
        for row, one in found:
            print(plain(f"{row.experiment} ({row.run.seed_words}): tags: {', '.join(one.tags) or 'none'}"))
    return 0
