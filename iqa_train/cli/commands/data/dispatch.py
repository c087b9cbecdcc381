"""`iqa-train data`: its sub-commands and their options."""

import argparse
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from iqa_train.cli.commands.data.list import list_sets
from iqa_train.cli.commands.data.split import export_split
from iqa_train.cli.commands.data.stats import print_stats
from iqa_train.cli.parser import Parser, add_study_options, command_first, whole_number
from iqa_train.cli.progress_bar import bar
from iqa_train.cli.scope import study_and_profile
from iqa_train.errors import UsageError, UserError, visible

if TYPE_CHECKING:
    from iqa_train.study.spec import DataSource

_DESCRIPTION = """\
List the known data sets, verify that all images of one are present and readable, show its scores and sizes, write its
split to a file, decode it ahead of training, or make the built-in demo set."""
_EPILOG = "exit status: 0 done, 1 images are missing, unreadable or too small, 2 the set or the command is not valid"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError for a data set or command line that is not valid."""
    options = _parser().read(command_first(argv, _COMMANDS))
    return _COMMANDS[options.command](options)


def _make_demo(options: argparse.Namespace) -> int:
    from iqa_train.datasets.catalogue import folder_of
    from iqa_train.datasets.demo.dataset import NAME, make_demo
    from iqa_train.study.spec import DataSource

    folder = folder_of(NAME, options.data_dir, DataSource())
    with bar("making the demo set", "images") as progress:
        make_demo(folder, progress)
    print(folder)
    return 0


def _prepare(options: argparse.Namespace) -> int:
    from iqa_train.datasets.catalogue import load_table
    from iqa_train.datasets.images.pixel_store import open_store, require_room
    from iqa_train.study.validate import COMMAND_LINE, validate_settings

    validate_settings({"resize": options.resize}, COMMAND_LINE)
    name, source = _dataset(options)
    with bar("making the demo set", "images") as progress:
        table = load_table(name, source, options.data_dir, progress)
    with bar(f"decoding {name}", "images") as progress:
        store = open_store(
            table, resize=options.resize, cache_dir=options.cache_dir, workers=options.workers, progress=progress
        )
    require_room(table, store, _crops(options, name).get(options.resize, 0))
    if options.json:
        print(json.dumps({"dataset": name, "images": len(store), "folder": str(store.folder)}, indent=2))
    else:
        print(store.folder)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from iqa_train.datasets.catalogue import read_table
    from iqa_train.datasets.splits import split_origin
    from iqa_train.datasets.verify import verify

    name, source = _dataset(options)
    table = read_table(name, source, options.data_dir)
    with bar(f"verifying {name}", "images") as progress:
        crops = {"auto": options.patch_size} if options.patch_size else _crops(options, name)
        findings = verify(table, crops, options.workers, progress)
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
        print(f"{finding.code:12}  {visible(finding.message)}")
    for note in (split_origin(table), *table.notes):
        print(f"{'note':12}  {visible(note)}")
    amiss = "missing, unreadable or too small" if any(f.code == "small" for f in findings) else "missing or unreadable"
    verdict = "all present and readable" if not errors else f"{errors} {amiss}"
    print(f"{name}: {len(table)} images listed in {table.root}, {verdict}")
    return 1 if errors else 0


def _dataset(options: argparse.Namespace) -> tuple[str, "DataSource"]:
    """The selected data set, and its source in the study file."""
    from iqa_train.study.profiles import profile_of
    from iqa_train.study.resolve import split_from
    from iqa_train.study.settings import TrainingConfig
    from iqa_train.study.spec import DataSource

    if options.name and options.dataset not in {"", options.name}:
        raise UsageError(f"--dataset {options.dataset} and {options.name} are two data sets; give one")
    study, profile = study_and_profile(options)
    chosen = profile_of(study, profile)
    settings = {**study.defaults, **(chosen.set if chosen else {})}
    of_the_study = settings.get("dataset", TrainingConfig.model_fields["dataset"].default)
    name = options.name or options.dataset or str(of_the_study)
    source = study.datasets.get(name, DataSource())
    return name, split_from(options.split, source) if options.split else source


def _crops(options: argparse.Namespace, name: str) -> dict[str, int]:
    """The largest patch_size of the study's experiments that train or are tested on the set, for each resize."""
    from iqa_train.study.profiles import seeds_of
    from iqa_train.study.resolve import resolve_all

    study, profile = study_and_profile(options)
    try:
        specs = resolve_all(study, profile=profile, seeds=seeds_of(study, profile)[:1])
    except UserError:  # starting a run reports that; the images can be checked all the same
        return {}
    found: dict[str, int] = {}
    for settings in (spec.settings for spec in specs if name in {spec.settings.dataset, *spec.settings.across}):
        found[settings.resize] = max(settings.patch_size, found.get(settings.resize, 0))
    return found


def _seed(options: argparse.Namespace) -> int:
    """The given seed, else the study's first."""
    from iqa_train.study.profiles import seeds_of

    return int(seeds_of(*study_and_profile(options))[0] if options.seed is None else options.seed)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": list_sets,
    "verify": _verify,
    "stats": lambda o: print_stats(o, *_dataset(o), _seed(o)),
    "split": lambda o: export_split(o, *_dataset(o), _seed(o)),
    "prepare": _prepare,
    "make-demo": _make_demo,
}


def _parser() -> Parser:
    parser = Parser("iqa-train data", _DESCRIPTION, _EPILOG)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    listed = commands.add_parser("list", help="list every known data set: what is here, and what the rest is called")
    verify = commands.add_parser("verify", help="decode every image, and name missing, unreadable and unlisted ones")
    stats = commands.add_parser("stats", help="show a histogram of the scores, and the sizes of images and splits")
    split = commands.add_parser("split", help="write the split to a CSV file, so that others can reproduce a result")
    prepare = commands.add_parser("prepare", help="decode a data set ahead of its first run")
    demo = commands.add_parser("make-demo", help="make the built-in demo set (seconds)")
    for command in (listed, verify, stats, split, prepare, demo):
        add_study_options(command)
    for command in (verify, stats, split, prepare, demo):
        command.add_argument("--data_dir", default="", metavar="DIR", help="folder of the data set (data/NAME)")
    for command in (verify, stats, split, prepare):
        command.add_argument("name", nargs="?", default="", metavar="NAME", help="data set (the study file's)")
        command.add_argument("--dataset", default="", metavar="NAME", help="the same, as an option")
        command.add_argument("--split", metavar="FILE", help="CSV of image,split in place of the data set's split")
    for command in (stats, split):
        command.add_argument(
            "--seed", type=whole_number(0), metavar="N", help="seed that the split depends on (the study file's)"
        )
    for command in (verify, prepare):
        command.add_argument(
            "--workers", type=whole_number(1, 4096), default=2, metavar="N", help="decoding threads (2)"
        )
    for command in (listed, verify, stats, prepare):
        command.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    split.add_argument("--out", metavar="FILE", help="file to write: image,split[,reference] (standard output)")
    prepare.add_argument("--resize", default="auto", help="size to store: auto, none, WIDTHxHEIGHT or the shorter side")
    prepare.add_argument("--cache_dir", default="", metavar="DIR", help="where decoded pixels are kept")
    verify.add_argument(
        "--patch_size",
        type=whole_number(1, 4096),
        metavar="N",
        help="report images smaller than N pixels (the study's patch_size)",
    )
    return parser
