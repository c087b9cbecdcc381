"""Studies as runs leave them on disk, with predictions of known quality, made without training."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iqa_train.results.run_record import RunRecord, record_study
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.predictions import Predictions, write_predictions
from iqa_train.stats.metrics import plcc, srcc
from iqa_train.stats.opinions import Opinions
from iqa_train.study.revision import FIRST, REVISION
from iqa_train.study.spec import RunSpec

SETTINGS: dict[str, Any] = {
    "dataset": "koniq-10k", "model_size": "base", "multi_scale": True, "attention_fusion": True, "lr": 5e-7,
    "epochs": 4, "train_test_num": 1, "loss_type": "l1", "ranking_loss_alpha": 0.0, "drop_path_rate": 0.3,
}  # fmt: skip

_TOLD = {"srcc": srcc, "plcc": plcc}


def predictions(seed: int, noise: float, images: int = 200, *, shared: float = 0.9) -> Predictions:
    """Predictions that are scores plus noise, most of which (`shared`) is the images' own and the same for all.

    Each score is the mean of 20 opinions, with an SD of 12 and so 95 % intervals of 5.6 to either side.
    """
    common = np.random.default_rng(0)
    scores = np.round(common.normal(60, 15, images), 2)
    hard = common.normal(size=images)
    own = np.random.default_rng(seed).normal(size=images)
    mixed = shared * hard + (1 - shared**2) ** 0.5 * own
    names = tuple(f"{k:04}.jpg" for k in range(images))
    opinions = Opinions(np.full(images, 12.0), np.full(images, 20.0))
    return Predictions(names, scores, scores + noise * mixed, opinions=opinions)


@dataclass
class MadeStudy:
    """A study under `runs_dir`, to which runs are added."""

    runs_dir: Path
    name: str = "lr5e7"
    baseline: str = "Baseline"

    def run(
        self,
        experiment: str,
        tables: Predictions | Sequence[Predictions] | None = None,
        *,
        seed: int = 42,
        state: str = "completed",
        reason: str = "",
        changes: Mapping[str, Any] | None = None,
        undeclared: Mapping[str, Any] | None = None,
        expect: Mapping[str, Any] | None = None,
        epochs: Sequence[float | None] = (),
        gain: float = 0.0,
        revision: int | None = REVISION,
        repeat: int = 1,
        provenance: Mapping[str, Any] | None = None,
    ) -> RunFolder:
        """Write a run: several tables are rounds; `state` "queued" has no attempt, "lost" one without an end."""
        rounds = [tables] if isinstance(tables, Predictions) else list(tables or [])
        number = max(1, len(rounds))
        settings = SETTINGS | dict(changes or {}) | dict(undeclared or {}) | {"seed": seed, "train_test_num": number}
        spec: dict[str, Any] = {
            "study": self.name, "experiment": experiment, "slug": experiment, "title": f"Title of {experiment}",
            **({} if revision is None else {"revision": revision}),
            "baseline": self.baseline, "settings": settings, "source": {}, "expect": dict(expect or {}),
            "differs": {k: [SETTINGS.get(k), v] for k, v in (changes or {}).items()},
        }  # fmt: skip
        digest = RunSpec.model_validate({"revision": FIRST, **spec}).config_hash
        run = RunFolder(self.runs_dir / self.name / experiment / f"s{seed}-{digest}")
        run = RunFolder(Path(f"{run.path}-r{repeat}")) if repeat > 1 else run
        run.path.mkdir(parents=True)
        if provenance is not None:
            run.provenance.write_text(json.dumps(provenance))
        spec["config_hash"] = digest
        run.spec.write_text(json.dumps(spec))
        if state == "queued":
            return run
        attempt = run.next_attempt()
        attempt.folder.mkdir()
        lines = [
            {
                "event": "epoch",
                "round": 1,
                "epoch": k + 1,
                "val_srcc": v,
                "test_srcc": v,
                "test_plcc": v,
                "best": v is None or all(other is None or v > other for other in epochs[:k]),
            }
            for k, v in enumerate(epochs)
        ]
        attempt.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
        if state == "lost":
            return run
        code = 0 if state in {"completed", "stopped-early"} else 1
        ended = {"state": state, "reason": reason, "exit_code": code, "signal": None}
        attempt.exit.write_text(json.dumps(ended))
        if code == 0:
            results = []
            for k, table in enumerate(rounds):
                files = run.round(k + 1, number)
                files.folder.mkdir(exist_ok=True)
                write_predictions(files.predictions("test"), table)
                test = {name: measure(table.predictions, table.scores) for name, measure in _TOLD.items()}
                test = {name: None if np.isnan(value) else value for name, value in test.items()}
                results.append(
                    {"seed": seed + k, "test": test, "test_chosen": {"epoch": 1, "srcc": (test["srcc"] or 0.0) + gain}}
                )
            first = results[0]["test"] if results else {"srcc": 0.9, "plcc": 0.91}
            run.result.write_text(json.dumps(first | {"rounds": results}))
        return run

    def recorded(self) -> list[RunRecord]:
        return record_study(self.runs_dir, self.name)


def with_values(table: Predictions, **changes: Any) -> Predictions:
    """A copy with other images, scores or predictions."""
    made = copy.copy(table.__dict__) | changes
    return Predictions(**made)
