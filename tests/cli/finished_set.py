"""A study of a small data set of one's own: finished runs, and a file of predictions from elsewhere; no training."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from iqa_train.datasets.catalogue import read_table
from iqa_train.datasets.splits import fingerprint, split_table
from iqa_train.files import write_json
from iqa_train.runs.layout import RunFolder, run_folder
from iqa_train.runs.predictions import Predictions, write_predictions
from iqa_train.runs.project import data_record
from iqa_train.runs.specfile import write_spec
from iqa_train.stats.metrics import measure
from iqa_train.study.load import load_study
from iqa_train.study.resolve import resolve_all
from iqa_train.study.spec import RunSpec

IMAGES = 160
STUDY = """\
[study]
name = "own"
baseline = "Baseline"
seeds = [1, 2, 3]

[defaults]
dataset = "mine"
train_test_num = 1
ranking_loss_alpha = 0
epochs = 4

[datasets.mine]
path = "data/mine"
csv = "scores.csv"
image_dir = "pics"
score_range = [1, 5]
split_column = "split"

[[experiments]]
id = "Baseline"
[[experiments]]
id = "A1"
set = { attention_fusion = false }
[[experiments]]
id = "Q-Align"
external = "KonIQ-10k & SPAQ"
"""
NOISE = {"Baseline": 0.4, "A1": 0.9}
_RANDOM = np.random.default_rng(0)
SCORES = np.round(_RANDOM.uniform(1, 5, IMAGES), 3)
HARD = _RANDOM.normal(size=IMAGES)
ELSEWHERE = 20 * (SCORES + 0.3 * HARD)
TEST = [k for k in range(IMAGES) if k % 4 == 0]


def name_of(k: int) -> str:
    return f"img_{k:04}.jpg"


def make_set(folder: Path, study: str = STUDY, *, by_seed: bool = False) -> None:
    """The study file and the table of scores, in the working folder; there are no pictures, and none are needed."""
    (folder / "data/mine/pics").mkdir(parents=True)
    split = ["test" if k % 4 == 0 else "val" if k % 4 == 1 else "train" for k in range(IMAGES)]
    rows = "".join(f"{name_of(k)},{SCORES[k]},{split[k]}\n" for k in range(IMAGES))
    (folder / "data/mine/scores.csv").write_text("image,score,split\n" + rows)
    (folder / "experiments.toml").write_text(study.replace('split_column = "split"\n', "") if by_seed else study)


def finish_runs(folder: Path, noise: Mapping[str, float] = NOISE) -> None:
    """Finished runs of the experiments in `noise`, with every seed of the study."""
    for spec in resolve_all(load_study(folder / "experiments.toml")):
        if spec.experiment in noise:
            own = np.random.default_rng([spec.seed, len(spec.experiment)]).normal(size=IMAGES)
            finish(folder, spec, SCORES + noise[spec.experiment] * (0.9 * HARD + 0.4 * own))


def finish(folder: Path, spec: RunSpec, predicted: np.ndarray) -> RunFolder:
    """A finished run of `spec` that predicts these values for all images of the set."""
    table = read_table("mine", spec.source)
    test = split_table(table, spec.seed).test
    run = run_folder(folder / "runs", spec)
    run.next_attempt().folder.mkdir(parents=True)
    write_spec(run, spec)
    digits = fingerprint(table, split_table(table, spec.seed))
    write_json(run.provenance, {"data": {**data_record(table.root, folder / "runs"), "fingerprint": digits}})
    write_json(run.attempts()[-1].exit, {"state": "completed", "reason": "", "exit_code": 0, "signal": None})
    predictions = Predictions(tuple(table.images[k] for k in test), table.scores[test], predicted[test])
    write_predictions(run.round(1, 1).predictions("test"), predictions)
    test_measures = measure(predictions.predictions, predictions.scores)
    write_json(run.result, {**test_measures, "rounds": [{"round": 1, "seed": spec.seed, "test": test_measures}]})
    return run


def csv_of(path: Path, values: np.ndarray, rows: list[int] | None = None, head: str = "image,prediction") -> str:
    """A CSV of predictions, of all images or those in `rows`; its name."""
    chosen = range(IMAGES) if rows is None else rows
    path.write_text(head + "\n" + "".join(f"{name_of(k)},{float(values[k])!r}\n" for k in chosen))
    return path.name
