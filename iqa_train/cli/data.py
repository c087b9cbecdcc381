"""`iqa-train data`: makes, prepares and verifies data sets."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_train.cli.bar import bar
from iqa_train.cli.parser import Parser

if TYPE_CHECKING:
    from iqa_train.study.spec import DataSource

_DESCRIPTION = "Make the demo set, prepare a data set for training, or verify that its images are all there and whole."
_EPILOG = "exit status: 0 done, 1 verify found missing or unreadable images, 2 the data set or the command is not valid"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError for a data set or command line that is not valid."""
    options = _parser().read(argv)
    commands: dict[str, Callable[[argparse.Namespace], int]] = {
        "make-demo": _make_demo,
        "prepare": _prepare,
        "verify": _verify,
    }
    return commands[options.command](options)


def _make_demo(options: argparse.Namespace) -> int:
    from iqa_train.datasets.catalogue import folder_of
    from iqa_train.datasets.demo import NAME, make_demo
    from iqa_train.study.spec import DataSource

    folder = folder_of(NAME, options.data_dir, DataSource())
    with bar("making the demo set", "images") as progress:
        make_demo(folder, progress)
    print(folder)
    return 0


def _prepare(options: argparse.Namespace) -> int:
    from iqa_train.datasets.catalogue import load_table
    from iqa_train.datasets.pixels import open_store
    from iqa_train.study.validate import COMMAND_LINE, validate_settings

    validate_settings({"resize": options.resize}, COMMAND_LINE)
    name, source = _dataset(options)
    with bar("making the demo set", "images") as progress:
        table = load_table(name, source, options.data_dir, progress)
    with bar(f"decoding {name}", "images") as progress:
        store = open_store(
            table, resize=options.resize, cache_dir=options.cache_dir, workers=options.workers, progress=progress
        )
    print(store.folder)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from iqa_train.datasets.catalogue import read_table
    from iqa_train.datasets.splits import split_origin
    from iqa_train.datasets.verify import verify

    name, source = _dataset(options)
    table = read_table(name, source, options.data_dir)
    with bar(f"verifying {name}", "images") as progress:
        findings = verify(table, options.patch_size, options.workers, progress)
    errors = sum(finding.severity == "error" for finding in findings)
    if options.json:
        document = {
            "dataset": name,
            "folder": str(table.root),
            "images": len(table),
            "split": split_origin(table),
            "notes": list(table.notes),
            "findings": [vars(finding) for finding in findings],
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return 1 if errors else 0
    for finding in findings:
        print(f"{finding.code:12}  {finding.message}")
    for note in (split_origin(table), *table.notes):
        print(f"{'note':12}  {note}")
    verdict = "all there and whole" if not errors else f"{errors} missing or unreadable"
    print(f"{name}: {len(table)} images listed in {table.root}, {verdict}")
    return 1 if errors else 0


def _dataset(options: argparse.Namespace) -> tuple[str, "DataSource"]:
    """The data set meant, and where the study file says it lies."""
    from iqa_train.study.load import find_study, load_study
    from iqa_train.study.settings import TrainingConfig
    from iqa_train.study.spec import DataSource

    study = load_study(find_study(options.experiments))
    name = options.dataset or str(study.defaults.get("dataset", TrainingConfig.model_fields["dataset"].default))
    return name, study.datasets.get(name, DataSource())


def _parser() -> Parser:
    parser = Parser("iqa-train data", _DESCRIPTION, _EPILOG)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    demo = commands.add_parser("make-demo", help="make the built-in demo set (seconds)")
    prepare = commands.add_parser("prepare", help="decode a data set once, ahead of its first run")
    verify = commands.add_parser("verify", help="decode every image and name those missing, unreadable or unlisted")
    for command in (demo, prepare, verify):
        command.add_argument("--data_dir", default="", metavar="DIR", help="folder of the data set (data/NAME)")
    for command in (prepare, verify):
        command.add_argument("--dataset", default="", metavar="NAME", help="data set (the study file's)")
        command.add_argument(
            "--experiments",
            type=Path,
            metavar="FILE",
            help="study file whose [datasets] tables say where data sets lie (./experiments.toml, else the one that "
            "comes with the program)",
        )
        command.add_argument("--workers", type=_count, default=2, metavar="N", help="threads that decode (2)")
    prepare.add_argument("--resize", default="auto", help="size to store: auto, none, WIDTHxHEIGHT or the shorter side")
    prepare.add_argument("--cache_dir", default="", metavar="DIR", help="where decoded pixels are kept")
    verify.add_argument("--patch_size", type=_count, metavar="N", help="also name images smaller than a crop of N")
    verify.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    return parser


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 4096:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 4096")
    return int(text)
