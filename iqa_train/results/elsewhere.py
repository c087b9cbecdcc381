"""A study's runs as they did on another data set than they were trained on, in the form that results are made from."""

from collections.abc import Sequence
from dataclasses import replace

from iqa_train.errors import DataError
from iqa_train.results.run_record import RunRecord
from iqa_train.runs.predictions import Predictions, read_predictions


def datasets_tested(runs: Sequence[RunRecord]) -> list[str]:
    """The other data sets that any finished one of `runs` was tested on, by name."""
    found = {
        name
        for run in runs
        if run.state.finished
        for number in _rounds(run)
        for name in run.folder.round(number, len(_rounds(run))).cross_datasets()
    }
    return sorted(found)


def on_dataset(run: RunRecord, dataset: str) -> RunRecord:
    """`run` with its predictions on `dataset` in place of those on its own test images, and nothing expected of it.

    What an epoch or a result measured on its own images is left out. A run that was not tested there has no
    predictions; for files that cannot be read, `notes` say why.
    """
    found: dict[int, Predictions] = {}
    notes: list[str] = []
    rounds = _rounds(run)
    for number in rounds if run.state.finished else ():
        path, seed = run.folder.round(number, len(rounds)).predictions(dataset), run.seed + number - 1
        if not path.exists():
            continue
        try:
            found[seed] = read_predictions(path)
        except (DataError, OSError) as error:
            notes.append(f"seed {seed}: unreadable predictions ({error})")
    spec = {key: value for key, value in run.spec.items() if key != "expect"}
    return replace(run, spec=spec, predictions=found, epochs={}, reported={}, optimism=None, notes=tuple(notes))


def _rounds(run: RunRecord) -> range:
    return range(1, int(run.spec["settings"].get("train_test_num", 1)) + 1)
