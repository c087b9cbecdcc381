"""A worker that keeps the contract of `iqa_train.training.worker` and starts in a blink: for tests of all around it.

`worker.py RUN_FOLDER ATTEMPT_FOLDER [--resume]`. Its figures follow from the run's settings and the epoch alone, so
that a run which was disturbed can be compared with one that was not. What it is to do is in the environment:

    FAKE_EPOCH_SECONDS   how long an epoch takes [0.05]
    FAKE_WITNESS         a folder in which it holds a lock for its run and one for each lease that it was handed; if
                         somebody else holds one of them, two work on one thing, and a line goes into `overlaps`
    FAKE_WRITES          a file, to which it appends when it has written each checkpoint
    FAKE_GATE            a file, without which `hold` waits
    FAKE_NOISE           per experiment, or * for all, `A1=40,*=10`: predictions of 120 images are their scores (0 to
                         119) and noise of that SD beside noise of 10 that all runs share [20 images, no relation]
    FAKE_BEHAVIOUR       per experiment, or * for all, `A1=deaf+binary,*=die:9@1`. With @N, at its attempt N alone:
        hold             waits in epoch 2 until FAKE_GATE is there
        deaf             ignores TERM and INT
        grandchild       starts a process in a session of its own that ignores TERM and keeps every descriptor
        slow-start:S     takes S seconds [1] before it answers signals or says anything
        epoch:S          takes S seconds for an epoch
        flood            100 MB/s into the log, until stopped
        binary           all bytes there are, and what a terminal would obey, into the log
        log:K metrics:K checkpoint:K   that many KiB at each epoch
        exit:N die:N oom at epoch 2: ends with code N, by signal N, or as one whose GPU has no memory left
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iqa_train.files import append_line, read_json
from iqa_train.runs.fence import FencedWriter, Superseded
from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.metrics import epoch_events

OOM, DISK_FULL, STOPPED, SUPERSEDED = 4, 5, 6, 8


class Ended(Exception):  # noqa: N818 (an event, not an error)
    """The worker is to end with this code, for this reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def _wishes(experiment: str, attempt: int) -> dict[str, str]:
    """What the environment asks of this experiment at this attempt: kinds of behaviour with their values."""
    pairs = [pair.split("=") for pair in os.environ.get("FAKE_BEHAVIOUR", "").split(",") if pair]
    words = [word for name, all_ in pairs if name in {experiment, "*"} for word in all_.split("+")]
    found = {}
    for word in words:
        what, _, only = word.partition("@")
        if not only or int(only) == attempt:
            kind, _, value = what.partition(":")
            found[kind] = value
    return found


def _bear_witness(run: Path) -> list[int]:
    """Hold a lock of our own for the run and each lease inherited; tell if any is held. The kernel keeps the record."""
    folder = Path(os.environ["FAKE_WITNESS"])
    folder.mkdir(exist_ok=True)
    leases = os.environ.get("IQA_TRAIN_LEASES", "?")
    open_files = [p.resolve() for p in Path("/proc/self/fd").iterdir() if p.exists()]
    held = [str(p.relative_to(leases)) for p in open_files if p.is_relative_to(leases)]
    append_line(folder / "lives", {"run": str(run), "leases": held, "pid": os.getpid(), "at": time.monotonic()})
    kept = []
    for name in [f"run {run}", *(f"lease {lease}" for lease in held)]:
        descriptor = os.open(folder / name.replace("/", " "), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            append_line(folder / "overlaps", {"of": name, "pid": os.getpid(), "at": time.monotonic()})
        kept.append(descriptor)
    return kept


@dataclass
class Worker:
    """One attempt at one run."""

    run: Path
    attempt: Path
    resume: bool
    spec: dict[str, Any]
    seconds: float
    wishes: dict[str, str]
    stopping: bool = False
    history: list[float] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        return int(self.spec["settings"]["epochs"])

    @property
    def writer(self) -> FencedWriter:
        return FencedWriter(RunFolder(self.run), Attempt(self.attempt))

    def event(self, event: str, **fields: object) -> None:
        if event != "end":
            self.writer.check()
        now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        append_line(self.attempt / "metrics.jsonl", {"event": event, "time": now, **fields})

    def figure(self, epoch: int) -> float:
        text = json.dumps([self.spec["experiment"], self.spec["config_hash"], self.spec["settings"]["seed"], epoch])
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32

    def obey_signals(self) -> None:
        def stop(*_: object) -> None:
            self.stopping = True

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN if "deaf" in self.wishes else stop)

    def train(self) -> None:
        seed = self.spec["settings"]["seed"]
        self.event("start", experiment=self.spec["experiment"], seed=seed, epochs=self.epochs, device="fake")
        print(f"{self.spec['experiment']}: a stand-in", flush=True)
        checkpoint = self.run / "checkpoints" / "last.json"
        checkpoint.parent.mkdir(exist_ok=True)
        done = (read_json(checkpoint) or {"epoch": 0})["epoch"] if self.resume else 0
        self.history = [self.figure(epoch) for epoch in range(1, done + 1)]
        told = self.told() if self.resume else set()
        for epoch in range(1, done + 1):
            if epoch not in told:
                self.tell(epoch)
        for epoch in range(done + 1, self.epochs + 1):
            self.work(epoch)
            self.misbehave(epoch)
            self.event("progress", stage="training", epoch=epoch, done=10, total=10, unit="crops", rate=100.0)
            self.history.append(self.figure(epoch))
            padding = "x" * (1024 * int(self.wishes.get("checkpoint", 0)))
            began = time.monotonic()
            self.writer.write_json(checkpoint, {"epoch": epoch, "padding": padding})  # durable first, told after
            self.bear_witness(epoch, began)
            self.tell(epoch)

    def told(self) -> set[int]:
        return {event["epoch"] for event in epoch_events(RunFolder(self.run))}

    def bear_witness(self, epoch: int, began: float) -> None:
        """Note when the checkpoint was written, the same clock for all of this host."""
        if "FAKE_WRITES" in os.environ:
            attempt = Attempt(self.attempt).number
            note = {"run": str(self.run), "attempt": attempt, "epoch": epoch, "began": began, "ended": time.monotonic()}
            append_line(Path(os.environ["FAKE_WRITES"]), note)

    def work(self, epoch: int) -> None:
        ends = time.monotonic() + self.seconds
        held = "hold" in self.wishes and epoch == 2
        while time.monotonic() < ends or (held and not Path(os.environ["FAKE_GATE"]).exists()):
            if self.stopping:
                raise Ended(STOPPED, "stopped on request; --resume continues")
            time.sleep(min(0.01, self.seconds))

    def tell(self, epoch: int) -> None:
        value = self.figure(epoch)
        best = value == max(self.history[:epoch])
        self.event(
            "epoch", round=1, epoch=epoch, epochs=self.epochs, steps=10, lr=1e-3, train_loss=1.0, train_srcc=value,
            val_srcc=value, val_plcc=value, test_srcc=value, test_plcc=value, best=best, seconds=self.seconds,
        )  # fmt: skip
        print(f"{epoch}\t1.000\t{value:.4f}\t{value:.4f}\t{value:.4f}", flush=True)

    def misbehave(self, epoch: int) -> None:
        wishes = self.wishes
        while "flood" in wishes and not self.stopping:
            os.write(1, (b"x" * 99 + b"\n") * 10_000)
            time.sleep(0.01)
        if "binary" in wishes:
            os.write(1, bytes(range(256)) * 100 + b"\x1b]0;title\x07\xff\xfe\n")
        if "log" in wishes:
            print("x" * 1024 * int(wishes["log"]), flush=True)
        if "metrics" in wishes:
            self.event("warning", message="x" * 1024 * int(wishes["metrics"]))
        if epoch != 2:
            return
        if "die" in wishes:
            os.kill(os.getpid(), int(wishes["die"]))
        if "exit" in wishes:
            sys.exit(int(wishes["exit"]))
        if "oom" in wishes:
            raise Ended(OOM, "out of memory: CUDA could not allocate 2.1 GiB; try batch_size 6")

    def noisy(self) -> list[float]:
        by_experiment = dict(pair.split("=") for pair in os.environ["FAKE_NOISE"].split(","))
        experiment = self.spec["experiment"]
        noise = float(by_experiment.get(experiment, by_experiment.get("*", "10")))
        images = random.Random(0)
        own = random.Random(f"{experiment} {self.spec['settings']['seed']}")
        return [k + images.gauss(0, 10) + own.gauss(0, noise) for k in range(120)]

    def conclude(self) -> None:
        settings, best = self.spec["settings"], max(self.history)
        found = self.noisy() if "FAKE_NOISE" in os.environ else [self.figure(1000 + k) for k in range(20)]
        rows = "".join(f"{k}.png,{k},{value!r}\n" for k, value in enumerate(found))
        self.writer.write(self.run / "predictions-test.csv", f"image,score,prediction\n{rows}".encode())
        measures = {"srcc": best, "krcc": best, "plcc": best, "rmse": 1.0}
        round_ = {
            "round": 1, "seed": settings["seed"], "epochs": self.epochs, "seconds": self.seconds * self.epochs,
            "test": measures, "stopped_early": False, "best_epoch": self.history.index(best) + 1,
        }  # fmt: skip
        self.writer.write_json(
            self.run / "result.json",
            {
                "schema_version": 1, "study": self.spec["study"], "experiment": self.spec["experiment"],
                "seed": settings["seed"], "config_hash": self.spec["config_hash"], "dataset": settings["dataset"],
                **measures, "stopped_early": False, "images": {"train": 1, "val": 1, "test": len(found)},
                "rounds": [round_],
            },
        )  # fmt: skip
        print(f"Best test SRCC {best:f}, PLCC {best:f}", flush=True)


def main() -> int:
    run, attempt = Path(sys.argv[1]), Path(sys.argv[2])
    witness = _bear_witness(run) if "FAKE_WITNESS" in os.environ else []
    spec = read_json(run / "spec.json")
    assert spec is not None
    wishes = _wishes(spec["experiment"], int(attempt.name.partition("-")[2]))
    if "slow-start" in wishes:
        time.sleep(float(wishes["slow-start"] or 1))
    seconds = float(wishes.get("epoch") or os.environ.get("FAKE_EPOCH_SECONDS", "0.05"))
    worker = Worker(run, attempt, "--resume" in sys.argv, spec, seconds, wishes)
    worker.obey_signals()
    if "grandchild" in wishes:
        deaf = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True, close_fds=False)
    code, reason = 0, ""
    try:
        worker.writer.open()
        worker.train()
        worker.conclude()
    except Ended as end:
        code, reason = end.code, str(end)
    except Superseded as event:
        code, reason = SUPERSEDED, str(event)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        code, reason = DISK_FULL, f"disk full: {error}; make room and continue with --resume"
    with contextlib.suppress(OSError):  # a full disk takes the words; the code still tells
        worker.event("end", code=code, message=reason)
    with contextlib.suppress(OSError):
        if reason:
            print(reason, flush=True)
    for descriptor in witness:
        os.close(descriptor)
    return code


if __name__ == "__main__":
    sys.exit(main())
