"""The contents of a run's state files, document by document; `iqa_train.schema` checks a file against its model.

A key that an earlier version did not write is not required. A worker or a runner adds keys freely: readers pass over
what they do not know.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Required, TypedDict

from iqa_train.errors import visible
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.seeds import UNKNOWN_SEED
from iqa_train.schema import Span, read_document, read_events

Pid = Annotated[int, Span(1, 2**31)]
Count = Annotated[int, Span(0, 2**53)]
RoundNumber = Annotated[int, Span(1, 10_000)]
EpochNumber = Annotated[int, Span(0, 1_000_000)]
Seed = Annotated[int, Span(0, 2**63)]  # None, where it is allowed: an imported log does not state it
Seconds = Annotated[float, Span(0, 1e10)]
Measure = Annotated[float, Span(-1e12, 1e12)]


class ProcessFacts(TypedDict, total=False):
    """A process of a host; `created` as in `ProcessIdentity`."""

    pid: Required[Pid]
    created: int | None


class SchedulerFacts(TypedDict, total=False):
    """scheduler.json: the scheduler's process, and why runners could not begin, by run."""

    host: str
    boot_id: str
    pid_namespace: int
    scheduler: ProcessFacts
    troubles: dict[str, str]


class DeviceFacts(TypedDict, total=False):
    """What a run was placed on."""

    kind: str
    index: int
    key: Required[str]
    name: str
    label: str


class SlurmFacts(TypedDict, total=False):
    """The Slurm job that an attempt is part of: as squeue names it, its number, and how often it had been requeued."""

    job: Required[str]
    id: Required[str]
    restarts: Required[Count]
    node: str
    partition: str
    token: str
    options: dict[str, Any]  # what was asked of Slurm for it
    cluster: str  # its identity


class RunnerFacts(TypedDict, total=False):
    """runner.json: the processes of the attempt, its device, its log."""

    host: str
    boot_id: str
    pid_namespace: int
    runner: ProcessFacts | None
    worker: ProcessFacts | None
    device: DeviceFacts
    log: str
    cwd: str
    environment: dict[str, str]
    command: list[str] | str
    started: str
    code: str
    queued_code: str
    resumed: bool
    took_over: dict[str, Count]  # of each earlier attempt that had not ended, its epochs at that moment
    cuda_visible_devices: str | None
    local: dict[str, Any]
    slurm: SlurmFacts


class ExitFacts(TypedDict, total=False):
    """exit.json: how the attempt ended."""

    state: Required[str]
    reason: Required[str]
    exit_code: Required[Annotated[int, Span(-(2**31), 2**31)] | None]
    signal: Required[Annotated[int, Span(0, 1024)] | None]
    requested: bool
    interrupted: bool
    ended: str
    seconds: Seconds


class SettingsFacts(TypedDict, total=False):
    """Of all settings, those that are read without the model of the settings."""

    dataset: str
    data_dir: str
    resize: str
    epochs: EpochNumber
    train_test_num: RoundNumber
    seed: Seed


class ExpectFacts(TypedDict, total=False):
    """Ranges, lowest and highest."""

    srcc: tuple[float, float] | None
    delta: tuple[float, float] | None


class SpecFacts(TypedDict, total=False):
    """spec.json: settings and identity of the run. `runs.specfile` reads all of it, for the worker."""

    study: str
    experiment: str
    slug: str
    title: str
    purpose: str
    baseline: str | None
    seed: Seed | None
    settings: Required[SettingsFacts]
    source: dict[str, Any]
    cross_sources: dict[str, dict[str, Any]]
    expect: ExpectFacts
    external: str
    differs: dict[str, tuple[Any, Any]]
    command: dict[str, Any] | None
    parameters: dict[str, Any]
    config_hash: str


class Measures(TypedDict, total=False):
    """None where a measure is undefined."""

    srcc: Measure | None
    krcc: Measure | None
    plcc: Measure | None
    rmse: Measure | None
    images: Count | None


class ChosenFacts(TypedDict, total=False):
    """The epoch that choosing on test would have taken."""

    epoch: EpochNumber | None
    srcc: Measure | None


class RoundFacts(TypedDict, total=False):
    """One round of a result."""

    round: RoundNumber
    seed: Seed | None
    epochs: EpochNumber
    best_epoch: EpochNumber | None
    select_on: str
    stopped_early: bool
    seconds: Seconds
    parameters: Count
    val: Measures
    test: Measures
    test_chosen: ChosenFacts
    cross: dict[str, Measures]


class ResultFacts(TypedDict, total=False):
    """result.json: medians over rounds, and the rounds."""

    study: str
    experiment: str
    seed: Seed | None
    config_hash: str
    dataset: str
    images: dict[str, Count | None]
    srcc: Measure | None
    krcc: Measure | None
    plcc: Measure | None
    rmse: Measure | None
    stopped_early: bool
    imported: bool
    rounds: list[RoundFacts]


class CodeFacts(TypedDict, total=False):
    """The program; no commit outside a git checkout."""

    version: str
    fingerprint: str
    commit: str | None
    dirty: bool
    diff: str
    untracked: list[str]


class HostFacts(TypedDict, total=False):
    """The machine and its interpreter."""

    host: str
    boot_id: str
    platform: str
    processor: str
    cpus: Count
    python: str


class ComputeFacts(TypedDict, total=False):
    """The device as torch names it, and what decides the rounding on it; of early versions the first three."""

    name: str
    bf16: bool
    threads: Count
    kind: str
    instructions: str
    compiled: bool
    tf32: bool
    tf32_convolutions: bool
    cuda: str | None
    cudnn: str


class DataFacts(TypedDict, total=False):
    """The data set: `resize` is (width, height), None for none."""

    name: str
    project: str
    root: str
    images: dict[str, Count | None]
    fingerprint: str
    opinions: NotRequired[str]
    resize: tuple[Count, Count] | None


class ImportedFacts(TypedDict):
    """The log that a run was imported from."""

    log: str
    sha256: str
    bytes: Count
    assumed: list[str]
    images: dict[str, Count | None]
    notes: list[str]
    began: NotRequired[str]


class ExternalFacts(TypedDict, total=False):
    """The file that predictions were imported from, and how its rows were counted and read."""

    file: Required[str]
    sha256: Required[str]
    bytes: Count
    trained_on: Required[str]
    columns: dict[str, str]
    rows: Count
    images: Count
    elsewhere: Count
    unknown: Count
    lower_is_better: Required[bool]
    imported: str
    notes: list[str]


class RepeatFacts(TypedDict, total=False):
    """Of a repeat: its number, and what makes its rounding another."""

    number: Count
    rounding: str


class CommandFacts(TypedDict, total=False):
    """Of a run of a command: its words, and SHA-256 by name of the files among them."""

    words: list[str]
    files: dict[str, str]


class ProvenanceFacts(TypedDict, total=False):
    """provenance.json: what a result came from. `earlier`: `runs.rounding` of attempts that it continues, if other."""

    code: CodeFacts
    packages: dict[str, str]
    host: HostFacts
    device: ComputeFacts
    data: DataFacts
    imported: ImportedFacts
    external: ExternalFacts
    repeat: RepeatFacts
    command: CommandFacts
    earlier: list[dict[str, str]]


class NotesFacts(TypedDict, total=False):
    """notes.json: what a person has noted on a run."""

    note: Required[str]
    tags: Required[list[str]]


class EpochEvent(TypedDict, total=False):
    """The line of a finished epoch in metrics.jsonl."""

    event: Required[Literal["epoch"]]
    round: Required[RoundNumber]
    epoch: Required[EpochNumber]
    best: bool
    time: str
    seconds: Seconds | None
    train_loss: Measure | None
    lr: Measure | None
    train_srcc: Measure | None
    val_srcc: Measure | None
    val_plcc: Measure | None
    test_srcc: Measure | None
    test_plcc: Measure | None


class EndEvent(TypedDict):
    """The worker's last line."""

    event: Literal["end"]
    code: Annotated[int, Span(0, 255)]
    message: str


class AnyEvent(TypedDict, total=False):
    """Any line of metrics.jsonl, with what progress is read from."""

    event: Required[str]
    time: str
    stage: str
    epoch: EpochNumber
    done: Count
    total: Count
    rate: Annotated[float, Span(0, 1e12)] | None


class DeviceSample(TypedDict, total=False):
    """A line of devices.jsonl: a run's device at a moment; None where it was not reported. In bytes and watts.

    Of a GPU, `utilisation`, `memory_used` and `processes_of_others` are of all processes, `own_memory` is what the run
    holds of it. Of a CPU, the run's processes alone count. `cores` is how many cores they kept busy since the sample
    before, 1.5 for one and a half; `resident` is their memory beside the GPU's.
    """

    time: Required[Annotated[float, Span(0, 1e11)]]  # seconds since 1970
    node: Required[str]
    kind: Required[Literal["gpu", "cpu"]]
    index: Required[Annotated[int, Span(0, 4096)]]
    key: Required[str]  # the GPU's UUID, `cpu-0`
    name: str
    utilisation: Annotated[float, Span(0, 1e6)] | None  # percent
    memory_used: Count | None
    memory_total: Count | None
    own_memory: Count | None
    power: Annotated[float, Span(0, 1e6)] | None
    power_limit: Annotated[float, Span(0, 1e6)] | None
    temperature: Annotated[float, Span(-300, 1e4)] | None  # degrees Celsius
    processes_of_others: bool | None  # whether processes of other users are on it
    cores: Annotated[float, Span(0, 1e6)] | None
    resident: Count | None


def read_runner(path: Path) -> RunnerFacts | None:
    """runner.json; like the other readers here, None for no file, and DamagedFileError."""
    return read_document(path, RunnerFacts)


def read_exit(path: Path) -> ExitFacts | None:
    """exit.json."""
    return read_document(path, ExitFacts)


def read_spec_facts(path: Path) -> SpecFacts | None:
    """spec.json as far as tables and pages need it."""
    return read_document(path, SpecFacts)


def read_result(path: Path) -> ResultFacts | None:
    """result.json."""
    return read_document(path, ResultFacts)


def read_provenance(path: Path) -> ProvenanceFacts | None:
    """provenance.json."""
    return read_document(path, ProvenanceFacts)


def read_notes_facts(path: Path) -> NotesFacts | None:
    """notes.json."""
    return read_document(path, NotesFacts)


def read_scheduler(path: Path) -> SchedulerFacts | None:
    """scheduler.json."""
    return read_document(path, SchedulerFacts)


def end_lines(metrics: Path) -> Iterator[EndEvent]:
    """How the worker ended, in its own words."""
    return read_events(metrics, EndEvent, only=b'"event": "end"')


def misplaced(run: RunFolder, experiment: str | None, seed: int | None) -> str:
    """How a spec.json contradicts the name of its folder; "" if it does not."""
    if experiment not in {None, run.experiment}:
        return f"experiment cannot be {visible(repr(experiment)[:80])} in the folder of {run.experiment}"
    if seed is not None and run.seed not in {seed, UNKNOWN_SEED}:
        return f"seed cannot be {seed} in {run.path.name}"
    return ""
