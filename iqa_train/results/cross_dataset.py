"""Cross-dataset results: runs on data sets they were only tested on, from kept predictions and from the literature."""

from collections.abc import Sequence
from dataclasses import replace

from iqa_train.errors import DataError, UsageError, did_you_mean, visible
from iqa_train.results.reported import reference_row
from iqa_train.results.run_record import RunRecord
from iqa_train.results.selection import RunSelection
from iqa_train.results.study_results import build_study_results
from iqa_train.results.table import Intervals, ResultRow, StudyResults
from iqa_train.runs.predictions import Predictions, read_predictions
from iqa_train.study.literature import dataset_of, known_settings
from iqa_train.study.model import Reference


def select_dataset(chosen: RunSelection, dataset: str) -> RunSelection:
    """The same runs with their predictions on another data set.

    Raises UsageError for a data set that no run was tested on and no reference has a value for.
    """
    known = datasets_of(chosen)
    if dataset not in known:
        if dataset == _trained_on(chosen):
            raise UsageError(f'"{dataset}" is what {chosen.name} trains on; its test images are shown without --on')
        has = did_you_mean(dataset, known) if known else "none was tested on another set"
        raise UsageError(
            f'no run of {chosen.name} was tested on "{visible(dataset)}"; {has}; '
            f"iqa-train test --all --on {visible(dataset)} would"
        )
    return replace(chosen, runs=tuple(on_dataset(run, dataset) for run in chosen.runs), on=dataset)


def datasets_of(chosen: RunSelection) -> list[str]:
    """The other data sets with results: measured ones first, then those that are only reported."""
    reported = [reference.dataset for reference in _references(chosen) if reference.dataset]
    return list(dict.fromkeys([*datasets_tested(chosen.runs), *reported]))


def cross_dataset_results(
    chosen: RunSelection,
    metric: str,
    *,
    anyway: bool = False,
    resamples: int | None = None,
    parameters: int = 4,
    against: str = "",
    intervals: Intervals = "single",
) -> StudyResults:
    """Results of a selection from `select_dataset`: a row for each experiment tested there, then reported rows.

    Raises NotComparableError for experiments that were tested on other images or scores than the baseline.
    """
    found = build_study_results(
        chosen.runs, metric, baseline=chosen.baseline, anyway=anyway, resamples=resamples,
        parameters=parameters, primary=chosen.declared.metric, against=against, intervals=intervals,
    )  # fmt: skip
    rows = [row for row in found.rows if row.value is not None or row.notes]
    tested = {row.experiment for row in rows}
    reported = [row for r in _references(chosen) if r.dataset == chosen.on and (row := _row(chosen, r, metric))]
    notes = [note for note in found.notes if tested]
    trained_on = _trained_on(chosen)
    if tested and trained_on:
        notes.insert(0, f"trained on {trained_on}")
    untested = dict.fromkeys(run.experiment for run in chosen.runs if run.experiment not in tested)
    if tested and untested:
        notes.append(f"not tested on {chosen.on}: {', '.join(untested)}")
    if tested and found.baseline in untested:
        notes.append(
            f"{found.baseline}{'' if found.against else ', the baseline,'} is among these: nothing is compared"
        )
    return replace(
        found,
        study=chosen.name,
        title=chosen.title,
        rows=(*rows, *reported),
        notes=(*chosen.notes, *notes),
        dataset=chosen.on,
    )


def cross_dataset_tables(
    chosen: RunSelection, metric: str, intervals: Intervals = "single"
) -> tuple[StudyResults, ...]:
    """A table for each other data set."""
    found = (
        cross_dataset_results(select_dataset(chosen, dataset), metric, anyway=True, intervals=intervals)
        for dataset in datasets_of(chosen)
    )
    return tuple(
        replace(results, title=f"tested on {results.dataset}", notes=_own_notes(results, chosen)) for results in found
    )


def _own_notes(results: StudyResults, chosen: RunSelection) -> tuple[str, ...]:
    """The notes that the study's own table does not have."""
    return tuple(note for note in results.notes if note not in chosen.notes)


def _trained_on(chosen: RunSelection) -> str:
    """The data set that the study trains on; "" if unknown."""
    if chosen.study is not None:
        return dataset_of(chosen.study, chosen.profile)
    return next((str(run.spec["settings"].get("dataset", "")) for run in chosen.runs), "")


def _references(chosen: RunSelection) -> list[Reference]:
    """Reported results on other data sets, of networks trained on the study's data set."""
    if chosen.study is None:
        return []
    trained_on = _trained_on(chosen)
    return [
        reference
        for reference in chosen.study.references
        if reference.dataset != trained_on and known_settings(chosen.study, reference).get("dataset") == trained_on
    ]


def _row(chosen: RunSelection, reference: Reference, metric: str) -> ResultRow | None:
    assert chosen.study is not None
    row = reference_row(chosen.study, reference, metric)
    return row if row.value is not None else None


def datasets_tested(runs: Sequence[RunRecord]) -> list[str]:
    """Names of the other data sets that any finished run was tested on."""
    found = {
        name
        for run in runs
        if run.counted is not None
        for number in _rounds(run)
        for name in run.counted.folder.round(number, len(_rounds(run))).cross_datasets()
    }
    return sorted(found)


def on_dataset(run: RunRecord, dataset: str) -> RunRecord:
    """`run` with its predictions on `dataset` instead of those on its own test images, and without expectations.

    What epochs and the result measured on its own images is left out. A run that was not tested there has no
    predictions; `notes` say which files cannot be read, and why.
    """
    found: dict[int, Predictions] = {}
    notes: list[str] = []
    rounds = _rounds(run)
    for number in rounds if run.counted is not None else ():
        files = (run.counted or run).folder.round(number, len(rounds))
        path, seed = files.predictions(dataset), run.seed + number - 1
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
