"""The scheduler and `iqa-train status` with 10 and with 1,000 runs, and what a scheduler and a runner cost to have.

bench_scheduler.plan       a planning pass over N queued runs on 8 devices; reference: reading their N spec.json
                           files, the least that a scheduler which kept no queue would do
bench_scheduler.status     `iqa-train status --json` as a whole process over N runs, a tenth running, half done, the
                           rest waiting; reference: the way before, one `grep "Best test SRCC" logs/*.log` and
                           one `tail -c 200` of each log in a shell, in the same run
bench_scheduler.growth     our time for 1,000 runs over that for 10; reference: 100, the growth of the number
bench_scheduler.memory     resident set of a scheduler and of a runner at work; reference: the 40 MB that are allowed
bench_scheduler.idle       processor time of a scheduler that waits, in per cent of a core; reference: 0.5 allowed

fair        both sides over the same files in the page cache, by turns, the best of several rounds; whole processes
            are timed on the wall
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import psutil
from _common import figure, note, options, race

from iqa_train.devices.inventory import Device
from iqa_train.files import write_json
from iqa_train.runs.layout import QueueFiles, RunFolder
from iqa_train.scheduler.placement import DeviceSlots, QueueEntry, plan
from iqa_train.scheduler.queue import Item, Queue

_DEVICES = [DeviceSlots(Device("gpu", k, f"GPU-{k}", "bench", memory_total=80 << 30), others_gib=0.0) for k in range(8)]
_STAND_IN = """
import json, sys, time
from pathlib import Path
Path(sys.argv[2], "metrics.jsonl").write_text('{"event": "start"}\\n')
time.sleep(3600)
"""


def write_runs(root: Path, count: int) -> list[Item]:
    """A runs folder of `count` runs: half done, a tenth under way with the files that has, the rest queued."""
    items = []
    for n in range(count):
        run = RunFolder(root / "runs" / "bench" / f"E{n}" / f"s42-{n:010x}")
        run.path.mkdir(parents=True)
        spec = {
            "study": "bench", "experiment": f"E{n}", "slug": f"E{n}", "config_hash": f"{n:010x}",
            "settings": {"epochs": 10, "train_test_num": 1, "seed": 42, "padding": "x" * 1500},
        }  # fmt: skip
        write_plainly(run.spec, spec)
        write_log(root / "logs" / f"E{n}_bench.log", done=n % 10 < 5)
        if n % 10 < 6:
            write_attempt(run, n, done=n % 10 < 5)
        items.append(Item(f"bench/E{n}/{run.path.name}", f"E{n}", 42, batch=1 + n // 8, gpu=n % 8, minutes=20))
    write_json(QueueFiles(root / "runs").queue, {"schema_version": 1, **asdict(Queue(tuple(items), slots=8))})
    return items


def write_plainly(path: Path, value: object) -> None:
    """JSON without fsync, which a thousand runs need not wait for here."""
    path.write_text(json.dumps(value))


def write_log(path: Path, *, done: bool) -> None:
    """A log of some 20 kB."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("  epoch 1 training: 100/200 crops (50 %), 10 crops/s, 10 s left\n" * 300)
    if done:
        with path.open("a") as file:
            file.write("Best test SRCC 0.937800, PLCC 0.948500\n")


def write_attempt(run: RunFolder, n: int, *, done: bool) -> None:
    """An attempt of ten epochs with twenty progress events each."""
    attempt = run.next_attempt()
    attempt.folder.mkdir()
    device = {"kind": "cpu", "index": n % 8, "key": f"cpu-{n % 8}", "label": f"CPU slot {n % 8}"}
    identity = {"pid": 1, "created": 1}
    write_plainly(
        attempt.runner,
        {"host": os.uname().nodename, "boot_id": "bench", "log": f"logs/E{n}_bench.log", "device": device,
         "resumed": False, "runner": identity, "worker": identity},
    )  # fmt: skip
    lines = []
    for epoch in range(1, 11):
        progress = {"event": "progress", "stage": "training", "epoch": epoch, "done": 1, "total": 2, "rate": 1.0}
        lines += [json.dumps(progress)] * 20
        told = {"event": "epoch", "round": 1, "epoch": epoch, "best": True, "test_srcc": 0.9, "seconds": 1.0,
                "time": "2026-01-01T00:00:00+00:00"}  # fmt: skip
        lines.append(json.dumps(told))
    attempt.metrics.write_text("\n".join(lines) + "\n")
    if done:
        write_plainly(attempt.exit, {"state": "completed", "reason": "", "exit_code": 0, "signal": None})
        rounds = [{"epochs": 10, "seconds": 10.0}]
        write_plainly(run.result, {"srcc": 0.9, "plcc": 0.9, "stopped_early": False, "rounds": rounds})


def plan_seconds(root: Path, items: list[Item], rounds: int) -> tuple[float, float]:
    """Best seconds of a planning pass, and of reading every spec.json."""
    entries = [QueueEntry(item, "settled" if n % 10 < 5 else "waiting") for n, item in enumerate(items)]

    def ours() -> None:
        for _ in range(10):
            plan(entries, _DEVICES, policy="greedy")

    def reference() -> None:
        for _ in range(10):
            for item in items:
                json.loads((root / "runs" / item.run / "spec.json").read_bytes())

    first, second = race(rounds, ours, reference)
    return first / 10, second / 10


def status_seconds(root: Path, rounds: int) -> tuple[float, float]:
    """Best seconds of `iqa-train status --json`, and of grep and tail."""
    script = Path(sys.executable).with_name("iqa-train")
    shell = 'grep -h "Best test SRCC" logs/*.log | sort | tail -1; for f in logs/*.log; do tail -c 200 "$f"; done'
    environment = os.environ | {"IQA_TRAIN_LEASES": str(root / "leases")}

    def run(command: list[str]) -> None:
        subprocess.run(command, cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL)

    ours, reference = race(
        rounds, lambda: run([str(script), "status", "--json"]), lambda: run(["bash", "-c", shell]), wall=True
    )
    return ours, reference


def at_work(root: Path, seconds: float) -> tuple[float, float, float]:
    """MB of a scheduler and of a runner with a stand-in worker to wait for, and the scheduler's load in per cent."""
    runs, worker = root / "runs", root / "worker.py"
    worker.write_text(_STAND_IN)
    items = []
    for name in ("A", "B"):
        run = RunFolder(runs / "bench" / name / f"s42-{'0' * 10}")
        run.path.mkdir(parents=True)
        write_plainly(run.spec, {"study": "bench", "experiment": name, "slug": name, "settings": {}})
        items.append(Item(f"bench/{name}/{run.path.name}", name, 42, logs_dir=str(root / "logs")))
    write_json(QueueFiles(runs).queue, {"schema_version": 1, **asdict(Queue(tuple(items), slots=1))})
    environment = os.environ | {"IQA_TRAIN_WORKER": str(worker), "IQA_TRAIN_LEASES": str(root / "leases")}
    command = [sys.executable, "-m", "iqa_train.scheduler.scheduler", str(runs)]
    scheduler = psutil.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 30
        while not list(runs.glob("*/A/*/attempt-01/metrics.jsonl")) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(3)
        (runner,) = scheduler.children()
        before = sum(scheduler.cpu_times()[:2])
        time.sleep(seconds)
        load = 100 * (sum(scheduler.cpu_times()[:2]) - before) / seconds
        return scheduler.memory_info().rss / 1e6, runner.memory_info().rss / 1e6, load
    finally:
        for process in [*scheduler.children(recursive=True), scheduler]:
            process.kill()
        scheduler.wait()


def main() -> None:
    """Measure all of it in temporary folders."""
    chosen = options(__doc__ or "").parse_args()
    rounds = 2 if chosen.smoke else 7
    plans, scans = {}, {}
    for count in (10, 1000):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            items = write_runs(root, count)
            plans[count], read = plan_seconds(root, items, rounds)
            scans[count], shell = status_seconds(root, rounds)
        name = f"bench_scheduler.plan.{count}"
        figure(name, 1e3 * plans[count], 1e3 * read, read / plans[count], unit="ms", bar=None)
        ahead = shell / scans[count]
        asked, ok = ("over 1", ahead > 1) if count == 1000 else (None, True)
        figure(f"bench_scheduler.status.{count}", scans[count], shell, ahead, unit="s", bar=asked, ok=ok)
    for name, times in (("plan", plans), ("status", scans)):
        growth = times[1000] / times[10]
        figure(f"bench_scheduler.growth.{name}", growth, 100, growth / 100, unit="x", bar=None)
    with tempfile.TemporaryDirectory() as folder:
        scheduler, runner, load = at_work(Path(folder), 5 if chosen.smoke else 60)
    note("a scheduler with one run under way and one waiting; a runner that waits for its worker")
    figure("bench_scheduler.memory.scheduler", scheduler, 40, scheduler / 40, unit="MB", bar=None)
    figure("bench_scheduler.memory.runner", runner, 40, runner / 40, unit="MB", bar="40MB", ok=runner < 40)
    figure("bench_scheduler.idle", load, 0.5, load / 0.5, unit="%", bar="0.5%", ok=load < 0.5)


if __name__ == "__main__":
    main()
