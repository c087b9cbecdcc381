"""`iqa-train test`: tests finished runs on data sets they were not trained on."""

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from iqa_train.cli.parser import Parser, add_study_options, whole_number
from iqa_train.errors import UsageError

if TYPE_CHECKING:
    from iqa_train.results.run_record import RunRecord
    from iqa_train.study.spec import DataSource

_DESCRIPTION = """\
Test finished runs on data sets they were not trained on: every image of the set, with the network of the selected
epoch, on crops as in the run's own test. The results are kept in the run's folder, as if the set had been among
cross_datasets during training; iqa-train results --on SET, and the report, show them.

  iqa-train test --exp Baseline --on spaq,kadid-10k
  iqa-train test --all --on spaq
  iqa-train results --on spaq"""
_EPILOG = "exit status: 0 done, 1 a test failed, 2 usage, a missing data set, or no finished run; 130 interrupted"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError before anything is started."""
    from iqa_train.cli.lease_device import add_device_options, check_gpu, lease_device

    parser = Parser("iqa-train test", _DESCRIPTION, _EPILOG)
    parser.add_argument("--exp", nargs="+", metavar="ID", help="experiment ids, or runs' folders")
    parser.add_argument("--all", action="store_true", help="every finished experiment of the study")
    parser.add_argument("--on", required=True, metavar="SET,...", help="data sets to test on")
    parser.add_argument("--seed", type=whole_number(0), metavar="N", help="only the runs with this seed [every seed]")
    parser.add_argument("--again", action="store_true", help="repeat earlier tests and replace their results")
    add_study_options(parser)
    add_device_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    options = parser.read(argv)
    if bool(options.exp) == options.all:
        raise UsageError("give experiments (--exp ID...) or --all; see iqa-train test --help")
    check_gpu(options.gpu, options.slots)

    from iqa_train.cli.find_finished import finished_runs
    from iqa_train.devices.leases import Holder
    from iqa_train.runner.worker_call import call_worker, held_runs

    runs = finished_runs(options, None if options.all else options.exp, seed=options.seed)
    jobs = [_job(run, sets) for run, sets in _wanted(runs, options)]
    with held_runs([run.folder for run in runs]) as locks, _Shown(runs) as shown:
        holder = Holder(f"iqa-train test of {runs[0].experiment}", str(runs[0].spec["study"]))
        device, lease = lease_device(holder, options)
        code = call_worker(
            "cross_test_worker", {"again": options.again, "runs": jobs}, device, lease, shown.on_event, locks
        )
        lease.close()
    shown.print(as_json=options.json)
    return 1 if code else 0


def _wanted(
    runs: "Sequence[RunRecord]", options: argparse.Namespace
) -> "list[tuple[RunRecord, list[tuple[str, DataSource]]]]":
    """Each run with the sets to test it on, all of which can be read."""
    from iqa_train.cli.progress_bar import bar
    from iqa_train.datasets.catalogue import load_table
    from iqa_train.study.find import find_study
    from iqa_train.study.load import load_study
    from iqa_train.study.settings import OWN_SPLITS
    from iqa_train.study.spec import DataSource

    names = list(dict.fromkeys(name for part in options.on.split(",") if (name := part.strip())))
    if not names:
        raise UsageError("--on is empty; name data sets, such as spaq,kadid-10k")
    declared = load_study(find_study(options.experiments)).datasets
    looked_at: set[str] = set()
    wanted = []
    for run in runs:
        sets = []
        for name in names:
            if name == run.spec["settings"]["dataset"]:
                raise UsageError(
                    f"{run.experiment} was trained on {name}: its predictions on the test images are in "
                    f"{run.folder.path}, and it has seen the others; leave {name} out of --on"
                )
            if name in OWN_SPLITS:
                raise UsageError(f'"{name}" names the run\'s own images; give the set another name in [datasets]')
            recorded = (run.spec.get("cross_sources") or {}).get(name)
            source = declared.get(name) or (DataSource.model_validate(recorded) if recorded else DataSource())
            key = f"{name} {source.model_dump_json()}"
            if key not in looked_at:
                with bar(f"making the {name} set", "images") as progress:
                    load_table(name, source, "", progress)
                looked_at.add(key)
            sets.append((name, source))
        wanted.append((run, sets))
    return wanted


def _job(run: "RunRecord", sets: "list[tuple[str, DataSource]]") -> dict[str, Any]:
    entries = [{"name": name, "source": source.model_dump_json()} for name, source in sets]
    return {"run": str(run.folder.path), "sets": entries}


class _Shown:
    """Shows the worker's progress, and collects the results."""

    def __init__(self, runs: "Sequence[RunRecord]") -> None:
        from iqa_train.cli.progress_bar import StageBar

        self._runs = {str(run.folder.path): run for run in runs}
        self._bar = StageBar()
        self._tests: list[dict[str, Any]] = []

    def __enter__(self) -> "_Shown":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def on_event(self, event: Mapping[str, Any]) -> None:
        """One event of the worker."""
        kind = event["event"]
        if kind == "progress":
            self._bar.move(event["stage"], event["done"], event["total"], event["unit"])
            return
        if kind == "say":
            return  # the table has the measures
        if kind == "suspended":
            self._bar.say(f"iqa-train: {event['message']}")
            return
        run = self._runs[event["run"]]
        if kind == "failed":
            self._bar.say(f"iqa-train: {run.experiment} (seed {run.seed}) on {event['dataset']}: {event['message']}")
        entry = {"experiment": run.experiment, "seed": run.seed, "dataset": event["dataset"], "state": kind}
        measures = [{"srcc": None, "krcc": None, "plcc": None, "images": None, **r} for r in event.get("rounds", [])]
        kept = [{k: r[k] for k in ("srcc", "krcc", "plcc", "images")} for r in measures]
        self._tests.append(entry | {"rounds": kept, "reason": event.get("message", ""), "run_dir": event["run"]})

    def print(self, *, as_json: bool) -> None:
        """The table, or everything as JSON."""
        from iqa_train.cli.text import say, text_table

        if as_json:
            print(json.dumps({"tests": self._tests}, indent=2, ensure_ascii=False))
            return
        rows = [
            [t["experiment"], str(t["seed"] + k), t["dataset"], *(_number(r[m]) for m in ("srcc", "plcc", "krcc")),
             str(r["images"] or "-"), "tested before" if t["state"] == "known" else ""]
            for t in self._tests
            for k, r in enumerate(t["rounds"])
        ]  # fmt: skip
        head = ["Experiment", "Seed", "Data set", "SRCC", "PLCC", "KRCC", "Images", ""]
        if rows:
            print("\n".join(text_table(head, rows)))
        if any(t["state"] == "known" for t in self._tests):
            say("--again repeats earlier tests")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
