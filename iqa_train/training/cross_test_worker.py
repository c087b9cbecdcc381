"""The worker of `iqa-train test`: `python -m iqa_train.training.cross_test_worker`, its request on standard input.

    {"again": false, "runs": [{"run": FOLDER, "sets": [{"name": NAME, "source": {...}}]}]}

It emits `progress` and `say`, and for each run and set one of `tested`, `known` (tested before) or `failed`.
"""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import sys
from pathlib import Path

import numpy as np

from iqa_train.datasets.table import ImageTable
from iqa_train.errors import DataError, RunError, UserError
from iqa_train.runs.documents import Measures
from iqa_train.runs.fence import Writer
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.predictions import read_predictions
from iqa_train.runs.specfile import read_spec
from iqa_train.schema import read_document
from iqa_train.study.spec import DataSource, RunSpec
from iqa_train.training.compute_device import choose_device
from iqa_train.training.cross_dataset import evaluate_all_rounds, open_cross_set
from iqa_train.training.out_of_memory import OutOfMemoryError, explain_out_of_memory
from iqa_train.training.worker_events import Events, read_request


def main() -> int:
    """Test every requested run on every requested set; returns 1 if any test failed."""
    request, events, code = read_request(), Events(), 0
    for job in request["runs"]:
        run = RunFolder(Path(job["run"]))
        for entry in job["sets"]:
            about = {"run": job["run"], "dataset": entry["name"]}
            try:
                again, source = bool(request["again"]), DataSource.model_validate_json(entry["source"])
                known, measures = _test(run, entry["name"], source, events, again=again)
            except (UserError, OutOfMemoryError, OSError) as error:
                events.event("failed", **about, message=str(error))
                code = 1
            else:
                events.event("known" if known else "tested", **about, rounds=measures)
    return code


def _test(
    run: RunFolder, name: str, source: DataSource, events: Events, *, again: bool
) -> tuple[bool, list[dict[str, object]]]:
    """Whether an earlier test is reported, and the measures by round."""
    spec = read_spec(run)
    with explain_out_of_memory(spec.settings.batch_size):
        cross_set = open_cross_set(name, source, spec.settings, events)
        earlier = None if again else _earlier_test(run, spec, name, cross_set.table)
        if earlier is not None:
            return True, earlier
        return False, evaluate_all_rounds(run, spec, cross_set, choose_device(spec.settings), events, Writer())


def _earlier_test(run: RunFolder, spec: RunSpec, name: str, table: ImageTable) -> list[dict[str, object]] | None:
    """The measures of an earlier test of all rounds; None if there was none.

    Raises DataError if it was on other images or scores: only the user knows which are right.
    """
    rounds = [run.round(k, spec.settings.train_test_num) for k in range(1, spec.settings.train_test_num + 1)]
    measures: list[dict[str, object]] = []
    for files in rounds:
        if not files.predictions(name).exists():
            return None
        predictions = read_predictions(files.predictions(name))
        if predictions.images != table.images or not np.array_equal(predictions.scores, table.scores):
            raise DataError(
                f"{files.predictions(name)} is of other images or scores than {table.root} has now; --again tests "
                "again and replaces it"
            )
        try:
            measures.append(dict(read_document(files.tested(name), Measures) or {}))
        except RunError:  # a damaged tested-NAME.json; the predictions are what counts
            measures.append({})
    return measures


if __name__ == "__main__":
    sys.exit(main())
