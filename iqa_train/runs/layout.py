"""The names of all files of runs; no other module spells one out.

runs/
  queue.json  queue.lock                        the queued runs
  scheduler.json  scheduler.lock  scheduler.log the scheduler's process, its lock, what it did
  merge.lock                                    held while runs of another machine are joined
  notify/                                       notifications that are not delivered yet, a file each
  slurm/                                        submissions to Slurm, a file each, and the output of their jobs
runs/<study>/design.json  design.lock           what the study declared before its first result
runs/<study>/<experiment>/s<seed>-<config hash>[-r<repeat>]/
  spec.json  provenance.json  result.json  lock
  merged-01/  ...                               the same run as another machine left it unfinished; not counted
  attempt-01/  runner.json  metrics.jsonl  exit.json   (while it runs: heartbeat, reserve, writing/; stop)
               devices.jsonl                           how busy its device was, a sample every ten seconds
               settings.json  split.csv  events.jsonl  of the program of a [command]
  code/                                         the study's own code that the run uses, as it was when it was queued
  checkpoints/  last.safetensors  best.safetensors
  predictions-val.csv  predictions-test.csv
  predictions-<cross set>.csv  tested-<cross set>.json
  references-val.csv   references-test.csv   ...       the reference of each image, in data sets that have them
  opinions-val.csv     opinions-test.csv     ...       spread and number of opinions, in data sets that have both
  output/                                       what the program of a [command] writes
  output-02/  ...                               the same of an attempt that began beside a living one
  round-02/  ...  the same of a further round, where train_test_num > 1
logs/<slug>_<study>_<YYYYmmdd_HHMMSS>.log
"""

import errno
import os
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_train.runs.seeds import UNKNOWN_FOLDER, UNKNOWN_SEED

if TYPE_CHECKING:  # a runner and a scheduler stay small without it
    from iqa_train.study.spec import RunSpec

_OUTCOMES = ("result.json", "checkpoints", "output")
_OUTCOME_KINDS = ("predictions-*.csv", "references-*.csv", "opinions-*.csv", "tested-*.json", "round-*", "output-*")
_ATTEMPT = re.compile(r"attempt-(\d+)")
_REPEATED = r"-r([2-9]|[1-9]\d{1,3})"
_RUN = re.compile(rf"(?:s\d+|{UNKNOWN_FOLDER})-[0-9a-f]{{10}}(?:{_REPEATED})?")  # unknown: of an imported log alone
_SEED = re.compile(r"s(\d+)-.*")
_REPEAT = re.compile(rf".*{_REPEATED}")


@dataclass(frozen=True)
class Attempt:
    """The files of one try at a run."""

    folder: Path

    @property
    def number(self) -> int:
        """1 for the first."""
        return int(self.folder.name.partition("-")[2])

    @property
    def runner(self) -> Path:
        """Its processes, since when, with which command, into which log."""
        return self.folder / "runner.json"

    @property
    def metrics(self) -> Path:
        """One event a line."""
        return self.folder / "metrics.jsonl"

    @property
    def devices(self) -> Path:
        """Samples of its device, one a line."""
        return self.folder / "devices.jsonl"

    @property
    def reserve(self) -> Path:
        """Space reserved for exit.json, freed when that is written."""
        return self.folder / "reserve"

    @property
    def writing(self) -> Path:
        """A folder for what is being written, until it is moved into the run; a file once a later attempt has begun."""
        return self.folder / "writing"

    @property
    def taken_over(self) -> Path:
        """What the program of an earlier attempt worked in, which may be alive; this attempt's has a copy."""
        return self.folder / "earlier-output"

    @property
    def heartbeat(self) -> Path:
        """Touched every few seconds while the runner is alive, for other hosts, where its lock cannot be seen."""
        return self.folder / "heartbeat"

    @property
    def stop(self) -> Path:
        """There once its end was requested."""
        return self.folder / "stop"

    @property
    def exit(self) -> Path:
        """How it ended."""
        return self.folder / "exit.json"

    @property
    def settings(self) -> Path:
        """For the program of a command: every setting and parameter."""
        return self.folder / "settings.json"

    @property
    def split(self) -> Path:
        """For the program of a command: image, score and split of every image."""
        return self.folder / "split.csv"

    @property
    def events(self) -> Path:
        """From the program of a command: a line for each epoch."""
        return self.folder / "events.jsonl"


@dataclass(frozen=True)
class RoundFiles:
    """The files of one round of a run."""

    folder: Path

    @property
    def last(self) -> Path:
        """Everything needed to continue."""
        return self.folder / "checkpoints" / "last.safetensors"

    @property
    def best(self) -> Path:
        """The network of the selected epoch."""
        return self.folder / "checkpoints" / "best.safetensors"

    def predictions(self, split: str) -> Path:
        """Per-image predictions on `val`, `test` or a cross-dataset's name."""
        return self.folder / f"predictions-{split}.csv"

    def tested(self, dataset: str) -> Path:
        """The measures of a test on another data set, and what they were computed from."""
        return self.folder / f"tested-{dataset}.json"

    def cross_datasets(self) -> list[str]:
        """The other data sets that there are predictions on, by name."""
        files = self.folder.glob("predictions-*.csv")
        return sorted({file.stem.removeprefix("predictions-") for file in files} - {"val", "test"})


@dataclass(frozen=True)
class RunFolder:
    """The files of one run: an experiment, a seed, a configuration."""

    path: Path

    @property
    def study(self) -> str:
        return self.path.parent.parent.name

    @property
    def experiment(self) -> str:
        return self.path.parent.name

    @property
    def seed(self) -> int:
        """UNKNOWN_SEED for the run of a log that does not state it."""
        found = _SEED.fullmatch(self.path.name)
        return int(found[1]) if found else UNKNOWN_SEED

    @property
    def config_hash(self) -> str:
        """Identifies the settings, the seed apart."""
        return self.path.name.partition("-")[2].partition("-")[0]

    @property
    def repeat(self) -> int:
        """1; 2 and more for repeats of the same seed with other rounding, which never count as another seed."""
        found = _REPEAT.fullmatch(self.path.name)
        return int(found[1]) if found else 1

    @property
    def seed_words(self) -> str:
        """`seed 42`, or `seed 42, repeat 2`: which of an experiment's runs this is."""
        return f"seed {self.seed}" + (f", repeat {self.repeat}" if self.repeat > 1 else "")

    def of_seed(self, seed: int) -> "RunFolder":
        """The run of the same experiment and settings with another seed, no repeat."""
        return RunFolder(self.path.with_name(f"s{seed}-{self.config_hash}"))

    @property
    def first(self) -> "RunFolder":
        """The run that this is a repeat of; itself, if it is none."""
        return RunFolder(self.path.with_name(self.path.name.removesuffix(f"-r{self.repeat}")))

    def repeats(self) -> list["RunFolder"]:
        """The repeats of this run that there are."""
        mine = re.compile(rf"{re.escape(self.path.name)}{_REPEATED}")
        names = {int(found[1]): name for name in folders_in(self.path.parent) if (found := mine.fullmatch(name))}
        return [RunFolder(self.path.with_name(names[number])) for number in sorted(names)]

    @property
    def spec(self) -> Path:
        """The resolved settings and their hash."""
        return self.path / "spec.json"

    @property
    def code(self) -> Path:
        """A copy of the study's own code that the run uses."""
        return self.path / "code"

    @property
    def provenance(self) -> Path:
        """Code, packages, host, device and data of the last attempt."""
        return self.path / "provenance.json"

    @property
    def result(self) -> Path:
        """The outcome; there once the run is complete."""
        return self.path / "result.json"

    @property
    def notes(self) -> Path:
        """What a person has noted on it; of no matter to the run."""
        return self.path / "notes.json"

    @property
    def output(self) -> Path:
        """What the program of a command writes."""
        return self.path / "output"

    @property
    def lock(self) -> Path:
        """Held while any process of the run is alive."""
        return self.path / "lock"

    def round(self, number: int, rounds: int) -> RoundFiles:
        """Round 1 of 1 lies in the run's own folder."""
        return RoundFiles(self.path if rounds == 1 else self.path / f"round-{number:02d}")

    def attempt(self, number: int) -> Attempt:
        """The one of that number, made or not."""
        return Attempt(self.path / f"attempt-{number:02d}")

    def attempts(self) -> list[Attempt]:
        """Oldest first."""
        if not self.path.is_dir():
            return []
        folders = [p for p in self.path.iterdir() if is_attempt(p.name)]
        return sorted((Attempt(p) for p in folders), key=lambda a: a.number)

    def next_attempt(self) -> Attempt:
        """The one after the last; its folder is not made."""
        tried = self.attempts()
        return self.attempt((tried[-1].number if tried else 0) + 1)

    def outcome(self) -> list[Path]:
        """What an attempt, finished or not, left beside the attempt folders: results, predictions, checkpoints."""
        found = [self.path / n for n in _OUTCOMES if (self.path / n).exists()]
        return found + [p for kind in _OUTCOME_KINDS for p in sorted(self.path.glob(kind))]


def is_attempt(name: str) -> bool:
    """Whether a folder of that name in a run's is an attempt."""
    return _ATTEMPT.fullmatch(name) is not None


def is_outcome(name: str) -> bool:
    """Whether `RunFolder.outcome` lists what has that name."""
    return name in _OUTCOMES or any(fnmatchcase(name, kind) for kind in _OUTCOME_KINDS)


def references_beside(predictions: Path) -> Path:
    """The file of the references of the images in a file of predictions, if the data set has any."""
    return predictions.with_name("references-" + predictions.name.removeprefix("predictions-"))


def opinions_beside(predictions: Path) -> Path:
    """The file of the opinions on the images in a file of predictions, if the data set has them."""
    return predictions.with_name("opinions-" + predictions.name.removeprefix("predictions-"))


@dataclass(frozen=True)
class QueueFiles:
    """The files of queue and scheduler, beside the runs."""

    runs_dir: Path

    @property
    def queue(self) -> Path:
        """The queue."""
        return self.runs_dir / "queue.json"

    @property
    def queue_lock(self) -> Path:
        """Held while the queue is changed."""
        return self.runs_dir / "queue.lock"

    @property
    def scheduler(self) -> Path:
        """The process of the scheduler, and its failures to start runners."""
        return self.runs_dir / "scheduler.json"

    @property
    def scheduler_lock(self) -> Path:
        """Held while the scheduler is alive."""
        return self.runs_dir / "scheduler.lock"

    @property
    def merge_lock(self) -> Path:
        """Held while runs of another machine are joined."""
        return self.runs_dir / "merge.lock"

    @property
    def scheduler_log(self) -> Path:
        """What the scheduler has done, a line each."""
        return self.runs_dir / "scheduler.log"


@dataclass(frozen=True)
class DesignFiles:
    """The files of what a study declared."""

    runs_dir: Path
    study: str

    @property
    def design(self) -> Path:
        """Primary metric, margins and looks."""
        return self.runs_dir / self.study / "design.json"

    @property
    def lock(self) -> Path:
        """Held while the design is sealed."""
        return self.runs_dir / self.study / "design.lock"


@dataclass(frozen=True)
class Outbox:
    """The folder of notifications that are not delivered yet."""

    runs_dir: Path

    @property
    def folder(self) -> Path:
        """There once there was something to deliver."""
        return self.runs_dir / "notify"

    def entry(self, name: str) -> Path:
        """One end, until every channel has taken it."""
        return self.folder / f"{name}.json"

    def entries(self) -> list[Path]:
        """All there are, by name."""
        return sorted(path for path in self.folder.glob("*.json") if not path.is_dir())


@dataclass(frozen=True)
class SlurmFiles:
    """The folder of what has been submitted to Slurm."""

    runs_dir: Path

    @property
    def folder(self) -> Path:
        """There once something has been submitted; jobs write their output into it."""
        return self.runs_dir / "slurm"

    @property
    def lock(self) -> Path:
        """Held while queue and jobs are compared."""
        return self.folder / "reconcile.lock"

    @property
    def troubles(self) -> Path:
        """Why runs could not be submitted, or ended before they began."""
        return self.folder / "troubles.json"

    def look_again(self, label: str) -> Path:
        """A mark for whoever reconciles now to look once more, left by the job `label` as it ended, or by "command"."""
        return self.folder / f"{label}.{secrets.token_hex(4)}.again"

    def looks_again(self) -> list[Path]:
        """All such marks."""
        return list(self.folder.glob("*.again"))

    def not_due(self, job: str, restarts: int) -> Path:
        """The runs, by the keys of their items, that a start of a job found that it was not to begin."""
        return self.folder / f"{job}-{restarts}.not-due"

    def submission(self, token: str) -> Path:
        """The runs of one job array."""
        return self.folder / f"{token}.json"

    def submissions(self) -> list[Path]:
        """All there are, the oldest first."""
        return sorted(path for path in self.folder.glob("[0-9]*-*.json") if not path.is_dir())


def run_folder(runs_dir: Path, spec: "RunSpec", repeat: int = 1) -> RunFolder:
    """Where a run of `spec` lies, or a repeat of it."""
    name = f"s{spec.seed}-{spec.config_hash}" + (f"-r{repeat}" if repeat > 1 else "")
    return RunFolder(runs_dir / spec.study / spec.experiment / name)


def counted_folders(runs_dir: Path, study: str | None = None) -> list[RunFolder]:
    """`run_folders` without the repeats: those that results are computed from."""
    return [run for run in run_folders(runs_dir, study) if run.repeat == 1]


def run_folders(runs_dir: Path, study: str | None = None) -> list[RunFolder]:
    """Every run there is, repeats included, or those of a study, by study, experiment and seed."""
    found = []
    for name in [study] if study else folders_in(runs_dir):
        for experiment in folders_in(runs_dir / name):
            folder = runs_dir / name / experiment
            found += [RunFolder(folder / run) for run in folders_in(folder) if _RUN.fullmatch(run)]
    return found


def unreadable_folders(runs_dir: Path, study: str | None = None) -> list[tuple[Path, str]]:
    """Folders, down to those of runs, in which nothing can be listed, and why: `run_folders` passes them over."""
    beside = {Outbox(runs_dir).folder, SlurmFiles(runs_dir).folder}
    found: list[tuple[Path, str]] = []
    level = [runs_dir / study] if study else [runs_dir]
    for depth in range(1 if study else 0, 4):  # of runs: 3
        inner: list[Path] = []
        for folder in level:
            try:
                with os.scandir(folder) as entries:
                    inner += [Path(entry.path) for entry in entries if entry.is_dir()]
                if not os.access(folder, os.X_OK):
                    found.append((folder, os.strerror(errno.EACCES)))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                found.append((folder, error.strerror or ""))
        level = [path for path in inner if path not in beside and (depth != 2 or _RUN.fullmatch(path.name))]
    return sorted(found)


def folders_in(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted; none where the folder is missing or may not be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def log_path(logs_dir: Path, slug: str, study: str, started: datetime) -> Path:
    """The log of an attempt that starts now; never one that exists."""
    stem = f"{slug}_{study}_{started:%Y%m%d_%H%M%S}"
    path, count = logs_dir / f"{stem}.log", 2
    while path.exists() or path.is_symlink():
        path, count = logs_dir / f"{stem}-{count}.log", count + 1
    return path
