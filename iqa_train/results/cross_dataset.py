"""Results on data sets that were only tested on: from kept predictions, and numbers reported elsewhere."""

from dataclasses import replace

from iqa_train.errors import UsageError, did_you_mean, visible
from iqa_train.results.elsewhere import datasets_tested, on_dataset
from iqa_train.results.reported import reference_row
from iqa_train.results.selection import RunSelection
from iqa_train.results.study_results import build_study_results
from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.study.literature import dataset_of, known_settings
from iqa_train.study.model import Reference


def on(chosen: RunSelection, dataset: str) -> RunSelection:
    """The same runs as they did on another data set.

    Raises UsageError for a set that no run was tested on and no reference tells of.
    """
    known = datasets_of(chosen)
    if dataset not in known:
        own = _own(chosen)
        if dataset == own:
            raise UsageError(f'"{dataset}" is what {chosen.name} trains on; its test images are shown without --on')
        has = did_you_mean(dataset, known) if known else "none was tested on another set"
        raise UsageError(
            f'no run of {chosen.name} was tested on "{visible(dataset)}"; {has}; '
            f"iqa-train test --all --on {visible(dataset)} would"
        )
    return replace(chosen, runs=tuple(on_dataset(run, dataset) for run in chosen.runs), on=dataset)


def datasets_of(chosen: RunSelection) -> list[str]:
    """The other data sets that there are results on: measured, then reported alone."""
    reported = [reference.dataset for reference in _references(chosen) if reference.dataset]
    return list(dict.fromkeys([*datasets_tested(chosen.runs), *reported]))


def results_elsewhere(
    chosen: RunSelection, metric: str, *, anyway: bool = False, resamples: int | None = None, parameters: int = 4
) -> StudyResults:
    """The results of what `on` gave: rows of the experiments that were tested there, then reported ones.

    Raises NotComparableError for experiments that were tested on other images or scores than the baseline.
    """
    found = build_study_results(
        chosen.runs, metric, baseline=chosen.baseline, title=chosen.title, anyway=anyway, resamples=resamples,
        parameters=parameters,
    )  # fmt: skip
    rows = [row for row in found.rows if row.value is not None or row.notes]
    tested = {row.experiment for row in rows}
    reported = [row for r in _references(chosen) if r.dataset == chosen.on and (row := _row(chosen, r, metric))]
    notes = [note for note in found.notes if tested]
    own = _own(chosen)
    if tested and own:
        notes.insert(0, f"trained on {own}")
    untested = dict.fromkeys(run.experiment for run in chosen.runs if run.experiment not in tested)
    if tested and untested:
        notes.append(f"not tested on {chosen.on}: {', '.join(untested)}")
    if tested and found.baseline in untested:
        notes.append(f"{found.baseline}, the baseline, is among these: nothing is compared")
    return replace(
        found,
        study=chosen.name,
        rows=(*rows, *reported),
        notes=(*chosen.notes, *notes),
        dataset=chosen.on,
    )


def cross_results(chosen: RunSelection, metric: str) -> tuple[StudyResults, ...]:
    """A table for each other data set."""
    found = (results_elsewhere(on(chosen, dataset), metric, anyway=True) for dataset in datasets_of(chosen))
    return tuple(
        replace(results, title=f"tested on {results.dataset}", notes=_own_notes(results, chosen)) for results in found
    )


def _own_notes(results: StudyResults, chosen: RunSelection) -> tuple[str, ...]:
    """What the study's own table has not said already."""
    return tuple(note for note in results.notes if note not in chosen.notes)


def _own(chosen: RunSelection) -> str:
    """What the study trains on."""
    if chosen.study is not None:
        return dataset_of(chosen.study, chosen.profile)
    return next((str(run.spec["settings"].get("dataset", "")) for run in chosen.runs), "")


def _references(chosen: RunSelection) -> list[Reference]:
    """References on other data sets, of networks that were trained on the study's own."""
    if chosen.study is None:
        return []
    own = _own(chosen)
    return [
        reference
        for reference in chosen.study.references
        if reference.dataset != own and known_settings(chosen.study, reference).get("dataset") == own
    ]


def _row(chosen: RunSelection, reference: Reference, metric: str) -> ResultRow | None:
    assert chosen.study is not None
    row = reference_row(chosen.study, reference, metric)
    return row if row.value is not None else None
