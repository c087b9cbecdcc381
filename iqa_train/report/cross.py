"""Results on data sets that were only tested on: from kept predictions, and numbers reported elsewhere."""

from collections.abc import Sequence

from iqa_train.errors import UserError
from iqa_train.files import read_json
from iqa_train.report.which import Chosen
from iqa_train.results.comparison import Comparison, compare
from iqa_train.results.recorded import Recorded
from iqa_train.results.references import reference_row
from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.results.tested import Tested
from iqa_train.runs.predictions import Predictions, read_predictions
from iqa_train.study.reported import dataset_of, told_settings

NOTE = "trained on {dataset}; differences are not adjusted for the number of experiments, so none is judged"


def cross_results(chosen: Chosen, metric: str) -> tuple[StudyResults, ...]:
    """A table for each other data set, in the order they turn up."""
    measured = _measured(chosen.runs)
    reported = _reported(chosen, metric)
    own = dataset_of(chosen.study, chosen.profile) if chosen.study is not None else ""
    base = chosen.baseline or ""
    found = []
    for dataset in dict.fromkeys([*measured, *reported]):
        tables = measured.get(dataset, {})
        tested = [Tested(experiment, by_seed) for experiment, by_seed in tables.items()]
        baseline = next((one for one in tested if one.experiment == base), None)
        compared = compare(tested, baseline, metric, key=f"{chosen.name}/{dataset}/{metric}", anyway=True)
        rows = (*(_row(one) for one in compared), *reported.get(dataset, ()))
        notes = (NOTE.format(dataset=own or "other data"),) if compared else ()
        found.append(StudyResults(chosen.name, f"tested on {dataset}", base, metric, rows, notes, dataset))
    return tuple(found)


def _measured(runs: Sequence[Recorded]) -> dict[str, dict[str, dict[int, Predictions]]]:
    """Data set -> experiment -> seed -> predictions; what cannot be read is left out."""
    found: dict[str, dict[str, dict[int, Predictions]]] = {}
    for run in runs:
        try:
            rounds = (read_json(run.folder.result) or {}).get("rounds") or []
        except UserError:
            continue
        for number, one in enumerate(rounds, 1):
            for dataset in one.get("cross") or {}:
                try:
                    table = read_predictions(run.folder.round(number, len(rounds)).predictions(dataset))
                except UserError:
                    continue
                by_seed = found.setdefault(dataset, {}).setdefault(run.experiment, {})
                by_seed.setdefault(int(one.get("seed", run.seed + number - 1)), table)
    return found


def _reported(chosen: Chosen, metric: str) -> dict[str, list[ResultRow]]:
    """References on other data sets, of networks that were trained on the study's own."""
    found: dict[str, list[ResultRow]] = {}
    if chosen.study is None:
        return found
    own = dataset_of(chosen.study, chosen.profile)
    for reference in chosen.study.references:
        trained_on = told_settings(chosen.study, reference).get("dataset")
        row = reference_row(chosen.study, reference, metric)
        if reference.dataset != own and trained_on == own and row.value is not None:
            found.setdefault(reference.dataset, []).append(row)
    return found


def _row(one: Comparison) -> ResultRow:
    return ResultRow(
        one.experiment, seeds=one.seeds, images=one.images, value=one.value, interval=one.interval,
        seed_sd=one.seed_sd, delta=one.delta, delta_interval=one.delta_interval, notes=one.notes,
    )  # fmt: skip
