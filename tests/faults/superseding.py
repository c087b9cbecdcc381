"""Attempts that may replace a living one: how they are started, and what is compared afterwards."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from iqa_train.runs.counted_result import epochs_of
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.metrics import epoch_events
from iqa_train.runs.snapshot import read_snapshot
from tests.faults.fault_project import FaultyProject

_ATTEMPT = """
import sys
from pathlib import Path
from iqa_train.devices.inventory import Device
from iqa_train.devices.leases import Holder, acquire
from iqa_train.runner.run_lock import AlreadyRunningError
from iqa_train.runner.attempt_request import AttemptRequest
from iqa_train.runner.runner import run_attempt
from iqa_train.runs.layout import RunFolder

run, number, slot = RunFolder(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[2]
device = Device("cpu", int(slot), f"cpu-{slot}", "CPU")
lease = acquire(device.key, Holder(run.experiment, run.study, "", str(run.path)))
before = number - 1 if "superseding" in sys.argv else None
again = "again" in sys.argv
request = AttemptRequest(
    run, device, lease, Path("logs"), [], attempt=number, resume=not again, again=again, supersedes=before,
    still_wanted=lambda: "overtaken" not in sys.argv or run.next_attempt().folder.mkdir() is None,
)
try:
    print(run_attempt(request).reason)
except AlreadyRunningError as error:
    sys.exit(str(error))
"""


def start_attempt(project: FaultyProject, experiment: str, number: int, *words: str) -> "subprocess.Popen[str]":
    """Attempt `number` on a CPU slot of its own; `superseding`: it may replace the one before; `again`: start over;
    `overtaken`: another one makes the attempt after this one has found that it is due."""
    return subprocess.Popen(
        [sys.executable, "-c", _ATTEMPT, str(project.run_folder(experiment)), str(number), *words],
        cwd=project.folder, env=project.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def contents(run: Path, superseded: str = "attempt-01") -> dict[str, bytes]:
    """Every file of a run but those of the superseded attempt, and what its program had open."""
    kept = [p for p in run.rglob("*") if p.is_file() and not {superseded, "earlier-output"} & set(p.parts)]
    return {str(p.relative_to(run)): p.read_bytes() for p in kept}


def result_of(run: Path) -> dict[str, Any]:
    """result.json without what depends on the clock."""
    result: dict[str, Any] = json.loads((run / "result.json").read_text())
    for one in result["rounds"]:
        del one["seconds"]
    return result


def assert_same_run(run: Path, calm: Path) -> None:
    """The same result and predictions, and each epoch once, with the same figures, for every reader."""
    assert result_of(run) == result_of(calm)
    predictions = sorted(path.name for path in calm.glob("predictions-*.csv"))
    assert sorted(path.name for path in run.glob("predictions-*.csv")) == predictions
    for name in predictions:
        assert (run / name).read_bytes() == (calm / name).read_bytes(), name
    assert _figures(run) == _figures(calm)
    counted = [event["epoch"] for event in epochs_of(read_snapshot(RunFolder(run), whole=True)) or ()]
    assert counted == [figures["epoch"] for figures in _figures(run)]


def _figures(run: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in e.items() if k not in {"time", "seconds"}} for e in epoch_events(RunFolder(run))]
