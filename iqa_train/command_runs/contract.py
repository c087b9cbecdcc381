"""What the program of a command is given: its words, its environment, and the files that these name.

docs/own-scripts.md describes this for people who write such programs; the names here never change.
"""

import csv
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iqa_train.datasets.table import SPLITS, ImageTable, Split
from iqa_train.errors import RunError
from iqa_train.escape import ESCAPED
from iqa_train.files import SCHEMA_VERSION, write_atomic, write_json
from iqa_train.handed import HANDED
from iqa_train.runs.layout import Attempt
from iqa_train.study.command import Command, leaves, outside
from iqa_train.study.placeholders import FROM_SETTINGS, Scalar, filled
from iqa_train.study.spec import RunSpec

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Contract:
    """A run for its program: `command` with the values of its placeholders, all paths absolute."""

    command: Command
    values: dict[str, Scalar]
    environment: dict[str, str]
    resumed: bool

    @property
    def words(self) -> list[str]:
        """The program and its arguments."""
        return filled(self.command.resume if self.resumed else self.command.run, self.values)

    @property
    def folder(self) -> Path:
        """Where the program starts."""
        return Path.cwd() / self.command.folder

    def predictions(self, split: str) -> Path:
        """The file in which the program leaves its predictions on `split`. RunError: outside its folder."""
        (name,) = filled([self.command.file_of(split)], self.values)
        folder = str(self.values["run_dir"])
        if leaves(folder, name):
            raise RunError(f"{self.command.label}: predictions: {outside(name)}")
        return Path(folder, name)


def make_contract(
    spec: RunSpec, attempt: Attempt, table: ImageTable, split: Split, output: Path, *, resume: bool
) -> Contract:
    """Write the files for the program into the attempt's folder. `output` is the folder for what it writes."""
    assert spec.command is not None
    settings = spec.settings
    values: dict[str, Scalar] = {
        **spec.parameters,
        **{name: getattr(settings, name) for name in FROM_SETTINGS},
        "run_dir": str(output.absolute()),
        "images": str(table.root.absolute()),
        "split": str(attempt.split.absolute()),
        "settings": str(attempt.settings.absolute()),
        "experiment": spec.experiment,
        "python": sys.executable,
    }
    _write_split(attempt.split, table, split)
    resume = resume and bool(spec.command.resume)
    files = {
        "RUN_DIR": values["run_dir"],
        "IMAGES": values["images"],
        "SPLIT": values["split"],
        "SETTINGS": values["settings"],
        "EVENTS": str(attempt.events.absolute()),
        "STOP": str(attempt.stop.absolute()),
    }
    made = Contract(spec.command, values, {}, resume)
    targets = {part: str(made.predictions(part)) for part in ("test", "val")}
    for target in targets.values():
        Path(target).parent.mkdir(parents=True, exist_ok=True)
    write_json(attempt.settings, _settings_document(spec, values, targets, resume=resume))
    environment = {f"IQA_TRAIN_{name}": str(value) for name, value in files.items()}
    environment |= {"IQA_TRAIN_RESUME": str(int(resume)), "IQA_TRAIN_SEED": str(settings.seed)}
    environment |= {f"IQA_TRAIN_PREDICTIONS_{part.upper()}": path for part, path in targets.items()}
    threads = {name: str(settings.threads) for name in _THREADS if name not in os.environ}
    inherited = {name: value for name, value in os.environ.items() if name != HANDED}
    return Contract(spec.command, values, inherited | threads | environment, resume)


def _settings_document(
    spec: RunSpec, values: dict[str, Scalar], targets: dict[str, str], *, resume: bool
) -> dict[str, Any]:
    """settings.json: parameters and placeholders side by side, and what else the program may want to know."""
    return {
        "schema_version": SCHEMA_VERSION,
        "study": spec.study,
        **values,
        "parameters": spec.parameters,
        "predictions": targets,
        "resume": resume,
    }


def _write_split(path: Path, table: ImageTable, split: Split) -> None:
    """image,score,split of every image of the split, in the order of the data set; higher scores are better."""
    part_of = {int(at): name for name in SPLITS for at in getattr(split, name)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("image", "score", "split"))
    writer.writerows((table.images[at], repr(float(table.scores[at])), part_of[at]) for at in sorted(part_of))
    write_atomic(path, text.getvalue().encode(errors=ESCAPED))
