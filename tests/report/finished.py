"""Makes finished runs quickly: the files that a trainer leaves, without training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from iqa_train.files import append_line, write_json
from iqa_train.runs.layout import RunFolder, run_folder
from iqa_train.runs.predictions import Predictions, write_predictions
from iqa_train.runs.specfile import write_spec
from iqa_train.stats.metrics import plcc, srcc
from iqa_train.study.load import load_study
from iqa_train.study.resolve import resolve_all
from iqa_train.study.spec import RunSpec

STUDY = """\
[study]
name = "tiny"
title = "Three experiments & <nothing> else"
baseline = "Baseline"
seeds = [1]

[defaults]
dataset = "koniq-10k"
lr = 1e-6
attention_fusion = true
train_test_num = 1
ranking_loss_alpha = 0
epochs = 4

[[experiments]]
id = "Baseline"
title = "Full model"
[[experiments]]
id = "A1"
title = "Without attention"
set = { attention_fusion = false }
expect = { delta = [-0.1, -0.01] }
[[experiments]]
id = "Hot"
set = { lr = 1e-5 }
[[experiments]]
id = "Cold"
set = { lr = 1e-7 }

[[references]]
id = "paper"
srcc = 0.87
n = 2010
source = "a paper, 2021"

[[references]]
id = "paper-spaq"
experiment = "Baseline"
dataset = "spaq"
srcc = 0.8
settings = { dataset = "koniq-10k" }
source = "a paper, 2021"

[profiles.demo]
study = { name = "tiny-demo" }
dataset = "demo"
"""
NOISE = {"Baseline": 8.0, "A1": 14.0, "Hot": 9.0, "Cold": 8.5}
IMAGES = 120


def write_study(folder: Path, text: str = STUDY) -> Path:
    path = folder / "experiments.toml"
    path.write_text(text, encoding="utf-8")
    return path


def specs(folder: Path, **options: Any) -> dict[str, RunSpec]:
    return {s.experiment: s for s in resolve_all(load_study(folder / "experiments.toml"), **options)}


def finish(
    folder: Path, spec: RunSpec, noise: float = 8.0, *, state: str = "completed", predict: bool = True
) -> RunFolder:
    """A run that ended in `state`, after two epochs; its predictions miss the scores by `noise`."""
    run = run_folder(folder / "runs", spec)
    attempt = run.next_attempt()
    attempt.folder.mkdir(parents=True)
    write_spec(run, spec)
    code = 0 if state == "completed" else 4
    ended = {"state": state, "reason": "" if not code else "out of memory", "exit_code": code, "signal": None}
    write_json(attempt.exit, ended | {"seconds": 1.0})
    for epoch in (1, 2):
        append_line(attempt.metrics, epoch_event(epoch, 0.8 + 0.01 * epoch))
    if code:
        return run
    table = predicted(spec.seed, noise)
    write_json(run.result, result(spec, table))
    write_json(run.provenance, PROVENANCE)
    if predict:
        write_predictions(run.path / "predictions-test.csv", table)
    return run


def predicted(seed: int, noise: float) -> Predictions:
    scores = np.random.default_rng(0).uniform(0, 100, IMAGES)
    guessed = scores + noise * np.random.default_rng([seed, int(10 * noise)]).normal(size=IMAGES)
    return Predictions(tuple(f"{k:03}.jpg" for k in range(IMAGES)), scores, guessed)


def epoch_event(epoch: int, srcc: float) -> Mapping[str, Any]:
    return {
        "event": "epoch", "round": 1, "epoch": epoch, "val_srcc": srcc, "test_srcc": srcc + 0.01, "test_plcc": srcc,
        "best": True, "seconds": 1.0, "time": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip


def result(spec: RunSpec, table: Predictions) -> dict[str, Any]:
    measures = {name: measure(table.predictions, table.scores) for name, measure in (("srcc", srcc), ("plcc", plcc))}
    chosen = {"epoch": 2, "srcc": measures["srcc"] + 0.01}
    one = {
        "round": 1, "seed": spec.seed, "epochs": 2, "test": measures, "test_chosen": chosen,
        "seconds": 2.0, "parameters": 1_000_000 + 100_000 * len(spec.experiment), "cross": {},
    }  # fmt: skip
    return {"srcc": measures["srcc"], "rounds": [one]}


PROVENANCE = {
    "code": {"version": "0.1.0", "commit": "0123456789abcdef0123456789abcdef01234567", "dirty": True},
    "packages": {"torch": "2.13.0"}, "host": {"host": "somewhere", "python": "3.11.7"},
    "device": {"name": "CPU, 1 threads"}, "data": {"fingerprint": "25bfdfa9ba529b34", "root": "/elsewhere/data"},
}  # fmt: skip


def whole_study(folder: Path) -> dict[str, RunFolder]:
    write_study(folder)
    return {name: finish(folder, spec, NOISE[name]) for name, spec in specs(folder).items()}
