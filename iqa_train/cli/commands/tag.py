"""`iqa-train tag EXP TAG...`: tags of runs, shown wherever their results are."""

from collections.abc import Sequence

from iqa_train.cli.notes_out import EPILOG, add_shared_options, print_notes, rows_of
from iqa_train.cli.parser import Parser
from iqa_train.errors import UsageError
from iqa_train.runs.notes import change_tags

_DESCRIPTION = """\
Tag a run, or every run of an experiment, with words such as `candidate`; --remove takes tags away. They lie in the
run's folder beside its note (iqa-train note), and are shown in the console, the results and the report."""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    parser = Parser("iqa-train tag", _DESCRIPTION, EPILOG)
    parser.add_argument("name", metavar="EXP", help="an experiment's id, or a run's folder")
    parser.add_argument("tags", nargs="*", metavar="TAG", help="tags to add: words without commas")
    parser.add_argument("--remove", nargs="+", default=[], metavar="TAG", help="tags to take away")
    add_shared_options(parser)
    options = parser.read(argv)
    if not options.tags and not options.remove:
        raise UsageError("name tags to add, or --remove some; iqa-train note EXP shows those there are")
    found = [(row, change_tags(row.run, options.tags, options.remove)) for row in rows_of(options)]
    print_notes(found, lambda one: f"tags: {', '.join(one.tags) or 'none'}", as_json=options.json)
    return 0
