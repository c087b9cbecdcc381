"""`iqa-train predict`: scores images with the network of a finished run."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqa_train.cli.parser import Parser, add_study_options, whole_number
from iqa_train.errors import RunError, UsageError

if TYPE_CHECKING:
    from iqa_train.cli.predictions_out import PredictionsOut
    from iqa_train.results.run_record import RunRecord

_DESCRIPTION = """\
Score images with the network of a finished run at the selected epoch, on the scale it was trained on, from as many
crops as the run tests with. Folders are searched recursively; hidden files (a name that starts with a dot) and files
without the extension of an image format (in any case) are skipped there, but scored if they are named themselves.
Images that cannot be read, or are smaller than a crop, are reported and skipped.

  iqa-train predict photos --run Baseline --out scores.csv
  iqa-train predict a.jpg b.png --run Baseline --format json

Crops depend on the seed and the image's name: its path in the training data set if it lies there, else the file's
name. So an image's score does not depend on the other images, and test images get the same predictions as in the run's
predictions-test.csv (on a CPU, to the last digit)."""
_EPILOG = "exit status: 0 done, 1 some images were not scored, 2 usage, or no images; 130 interrupted, scores are kept"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError before anything is written."""
    options = _options(argv)

    from iqa_train.cli.find_finished import finished_runs
    from iqa_train.cli.find_images import find_images
    from iqa_train.cli.lease_device import check_gpu, lease_device
    from iqa_train.cli.predictions_out import PredictionsOut
    from iqa_train.cli.text import say
    from iqa_train.devices.leases import Holder
    from iqa_train.runner.worker_call import call_worker

    check_gpu(options.gpu, options.slots)
    run = _one(finished_runs(options, [options.run], seed=options.seed))
    rounds = int(run.spec["settings"].get("train_test_num", 1))
    if options.round > rounds:
        raise UsageError(f"--round {options.round}: {run.experiment} has {rounds} round{'s' if rounds > 1 else ''}")
    complaints: list[str] = []
    images = find_images(options.images, complaints.append, lambda line: say(f"iqa-train: {line}"))
    roots, resize = _data_of(run)
    request = {
        "run": str(run.folder.path), "round": options.round, "roots": roots, "resize": resize, "images": images,
        "threads": options.threads,
    }  # fmt: skip
    device, lease = lease_device(Holder(f"iqa-train predict with {run.experiment}", str(run.spec["study"])), options)
    form = "json" if options.json else options.format
    with PredictionsOut(options.out, form) as out, _Scoring(run, images, out) as scoring:
        for complaint in complaints:
            scoring.complain(complaint)
        try:
            call_worker("predict_worker", request, device, lease, scoring.on_event)
            scoring.require_all()
        except (KeyboardInterrupt, RunError):
            scoring.end(complete=False)
            raise
        scoring.end(complete=True)
    lease.close()
    return 1 if scoring.errors else 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    from iqa_train.cli.lease_device import add_device_options

    parser = Parser("iqa-train predict", _DESCRIPTION, _EPILOG)
    parser.add_argument("images", nargs="+", metavar="IMAGE|FOLDER", help="image files, or folders of them")
    parser.add_argument("--run", required=True, metavar="ID", help="experiment id, or a run's folder")
    parser.add_argument("--seed", type=whole_number(0), metavar="N", help="the run of this seed [the first finished]")
    parser.add_argument("--round", type=whole_number(1), default=1, metavar="N", help="round of several [1]")
    parser.add_argument("--out", type=Path, metavar="FILE", help="file to write [standard output]")
    parser.add_argument(
        "--format", choices=("csv", "json"), default="csv", help="csv: image,prediction; json: one object [csv]"
    )
    parser.add_argument("--json", action="store_true", help="short for --format json")
    parser.add_argument(
        "--threads", type=whole_number(1), metavar="N",
        help="threads on a CPU; with others than the run's, the last digits may differ [the run's]",
    )  # fmt: skip
    add_study_options(parser)
    add_device_options(parser)
    options = parser.read(argv)
    if options.out is not None and not options.out.parent.is_dir():
        raise UsageError(f"--out {options.out}: the folder {options.out.parent} does not exist")
    if options.out is not None and options.out.is_dir():
        raise UsageError(f"--out {options.out} is a folder; name a file")
    return options


def _one(runs: "Sequence[RunRecord]") -> "RunRecord":
    from iqa_train.cli.text import say

    run = runs[0]
    if len(runs) > 1:
        say(f"seed {run.seed} of {', '.join(str(other.seed) for other in runs)}; --seed chooses another")
    return run


def _data_of(run: "RunRecord") -> tuple[list[str], Sequence[int] | None]:
    """Where the training data set was and is now, and the size its images are usually stored at.

    For old runs, whose provenance does not have the size, it is taken from the data set. Raises DataError if that is
    not here.
    """
    from iqa_train.datasets.catalogue import read_table
    from iqa_train.errors import DataError
    from iqa_train.runs.documents import read_provenance
    from iqa_train.runs.project import data_root
    from iqa_train.study.spec import DataSource

    recorded = (read_provenance(run.folder.provenance) or {}).get("data", {})
    settings = run.spec["settings"]
    root = data_root(recorded, run.folder.path.absolute().parents[2])
    then = [str(root)] if root is not None else []
    source = DataSource.model_validate_json(json.dumps(run.spec.get("source") or {}))
    try:
        table = read_table(settings["dataset"], source, settings.get("data_dir", ""))
    except DataError:
        if "resize" not in recorded and settings.get("resize", "auto") == "auto":
            raise
        return then, recorded.get("resize")
    custom = None if table.resize is None else list(table.resize)
    return [*then, str(table.root)], recorded.get("resize", custom)


class _Scoring:
    """Passes on the worker's events: predictions to the output, errors to the terminal."""

    def __init__(self, run: "RunRecord", images: Sequence[str], out: "PredictionsOut") -> None:
        from iqa_train.cli.progress_bar import StageBar

        self._run, self._images, self._out = run, images, out
        self._bar = StageBar()
        self.done = self.errors = 0
        self.failure = ""

    def __enter__(self) -> "_Scoring":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def on_event(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "failed":
            self.failure = event["message"]
        elif event["event"] == "suspended":
            self._bar.say(f"iqa-train: {event['message']}")
        elif event["event"] == "loaded":
            about = {"experiment": self._run.experiment, "study": self._run.spec["study"], "seed": event["seed"]}
            self._out.begin(about | {"epoch": event["epoch"], "run_dir": str(self._run.folder.path)})
        else:
            for index, value in event["rows"]:
                if isinstance(value, str):
                    self._out.skip(self._images[index], value)
                    self.complain(value)
                else:
                    self._out.row(self._images[index], value)
            self.done += len(event["rows"])
            self._out.flush()
            self._bar.move("scoring", self.done, len(self._images), "images")

    def require_all(self) -> None:
        """Raise RunError if the worker ended before the last image."""
        if self.failure:
            raise RunError(self.failure)
        if self.done < len(self._images):
            raise RunError(f"the worker ended after {self.done} of {len(self._images)} images")

    def complain(self, sentence: str) -> None:
        """Report an image that is skipped."""
        from iqa_train.errors import visible

        self.errors += 1
        self._bar.say(f"iqa-train: {visible(sentence)}")

    def end(self, *, complete: bool) -> None:
        self._out.end(complete=complete)
