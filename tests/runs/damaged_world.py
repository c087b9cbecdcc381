"""A project with finished, running and queued runs, made in a moment, and all that is ever read of it."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from iqa_train.devices.leases import Holder, holders
from iqa_train.doctor.queue import check_queue
from iqa_train.doctor.runs import check_runs
from iqa_train.errors import UserError
from iqa_train.files import write_json
from iqa_train.report.collect import differing_settings, parameters_of, predictions_of, results_of
from iqa_train.report.run_page.page import StudyContext, about_run
from iqa_train.report.run_page.run_comparison import two_runs
from iqa_train.results.cross_dataset import datasets_tested, on_dataset
from iqa_train.results.epochs import curves
from iqa_train.results.run_record import record_study
from iqa_train.results.selection import chosen_runs
from iqa_train.results.study_results import build_study_results
from iqa_train.results.summary import summarise
from iqa_train.runs.design_file import SealedDesign, seal
from iqa_train.runs.identity import this_process
from iqa_train.runs.layout import QueueFiles, run_folders
from iqa_train.runs.predictions import write_predictions
from iqa_train.runs.snapshot import read_snapshot
from iqa_train.runs.state import orphaned_attempt
from iqa_train.scheduler.item_status import item_status
from iqa_train.scheduler.notify import Notification
from iqa_train.scheduler.overview import read_overview
from iqa_train.scheduler.queue import Item, Queue, Rounds, read_queue
from iqa_train.scheduler.scheduler_lock import scheduler_process, start_failures
from iqa_train.study.load import load_study
from iqa_train.study.model import Study
from iqa_train.study.resolve import resolve_all
from tests.report.finished import finish, predicted, specs, write_study

STUDY = "tiny"


def make(folder: Path) -> None:
    """Baseline and A1 are finished and were tested on spaq, Hot runs, Cold waits."""
    write_study(folder)
    items = []
    for name, spec in specs(folder).items():
        run = finish(folder, spec, 8.0 if name == "Baseline" else 14.0)
        attempt = run.attempts()[0]
        write_json(attempt.runner, _runner())
        if name in {"Hot", "Cold"}:
            for path in (attempt.exit, run.result, run.provenance, run.path / "predictions-test.csv"):
                path.unlink()
        else:
            write_predictions(run.path / "predictions-spaq.csv", predicted(3, 20.0))
            tested = {"dataset": "spaq", "seed": 1, "epoch": 2, "srcc": 0.5, "krcc": 0.4, "plcc": 0.5, "images": 120}
            write_json(run.path / "tested-spaq.json", tested)
            write_json(run.result, json.loads(run.result.read_text()) | {"images": {"train": 1, "val": 1, "test": 120}})
        if name == "Cold":
            for path in attempt.folder.iterdir():
                path.unlink()
            attempt.folder.rmdir()
        if name == "A1":
            write_json(run.notes, {"schema_version": 1, "note": "loss spikes", "tags": ["final", "v2"]})
        run.lock.touch()
        items.append(Item(str(run.path.relative_to(folder / "runs")), name, spec.seed, batch=1, minutes=2.0, gpu=0,
                          command=("iqa-train",), cwd=str(folder)))  # fmt: skip
    files = QueueFiles(folder / "runs")
    rounds = {STUDY: Rounds(tuple(items[:2]), waits="the design waits for A1 (seed 1)")}
    queue = Queue(tuple(items), notify={STUDY: {"command": "true"}}, rounds=rounds, looks={STUDY: "look at 3 seeds"})
    write_json(files.queue, {"schema_version": 1, **asdict(queue)})
    others = ("A1", "Hot", "Cold")
    design = SealedDesign("srcc", {"srcc": 0.01}, 2, 4, seeds=(1, 2, 3, 4), baseline="Baseline", experiments=others)
    seal(folder / "runs", STUDY, design)
    mine = this_process()
    who = {"host": mine.host, "boot_id": mine.boot_id, "scheduler": {"pid": mine.pid, "created": mine.created}}
    write_json(files.scheduler, {"schema_version": 1, **who, "troubles": {items[3].run: "it cannot begin"}})
    (folder / "leases").mkdir()
    (folder / "leases" / "cpu-0.lock").write_text(json.dumps(asdict(Holder("Hot", STUDY, "ada", items[2].run))))


def _runner() -> dict[str, Any]:
    mine = this_process()
    process = {"pid": mine.pid, "created": mine.created}
    return {
        "schema_version": 1, "command": ["iqa-train", "--all"], "log": "logs/a.log", "cwd": "/home/ada",
        "started": "2026-01-01T00:00:00+00:00", "code": "7ef8bed8bf7a", "queued_code": "7ef8bed8bf7a", "resumed": False,
        "host": mine.host, "boot_id": mine.boot_id, "cuda_visible_devices": "", "runner": process, "worker": process,
        "device": {"kind": "cpu", "index": 0, "key": "cpu-0", "name": "CPU", "threads": 1, "label": "CPU slot 0"},
    }  # fmt: skip


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hot's lock, the lease of its device and the scheduler's lock are held, as while it runs."""
    (hot,) = (folder / "runs" / STUDY / "Hot").iterdir()
    paths = [hot / "lock", folder / "leases" / "cpu-0.lock", folder / "runs" / "scheduler.lock"]
    descriptors = [os.open(path, os.O_RDWR | os.O_CREAT, 0o644) for path in paths]
    try:
        for descriptor in descriptors:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def read_all(folder: Path, page_of: str = "") -> dict[str, list[object]]:
    """What everything that reads state files has to say of each experiment. Each may refuse by a UserError."""
    runs_dir = folder / "runs"
    said: dict[str, list[object]] = {"refused": []}
    study = load_study(folder / "experiments.toml")
    for read in (_queue, _status, _results, _of_folder, _doctor):
        try:
            for experiment, words in read(runs_dir, study):
                said.setdefault(experiment, []).append(words)
        except UserError as error:
            assert "\n" not in str(error), error
            said["refused"].append(f"{read.__name__}: {error}")
    if page_of:
        _page(runs_dir, study, page_of)
    return said


def _queue(runs_dir: Path, _: object) -> Iterator[tuple[str, object]]:
    """What scheduler and runner look at."""
    assert scheduler_process(runs_dir) is not None
    start_failures(runs_dir)
    for item in read_queue(runs_dir).items:
        status = item_status(item, runs_dir)
        notification = Notification.of_run(item, status, runs_dir)
        assert json.dumps(notification.as_json(), allow_nan=False)
        yield item.experiment, (status, notification.message)


def _status(runs_dir: Path, _: object) -> Iterator[tuple[str, object]]:
    overview = read_overview(runs_dir, queue=_queue_or_none(runs_dir))
    assert json.dumps(overview.as_json(), allow_nan=False).encode()
    for row in overview.rows:
        orphaned_attempt(read_snapshot(row.run))
        yield row.experiment, row.as_json() | {"eta_s": None, "starts_s": None}


def _queue_or_none(runs_dir: Path) -> Queue | None:
    try:
        return read_queue(runs_dir)
    except UserError:
        return Queue()


def _results(runs_dir: Path, study: Study) -> Iterator[tuple[str, object]]:
    """By the study file."""
    chosen = chosen_runs(runs_dir, None, study.path, None)
    found = results_of(chosen, "srcc", resamples=0)
    for row in found.rows:
        yield row.experiment, row if not row.reported else None
    datasets_tested(chosen.runs)
    predictions_of(chosen.runs)
    parameters_of(chosen.runs)
    differing_settings(chosen.runs)
    summarise(zip(resolve_all(study), (run.folder for run in chosen.runs), strict=True), "Baseline")
    for curve in curves(chosen.runs):
        yield curve.experiment, curve
    for run in chosen.runs:
        yield run.experiment, on_dataset(run, "spaq").notes


def _of_folder(runs_dir: Path, _: object) -> Iterator[tuple[str, object]]:
    """Without a study file: settings are those of spec.json."""
    runs = record_study(runs_dir, STUDY)
    for row in build_study_results(runs, "srcc", resamples=0).rows:
        yield row.experiment, row
    differing_settings(runs)


def _page(runs_dir: Path, study: Study, experiment: str) -> None:
    """Never refuses: what is amiss stands on it."""
    (run,) = (run for run in run_folders(runs_dir) if run.path.parent.name == experiment)
    (base,) = (run for run in run_folders(runs_dir) if run.path.parent.name == "Baseline")
    about_run(run, StudyContext(study, baseline="Baseline"))
    two_runs((run, base), (experiment, "Baseline"), study, None)


def _doctor(runs_dir: Path, _: object) -> Iterator[tuple[str, object]]:
    assert [*check_runs(runs_dir), *check_queue(runs_dir)] and holders("cpu-0")
    yield from ()
