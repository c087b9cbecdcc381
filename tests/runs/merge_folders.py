"""Two machines' runs folders, written file by file: runs finished or not, each attempt with a log of its own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iqa_train.files import write_json
from iqa_train.runs.layout import Attempt, RunFolder, run_folder
from iqa_train.runs.merge.merge import MergeOptions, MergeReport, merge_runs
from iqa_train.runs.merge.source import find_source
from iqa_train.runs.specfile import write_spec
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.spec import RunSpec

HERE, THERE, OTHER = "server-a", "server-b", "server-c"


@dataclass(frozen=True)
class Machine:
    """A project folder as one machine leaves it; `host` is the name in its documents."""

    folder: Path
    host: str

    @property
    def runs_dir(self) -> Path:
        return self.folder / "runs"

    def spec(self, experiment: str = "A1", seed: int = 42, **more: Any) -> RunSpec:
        settings = TrainingConfig(seed=seed, epochs=3, train_test_num=1, ranking_loss_alpha=0, dataset="koniq-10k")
        return RunSpec(
            study="small", experiment=experiment, slug=experiment, settings=settings, baseline="Baseline", **more
        )

    def run(self, experiment: str = "A1", seed: int = 42, repeat: int = 1) -> RunFolder:
        return run_folder(self.runs_dir, self.spec(experiment, seed), repeat)

    def write(
        self, experiment: str = "A1", seed: int = 42, *, value: float | None = None, epochs: int = 3, tries: int = 1,
        data: str = "1234", minute: int = 0, repeat: int = 1, **more: Any,
    ) -> RunFolder:  # fmt: skip
        """A run that finished with predictions made of `value`, or with None ended after so many `epochs`."""
        run = self.run(experiment, seed, repeat)
        run.path.mkdir(parents=True)
        write_spec(run, self.spec(experiment, seed, **more))
        for number in range(1, tries + 1):
            finished = value is not None and number == tries
            self.attempt(run, number, epochs if number == tries else 0, minute, finished=finished)
        write_json(run.provenance, {"host": {"host": self.host}, "data": {"fingerprint": data, "project": ".."}})
        if tries and (value is not None or epochs):
            checkpoint = run.path / "checkpoints" / "last.json"
            checkpoint.parent.mkdir()
            checkpoint.write_text(f"{self.host} {epochs} {value}")
        if value is not None:
            finish(run, value, epochs)
        return run

    def attempt(
        self, run: RunFolder, number: int, epochs: int, minute: int = 0, *, finished: bool, ended: bool = True
    ) -> Attempt:
        """Its files and its log."""
        attempt = Attempt(run.path / f"attempt-{number:02d}")
        attempt.folder.mkdir(parents=True)
        log = self.folder / "logs" / f"{run.experiment}_small_20261130_10{minute:02}{number:02}.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text(f"{self.host} {run.path.name} {number}\n")
        write_json(
            attempt.runner,
            {
                "host": self.host, "boot_id": f"boot of {self.host}", "pid_namespace": 1, "log": f"logs/{log.name}",
                "runner": {"pid": 100 + number, "created": 5000 + minute}, "cwd": "..", "environment": {},
                "started": f"2026-11-30T10:{minute:02}:{number:02}+00:00", "resumed": number > 1,
            },
        )  # fmt: skip
        done = [{"event": "epoch", "round": 1, "epoch": epoch + 1, "best": True} for epoch in range(epochs)]
        end = [{"event": "end", "code": 0 if finished else 6, "message": ""}] if ended else []
        attempt.metrics.write_text("".join(json.dumps(event) + "\n" for event in [*done, *end]))
        if ended:
            state, code = ("completed", 0) if finished else ("killed", 6)
            when = f"2026-11-30T11:{minute:02}:{number:02}+00:00"
            write_json(attempt.exit, {"state": state, "reason": "", "exit_code": code, "signal": None, "ended": when})
        return attempt

    def merge(self, *others: "Machine", **options: Any) -> MergeReport:
        """What `iqa-train runs merge` does, in this project."""
        sources = [find_source(other.folder, self.runs_dir) for other in others]
        return merge_runs(sources, self.runs_dir, self.folder / "logs", MergeOptions(**options))


def finish(run: RunFolder, value: float, epochs: int = 3) -> None:
    """Predictions and result."""
    rows = "".join(f"{k}.png,{k},{value + k!r}\n" for k in range(5))
    run.round(1, 1).predictions("test").write_text(f"image,score,prediction\n{rows}")
    round_ = {"round": 1, "epochs": epochs, "test": {"srcc": value}}
    write_json(run.result, {"srcc": value, "images": {"test": 5}, "rounds": [round_]})


def machine(folder: Path, host: str) -> Machine:
    (folder / "runs").mkdir(parents=True)
    return Machine(folder, host)


def outcomes(report: MergeReport) -> list[str]:
    return [run.decision.what for run in report.runs]


def tree(folder: Path, without: Sequence[str] = ("lock", "merge.lock")) -> dict[str, bytes]:
    """Every file in a folder with its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in without
    }


@dataclass(frozen=True)
class Wish:
    """A run as a test wants it on one machine: `value` where it is finished, else so many `epochs`."""

    value: float | None = None
    epochs: int = 0
    tries: int = 1
    minute: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
