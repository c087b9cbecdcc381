"""The state of a runs folder: each run's state and reason, its device, its progress, its time left.

Read from files at every call. The command line and the console show this; neither has another source.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqa_train.runs.attempt_facts import LogFinder
from iqa_train.runs.document_cache import Damage
from iqa_train.runs.documents import RunnerFacts
from iqa_train.runs.identity import ProcessIdentity
from iqa_train.runs.kind import TRAINED, RunKind, kind_of
from iqa_train.runs.layout import RunFolder, run_folders
from iqa_train.runs.progress import RunProgress, progress_of
from iqa_train.runs.project import inside
from iqa_train.runs.seeds import seed_as_json
from iqa_train.runs.snapshot import Liveness, RunSnapshot, SnapshotReader
from iqa_train.runs.state import RunState, state_of
from iqa_train.runs.state_names import ALIVE, FAILED, QUEUED, RETRYING, STARTING, WAITING
from iqa_train.scheduler.backend import QueueLook, backend_of
from iqa_train.scheduler.item_status import ItemStatus, status_of
from iqa_train.scheduler.queue import Item, Queue, folder_of, read_queue
from iqa_train.scheduler.scheduler_lock import scheduler_process, start_failures
from iqa_train.slurm.answer import Answer

if TYPE_CHECKING:  # needed only while a run of the queue has not ended, and slow to import
    from iqa_train.devices.nvml import Nvml
    from iqa_train.scheduler.forecast import Forecast


_SLOT = "CPU slot "


@dataclass(frozen=True)
class Row:
    """One run. `eta_s`: seconds until it is done, waiting included; `note`: a remark beside the state."""

    study: str
    experiment: str
    seed: int
    state: str
    reason: str
    attempt: int
    device: str | None
    progress: RunProgress
    eta_s: float | None
    pid: int | None
    run: RunFolder
    log: str | None
    batch: int | None = None
    batch_name: str = ""
    note: str = ""
    item: Item | None = None
    eta_is_guess: bool = False  # no speed was measured: of the run itself, or, while it waits, of any run
    kind: RunKind = TRAINED
    tries: tuple[int, int] | None = None  # the attempt without an epoch in a row, and how many may be made; from 2 on
    starts_s: float | None = None  # seconds until it is expected to start, of a run that waits
    job: Answer | None = None  # what Slurm says of it, while the run waits for its job or is part of it

    @property
    def state_words(self) -> str:
        """The state, with which attempt it is if the ones before have failed: `retrying 3/4`, `running, try 3/4`."""
        if self.tries is None:
            return self.state
        count = f"{self.tries[0]}/{self.tries[1]}"
        return f"{self.state} {count}" if self.state == RETRYING else f"{self.state}, try {count}"

    def as_json(self) -> dict[str, Any]:
        """What `iqa-train status --json` lists."""
        return {
            "study": self.study,
            "experiment": self.experiment,
            "seed": seed_as_json(self.seed),
            "repeat": self.run.repeat,
            "kind": self.kind.name,
            "state": self.state,
            "reason": self.reason,
            "attempt": self.attempt,
            "tries": list(self.tries) if self.tries else None,
            "device": self.device,
            "epoch": self.progress.epoch,
            "epochs": self.progress.epochs,
            "srcc": self.progress.srcc,
            "plcc": self.progress.plcc,
            "selected_epoch": self.progress.selected,
            "again": self.progress.again,
            "stage": self.progress.stage,
            "eta_s": None if self.eta_s is None else round(self.eta_s, 1),
            "eta_is_guess": self.eta_is_guess,
            "starts_s": None if self.starts_s is None else round(self.starts_s, 1),
            "pid": self.pid,
            "job": None if self.job is None or not self.job.job else self.job.as_json(),
            "run_dir": str(self.run.path),
            "log": self.log,
            "batch": self.batch_name or self.batch,
            "note": self.note,
        }


@dataclass(frozen=True)
class DesignProgress:
    """Where a study is in its design, in words: what the last look has decided, and what the next round waits for.

    `more_rounds`: further rounds are wanted, and the scheduler queues them.
    """

    study: str
    look: str
    waits: str
    more_rounds: bool

    @property
    def lines(self) -> list[str]:
        """For a person."""
        look = self.look or "rounds of seeds until every verdict is decided; no look has been taken yet"
        return [f"{self.study}: {look}", *([self.waits] if self.waits else [])]

    def as_json(self) -> dict[str, Any]:
        """An entry of `designs` of `iqa-train status --json`."""
        return asdict(self)


@dataclass(frozen=True)
class Overview:
    """All runs of the queue, or of one study, and the queue itself."""

    rows: tuple[Row, ...]
    queue: Queue
    scheduler: ProcessIdentity | None
    seconds_left: float | None  # until all of the queue is done; None where it cannot be said
    eta_is_guess: bool = False
    slurm_silent: str = ""  # a sentence, while runs of the queue are Slurm's and it does not answer

    @property
    def needs_scheduler(self) -> bool:
        """Whether a run waits for this machine's scheduler, and none is running."""
        waiting = [row.item for row in self.rows if row.state in WAITING and row.item is not None]
        return self.scheduler is None and any(item.slurm is None for item in waiting)

    @property
    def designs(self) -> list[DesignProgress]:
        """Of the studies shown that have a design under way, or had one."""
        shown, rounds, looks = {row.study for row in self.rows}, self.queue.rounds, self.queue.looks
        return [
            DesignProgress(study, looks.get(study, ""), rounds[study].waits if study in rounds else "", study in rounds)
            for study in sorted(shown & {*rounds, *looks})
        ]

    @property
    def study(self) -> str | None:
        """The study, if there is only one."""
        names = {row.study for row in self.rows}
        return names.pop() if len(names) == 1 else None

    def as_json(self) -> dict[str, Any]:
        """What `iqa-train status --json` prints."""
        return {
            "study": self.study,
            "policy": self.queue.policy,
            "paused": self.queue.paused,
            "scheduler": self.scheduler.as_json() if self.scheduler else None,
            "eta_s": None if self.seconds_left is None else round(self.seconds_left, 1),
            "eta_is_guess": self.eta_is_guess,
            "slurm_silent": self.slurm_silent,
            "designs": [design.as_json() for design in self.designs],
            "runs": [row.as_json() for row in self.rows],
        }


def read_overview(
    runs_dir: Path,
    study: str | None = None,
    nvml: "Nvml | None" = None,
    *,
    queue: Queue | None = None,
    reader: SnapshotReader | None = None,
) -> Overview:
    """Every run's row: those of the queue in its order, then other runs of its studies that were tried.

    With `study`, that study's alone; without a queue, all runs there are. A `reader` that is kept reads only what has
    changed since its last look. Raises RunError for a damaged queue, unless another is given in its place.
    """
    queue, reader = queue or read_queue(runs_dir), reader or SnapshotReader()
    found = [reader.read(folder_of(item, runs_dir)) for item in queue.items]
    status = [(item, status_of(item, run)) for item, run in zip(queue.items, found, strict=True)]
    scheduler = scheduler_process(runs_dir)
    complaints = start_failures(runs_dir)
    has_open = any(s.phase != "settled" for _, s in status)
    answers: dict[str, Answer] = {}
    silent = ""
    if has_open:
        from iqa_train.scheduler import outlook

        places = outlook.device_slots(queue, status, found, nvml)
        look = QueueLook(runs_dir, queue, status, places, scheduler, complaints)
        for backend in dict.fromkeys(backend_of(item) for item, s in status if s.phase != "settled"):
            answers |= backend.answers(look)
            silent = silent or backend.silence(runs_dir)
    logs = LogFinder(runs_dir)
    rows = [
        _queued_row(item, s, answers.get(item.key), complaints.get(item.key, ""), run, logs)
        for (item, s), run in zip(status, found, strict=True)
    ]
    rows += [_row(run, state, logs) for run, state in _others(queue, runs_dir, study, reader)]
    ahead, guess = None, False
    halted = queue.paused or (scheduler is not None and scheduler.suspended)
    if has_open and not halted:
        queued = {row.item.key: row for row in rows if row.item is not None}
        progress = {key: row.progress for key, row in queued.items()}
        devices = {key: row.device for key, row in queued.items() if row.device}
        ahead, guess = outlook.forecast_queue(status, progress, devices, places, queue.policy)
    rows = [_with_eta(row, ahead, guess=guess) for row in rows if study is None or row.study == study]
    seconds = ahead.seconds if ahead and ahead.complete else None if has_open or halted else 0.0
    return Overview(tuple(rows), queue, scheduler, seconds, guess and seconds is not None, silent)


def _others(
    queue: Queue, runs_dir: Path, study: str | None, reader: SnapshotReader
) -> list[tuple[RunSnapshot, RunState]]:
    """Runs beside the queue: of the study asked for, else of the queue's studies, else all; if ever tried."""
    of_queue: list[str | None] = list(dict.fromkeys(item.study for item in queue.items))
    studies = [study] if study else of_queue or [None]
    known = {item.run for item in queue.items}
    runs = [run for name in studies for run in run_folders(runs_dir, name)]
    found = [reader.read(run) for run in runs if f"{run.study}/{run.experiment}/{run.path.name}" not in known]
    return [(snapshot, state) for snapshot in found if (state := state_of(snapshot)).name != QUEUED]


def _queued_row(
    item: Item, status: ItemStatus, answer: Answer | None, complaint: str, found: RunSnapshot, logs: LogFinder
) -> Row:
    state = status.state
    if state.name == STARTING and not state.reason:
        state = replace(state, reason=complaint)
    if status.phase == "waiting":
        before = f"attempt {status.attempt - 1} {_ended_words(state)}" if status.tried else ""
        why = "; ".join(filter(None, [answer.words if answer else "", before]))
        state = RunState(RETRYING if status.retrying else QUEUED, why)
    row = _row(found, state, logs, item)
    if status.tries > 1 and status.phase != "settled":
        row = replace(row, tries=(status.tries, item.retries + 1))
    if item.slurm is not None and answer is not None and answer.job and answer.kind != "gone":
        row = replace(row, job=answer)
    if status.phase == "waiting" and not status.tried and item.again:  # earlier attempts do not count, but for a result
        return replace(row, note="", progress=row.progress if row.progress.again else _none_of(row.progress))
    return row


def _ended_words(state: RunState) -> str:
    """`was killed: by what`, `failed: why`."""
    return f"{'' if state.name == FAILED else 'was '}{state.name}: {state.reason}"


def _none_of(progress: RunProgress) -> RunProgress:
    return RunProgress(epochs=progress.epochs)


def _row(found: RunSnapshot, state: RunState, logs: LogFinder, item: Item | None = None) -> Row:
    run, last = found.run, found.last
    facts: RunnerFacts = last.facts if last is not None else {}
    damage = ""
    if last is not None and isinstance(last.runner, Damage) and not last.runner.unreadable:  # else the state says so
        damage = last.runner.words
    worker = found.live.worker if isinstance(found.live, Liveness) and state.alive else None
    return Row(
        study=run.study,
        experiment=run.experiment,
        seed=run.seed,
        state=state.name,
        reason=state.reason,
        attempt=last.number if last is not None else 0,
        device=_device(found, facts) if state.name not in WAITING else None,
        progress=progress_of(found, state),
        eta_s=None,
        pid=worker.pid if worker is not None and worker.alive else None,
        run=run,
        log=_log(facts, logs),
        batch=item.batch if item else None,
        batch_name=item.batch_name if item else "",
        note=damage or _note(facts),
        item=item,
        kind=kind_of(found.spec),
        job=_job(found, facts),
    )


def _device(found: RunSnapshot, facts: RunnerFacts) -> str | None:
    """`GPU 0`; of another machine, `n1 GPU 0`; of a job, which has CPU slots of its own, `n1 CPU slot 7_0`."""
    label = facts.get("device", {}).get("label")
    node = facts["slurm"].get("node", "") if "slurm" in facts else ""
    if "slurm" in facts and label and label.startswith(_SLOT):
        number = label.removeprefix(_SLOT)
        label = _SLOT + facts["slurm"]["job"] + (f"/{number}" if number != "0" else "")
    away = isinstance(found.live, Liveness) and found.live.origin is not None and not found.live.origin.here
    if not node and away:
        node = facts.get("host", "")
    return f"{node} {label}" if node and label else label


def _job(found: RunSnapshot, facts: RunnerFacts) -> Answer | None:
    """Slurm's answer on the job of an attempt that has not ended; what the attempt knows, while Slurm does not say."""
    if found.job is None or found.job.kind == "gone" or "slurm" not in facts:
        return None
    if found.job.job:
        return found.job
    return replace(found.job, job=facts["slurm"]["job"], node=facts["slurm"].get("node", ""))


def _log(facts: RunnerFacts, logs: LogFinder) -> str | None:
    """As the runner named it, in full where its project is another folder than ours."""
    return inside(logs.find(facts), Path.cwd()) if "log" in facts else None


def _note(facts: RunnerFacts) -> str:
    then, started = facts.get("queued_code"), facts.get("code")
    if then and started and then != started:
        return f"the program had changed since this run was queued ({then} then, {started} when it started)"
    return ""


def _with_eta(row: Row, ahead: "Forecast | None", *, guess: bool) -> Row:
    if row.state in ALIVE:
        own = row.progress.seconds_left
        if own is None and row.item is not None and ahead is not None:  # it has shown nothing of its own speed yet
            return replace(row, eta_s=ahead.ends.get(row.item.key), eta_is_guess=row.item.key in ahead.ends)
        return replace(row, eta_s=own)
    if row.item is not None and row.state in WAITING and ahead is not None:
        key = row.item.key
        return replace(row, eta_s=ahead.ends.get(key), starts_s=ahead.starts.get(key), eta_is_guess=guess)
    return row
