"""What a program has left when it ends: predictions in its files, and the result that follows from them."""

from pathlib import Path
from typing import Any

from iqa_train.command_runs.contract import Contract
from iqa_train.command_runs.epoch_journal import EpochJournal
from iqa_train.datasets.match_names import match_names
from iqa_train.datasets.outside_predictions import OutsideColumns, OutsidePredictions, line_up, read_outside
from iqa_train.datasets.table import ImageTable, Split
from iqa_train.errors import DataError, RunError
from iqa_train.runs.fence import Writer
from iqa_train.runs.journal import Journal
from iqa_train.runs.layout import RoundFiles
from iqa_train.runs.predictions import Predictions, write_predictions
from iqa_train.stats.metrics import MEASURES, measure
from iqa_train.stats.opinions import Opinions
from iqa_train.text import join_names

_WORDS = {"test": "test images", "val": "validation images"}
_ALL = {"train": "training images", **_WORDS}
_REVERSED = -0.3  # SRCC from which predictions are rather reversed than bad
Found = dict[str, Predictions]


def collect_predictions(contract: Contract, table: ImageTable, split: Split, journal: Journal) -> Found:
    """The predictions on test and validation images, as far as the program left files of them.

    Raises DataError for a file that is damaged, has no row for one of the images, or several, or one that is no number.
    """
    found: Found = {}
    for part in ("test", "val"):
        path = contract.predictions(part)
        if path.exists():
            found[part] = _read(path, contract, table, split, part, journal)
        elif part in contract.command.predictions:
            journal.say(f"note: the program left no {path.name} with predictions on the {_WORDS[part]}")
    return found


def _read(path: Path, contract: Contract, table: ImageTable, split: Split, part: str, journal: Journal) -> Predictions:
    command, wanted = contract.command, getattr(split, part)
    columns = OutsideColumns(image=command.image_column, prediction=command.prediction_column)
    given = read_outside(path, columns, option=f"{{}}_column in {command.label}")
    _require_split(given, table, split, part)
    rows = line_up(given, table, [int(at) for at in wanted], _WORDS[part])
    for note in given.notes:
        journal.say(f"note: {path.name}: {note}")
    if rows.unknown:
        journal.say(f'note: {path.name}: {len(rows.unknown)} names are no images of "{table.name}" and are not used')
    values = rows.predictions if command.higher_is_better else -rows.predictions
    opinions = table.opinions
    return Predictions(
        tuple(table.images[at] for at in wanted),
        table.scores[wanted],
        values,
        None if table.references is None else tuple(table.references[at] for at in wanted),
        None if opinions is None else Opinions(opinions.sd[wanted], opinions.votes[wanted]),
    )


def _require_split(given: OutsidePredictions, table: ImageTable, split: Split, part: str) -> None:
    """Raise DataError for predictions on another part of the split, and none of this one."""
    found = match_names(given.names, table.images).matched
    if not found or not found.isdisjoint(getattr(split, part).tolist()):
        return
    others = [words for other, words in _ALL.items() if not found.isdisjoint(getattr(split, other).tolist())]
    raise DataError(
        f"{given.path}: its images are {join_names(others)}, and none is one of the {len(getattr(split, part))} "
        f"{_WORDS[part]} of this run's seed; predict the images whose split in IQA_TRAIN_SPLIT is {part}"
    )


def write_found(files: RoundFiles, found: Found, writer: Writer) -> None:
    """Write the predictions that were found; remove those of an earlier attempt that were not."""
    for part in _WORDS:
        if part in found:
            write_predictions(files.predictions(part), found[part], writer)
        else:
            writer.remove(files.predictions(part))


def round_result(
    contract: Contract, seed: int, found: Found, epochs: EpochJournal, seconds: float, journal: Journal
) -> dict[str, Any]:
    """The run's round for result.json: measured on its predictions, else as reported by its selected epoch.

    Raises RunError if the program reported nothing at all.
    """
    chosen = epochs.selected()
    if "test" not in found and (chosen is None or chosen.get("test_srcc") is None):
        raise RunError(
            "the program ended well, but left no predictions on the test images, and reported no test SRCC of an "
            f"epoch; expected: {contract.predictions('test')}"
        )
    result: dict[str, Any] = {
        "round": 1,
        "seed": seed,
        "epochs": len(epochs.epochs),
        "best_epoch": None if chosen is None else chosen["epoch"],
        "stopped_early": False,
        "seconds": round(seconds, 3),
        "cross": {},
    }
    if "val" in found:
        result["val"] = _measured(found["val"])
    if "test" in found:
        result["test"] = _measured(found["test"])
        _say_test(result["test"], journal)
    else:
        assert chosen is not None
        result["test"] = dict.fromkeys(MEASURES) | {"srcc": chosen["test_srcc"], "plcc": chosen.get("test_plcc")}
        journal.say(f"no predictions on the test images: the result is what epoch {chosen['epoch']} reported, untested")
    return result


def _measured(table: Predictions) -> dict[str, float | None]:
    return measure(table.predictions, table.scores)


def _say_test(values: dict[str, float | None], journal: Journal) -> None:
    srcc, plcc = (float("nan") if (value := values[name]) is None else value for name in ("srcc", "plcc"))
    journal.say(f"Best test SRCC {srcc:f}, PLCC {plcc:f}")
    if srcc < _REVERSED:
        journal.say(
            f"note: the SRCC is {srcc:.4f}: if a lower prediction means a better image, set higher_is_better = false"
        )


def is_whole(found: Found, epochs: EpochJournal, planned: int) -> bool:
    """Whether a program that was asked to stop had come to its end: it has its predictions, and all of its epochs."""
    return "test" in found and (not epochs.reported or len(epochs.epochs) >= planned)
