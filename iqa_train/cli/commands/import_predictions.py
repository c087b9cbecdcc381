"""`iqa-train import-predictions`: a row of a study from predictions that were made elsewhere."""

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iqa_train.cli.parser import Parser, add_study_options, profile_of, whole_number
from iqa_train.cli.progress_bar import bar
from iqa_train.cli.text import plain
from iqa_train.datasets.catalogue import load_table, read_table
from iqa_train.datasets.demo.dataset import NAME as DEMO
from iqa_train.datasets.outside_predictions import OutsideColumns, OutsidePredictions, line_up, read_outside
from iqa_train.datasets.splits import split_origin, split_table
from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError, UsageError, visible
from iqa_train.results.external_target import ExternalTarget, external_target
from iqa_train.runs.documents import ExternalFacts
from iqa_train.runs.external_checks import oriented, rows_of_test, scores_note, which_images
from iqa_train.runs.external_cross import ExternalTest, external_run_of, store_external_test
from iqa_train.runs.external_run import THERE, External, store_external
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.predictions import Predictions
from iqa_train.stats.metrics import plcc, srcc
from iqa_train.study.spec import DataSource
from iqa_train.text import join_names
from iqa_train.timestamp import utc_timestamp

_DESCRIPTION = """\
Import predictions that were made elsewhere, by a multimodal language model or a released checkpoint, say, as an
experiment of a study. FILE is a CSV with the columns image and prediction (and, if it has them, score, split and seed)
that has a prediction for every test image of the study's baseline; rows of other images are counted and not used.
Names of images may have another folder, suffix or case than in the data set.

The row is marked as external in every table, with what its model was trained on, and is compared like any other."""
_EPILOG = """exit status: 0 imported, or there already; 1 the runs folder cannot be written; 2 FILE is refused, or usage
example:     iqa-train import-predictions qalign.csv --exp Q-Align --trained-on "KonIQ-10k, SPAQ, KADID-10k\""""
_COLUMNS = ("image", "prediction", "score", "split", "seed")


@dataclass(frozen=True)
class _Done:
    """One seed of the file as it was imported."""

    run: RunFolder
    what: str
    new: External
    notes: tuple[str, ...]


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    options = _parser().read(argv)
    runs_dir = Path(options.runs_dir)
    target = external_target(
        options.experiments, options.study, profile_of(options), runs_dir, options.exp, options.trained_on or ""
    )
    if options.data_dir and options.dataset in {None, target.spec.settings.dataset}:
        target = target.with_data_in(options.data_dir)
    spec = target.spec
    if options.dataset not in {None, spec.settings.dataset}:
        return _import_other_set(options, target)
    given = read_outside(
        options.file, OutsideColumns(**{what: getattr(options, f"{what}_column") for what in _COLUMNS})
    )
    table = _table(spec.settings.dataset, spec.source, spec.settings.data_dir)
    found = [_prepared(given, target, table, seed, options, argv) for seed in _seeds(given, table, target, options)]
    done = [_Done(*store_external(new, runs_dir, again=options.again), new, notes) for new, notes in found]
    if options.json:
        print(json.dumps(_document(target, done), indent=2, ensure_ascii=False))
    else:
        for one in done:
            print("\n".join(_lines(one, several=len(done) > 1)))
    return 0


def _import_other_set(options: argparse.Namespace, target: ExternalTarget) -> int:
    """Predictions of all images of another set than the study's, for tables of that set."""
    name = options.dataset
    run = external_run_of(target.spec, Path(options.runs_dir))
    table = _table(name, target.sources.get(name, DataSource()), options.data_dir)
    given = read_outside(
        options.file, OutsideColumns(**{what: getattr(options, f"{what}_column") for what in _COLUMNS})
    )
    if given.seeds is not None and len(set(given.seeds)) > 1:
        raise UsageError(f"{options.file}: has predictions of several seeds; {name} takes those of one")
    everything = np.arange(len(table), dtype=np.int64)
    lined = line_up(given, table, everything.tolist(), "images")
    predictions, odd = oriented(options.file, lined.predictions, table.scores, options.lower_is_better)
    notes = [
        *given.notes,
        _rows_note(given, given, lined.elsewhere, lined.unknown, table),
        scores_note(options.file, lined.scores, table.scores, name),
        odd,
    ]
    facts = _facts(options, target, given, len(table), lined.elsewhere, lined.unknown, notes)
    new = ExternalTest(table, _stored(table, everything, predictions), facts)
    what = store_external_test(run, new, again=options.again)
    value = {"srcc": srcc(predictions, table.scores), "plcc": plcc(predictions, table.scores)}
    if options.json:
        one = {"what": what, "seed": run.seed, "run_dir": str(run.path), "images": len(table), **value}
        one |= {key: facts[key] for key in ("rows", "elsewhere", "unknown", "lower_is_better", "notes")}
        print(json.dumps(_head(target, name) | {"imported": [one]}, indent=2, ensure_ascii=False))
        return 0
    file = plain(options.file.name)
    words = f"all {len(table):,} images of {name}, SRCC {value['srcc']:.4f}, PLCC {value['plcc']:.4f}"
    print(f"{file}: {what} beside {run.path}: {words}; iqa-train results --on {name} shows them")
    print("".join(f"  {plain(note)}\n" for note in facts["notes"]), end="")
    return 0


def _table(name: str, source: DataSource, data_dir: str) -> ImageTable:
    """The data set; its images are not needed, but the built-in set is made if it is not there."""
    if name == DEMO and not source.csv:
        with bar(f"making the {DEMO} set", "images") as progress:
            return load_table(name, source, data_dir, progress)
    return read_table(name, source, data_dir)


def _seeds(
    given: OutsidePredictions, table: ImageTable, target: ExternalTarget, options: argparse.Namespace
) -> list[int]:
    """The seeds of the file; without any, each seed of the study that has test images of its own."""
    if given.seeds is not None:
        there = sorted(set(given.seeds))
        if options.seed is not None and options.seed not in there:
            raise UsageError(
                f"{options.file}: has no rows of seed {options.seed}; its seeds are {join_names(list(map(str, there)))}"
            )
        return there if options.seed is None else [options.seed]
    if options.seed is not None:
        return [options.seed]
    return list(target.seeds) if table.splits is None else [target.seeds[0]]


def _prepared(
    given: OutsidePredictions,
    target: ExternalTarget,
    table: ImageTable,
    seed: int,
    options: argparse.Namespace,
    argv: Sequence[str],
) -> tuple[External, tuple[str, ...]]:
    """The predictions of one seed, checked, and notes on them. Raises DataError."""
    split = split_table(table, seed)
    rows = given if given.seeds is None else given.rows(k for k, own in enumerate(given.seeds) if own == seed)
    tested = rows_of_test(rows, table, split, target.baseline)
    at_seed = f" (seed {seed})" if table.splits is None else ""
    try:
        lined = line_up(tested, table, split.test.tolist(), f"test images{at_seed}")
    except DataError as error:
        which = which_images(rows, table, split, target.seeds)
        raise DataError(f"{error}; {which}" if which else str(error)) from None
    scores = table.scores[split.test]
    predictions, odd = oriented(options.file, lined.predictions, scores, options.lower_is_better)
    notes = [
        *given.notes,
        _rows_note(rows, tested, lined.elsewhere, lined.unknown, table),
        scores_note(options.file, lined.scores, scores, table.name),
        odd,
    ]
    others = len(rows) - len(tested) + lined.elsewhere
    facts = _facts(options, target, rows, len(split.test), others, lined.unknown, notes)
    command = ["iqa-train", "import-predictions", *argv]
    stored = _stored(table, split.test, predictions)
    return External(target.of_seed(seed), table, split, stored, facts, command), tuple(facts["notes"])


def _facts(
    options: argparse.Namespace, target: ExternalTarget, rows: OutsidePredictions, images: int, elsewhere: int,
    unknown: Sequence[str], notes: Sequence[str],
) -> ExternalFacts:  # fmt: skip
    """What provenance.json says of the file."""
    return {
        "file": str(options.file.absolute()),
        "sha256": hashlib.sha256(options.file.read_bytes()).hexdigest(),
        "bytes": options.file.stat().st_size,
        "trained_on": target.spec.external,
        "columns": {what: name for what in _COLUMNS if (name := getattr(rows.columns, what))},
        "rows": len(rows),
        "images": images,
        "elsewhere": elsewhere,
        "unknown": len(unknown),
        "lower_is_better": bool(options.lower_is_better),
        "imported": utc_timestamp(),
        "notes": list(filter(None, notes)),
    }


def _stored(table: ImageTable, at: NDArray[np.int64], predictions: NDArray[np.float64]) -> Predictions:
    """The predictions of the images with these indices, with what the set knows of them."""
    chosen = at.tolist()
    references = None if table.references is None else tuple(table.references[k] for k in chosen)
    opinions = None if table.opinions is None else table.opinions[at]
    return Predictions(tuple(table.images[k] for k in chosen), table.scores[at], predictions, references, opinions)


def _rows_note(
    rows: OutsidePredictions, tested: OutsidePredictions, elsewhere: int, unknown: Sequence[str], table: ImageTable
) -> str:
    """How many rows were not used; "" if all were."""
    others = len(rows) - len(tested) + elsewhere
    parts = []
    if others:
        parts.append(f"{others:,} of its {len(rows):,} rows are of images that are not tested")
    if unknown:
        names = join_names([f'"{visible(name)}"' for name in unknown], most=2)
        parts.append(f"{len(unknown):,} of its {len(rows):,} rows are of no image of {table.name} ({names})")
    return f"{join_names(parts)}; they are not used" if parts else ""


def _lines(one: _Done, *, several: bool) -> list[str]:
    new, table = one.new, one.new.table
    file = plain(Path(new.facts["file"]).name)
    if one.what == THERE:
        return [f"{file}: unchanged; already imported as {one.run.path}"]
    tested = new.predictions
    count = f"all {len(tested.images):,} test images of {table.name}"
    seed = f", seed {new.spec.seed}" if several else ""
    value = f"SRCC {srcc(tested.predictions, tested.scores):.4f}, PLCC {plcc(tested.predictions, tested.scores):.4f}"
    trained = f"trained on {plain(new.spec.external)}"
    head = f"{file}: {one.what} as {one.run.path}: {count} ({split_origin(table)}){seed}, {value}; {trained}"
    return [head, *(f"  {plain(note)}" for note in one.notes)]


def _head(target: ExternalTarget, dataset: str) -> dict[str, Any]:
    spec = target.spec
    return {"study": spec.study, "experiment": spec.experiment, "dataset": dataset, "trained_on": spec.external}


def _document(target: ExternalTarget, done: Sequence[_Done]) -> dict[str, Any]:
    return _head(target, target.spec.settings.dataset) | {
        "imported": [
            {
                "what": one.what,
                "seed": one.new.spec.seed,
                "run_dir": str(one.run.path),
                "images": len(one.new.predictions.images),
                "srcc": srcc(one.new.predictions.predictions, one.new.predictions.scores),
                "plcc": plcc(one.new.predictions.predictions, one.new.predictions.scores),
                "rows": one.new.facts["rows"],
                "elsewhere": one.new.facts["elsewhere"],
                "unknown": one.new.facts["unknown"],
                "lower_is_better": one.new.facts["lower_is_better"],
                "notes": list(one.notes),
            }
            for one in done
        ],
    }


def _parser() -> Parser:
    parser = Parser("iqa-train import-predictions", _DESCRIPTION, _EPILOG)
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV of image and prediction")
    parser.add_argument("--exp", "--experiment", required=True, metavar="ID", help="experiment that the row becomes")
    parser.add_argument(
        "--trained-on", metavar="TEXT", help="what the model was trained on; needed unless the study file says it"
    )
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="data set of the predictions; on another than the study's they are shown by results --on [the study's]",
    )
    parser.add_argument(
        "--seed", type=whole_number(0), metavar="N",
        help="of which seed the predictions are, or whose test images [the study's: the first, or with a split by seed "
        "each]",
    )  # fmt: skip
    parser.add_argument(
        "--data-dir", default="", metavar="DIR", help="folder of the data set [the study's, else data/NAME]"
    )
    order = parser.add_mutually_exclusive_group()
    order.add_argument(
        "--lower-is-better", action="store_const", const=True, dest="lower_is_better", help="predictions are reversed"
    )
    order.add_argument(
        "--higher-is-better", action="store_const", const=False, dest="lower_is_better",
        help="they are not, even if they correlate negatively with the scores",
    )  # fmt: skip
    for what in _COLUMNS:
        parser.add_argument(f"--{what}-column", default="", metavar="NAME", help=f"column of the {what}")
    parser.add_argument("--again", action="store_true", help="replace predictions that were imported before")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    add_study_options(parser)
    return parser
