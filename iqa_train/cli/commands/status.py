"""`iqa-train status`: the states of runs: what they wait for, how far they are, how they ended."""

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from iqa_train.cli.find_rows import in_study_order
from iqa_train.cli.parser import Parser, add_study_options
from iqa_train.cli.scope import study_named
from iqa_train.cli.status_table import status_lines
from iqa_train.cli.text import output_width, plain
from iqa_train.errors import visible
from iqa_train.runs.kind import waiting, waits_words
from iqa_train.runs.snapshot import SnapshotReader
from iqa_train.scheduler.overview import read_overview
from iqa_train.study.find import experiments_in_order, external_experiments, file_option, find_study
from iqa_train.terminal import raw

_DESCRIPTION = """\
Show every run of the queue, and every other run of its studies: state and reason, device, epoch, test SRCC so far, time
left. Everything is read from the runs' files at each call, and any number of people may watch. The owner's look also
brings Slurm up to date: runs that have no job are submitted, and jobs of runs that were removed are cancelled."""
_EPILOG = "exit status: 0 done, 1 a state file is damaged, 2 usage"
_CLEAR = "\x1b[H\x1b[J"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status. Raises UserError."""
    parser = Parser("iqa-train status", _DESCRIPTION, _EPILOG)
    parser.add_argument(
        "--watch",
        action="store_true",
        help="refresh every two seconds until Ctrl-C (with TERM=dumb, print only changes)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    add_study_options(parser)
    options = parser.read(argv)
    study, nvml, reader, shown = study_named(options), None, SnapshotReader(), None
    if options.watch:
        from iqa_train.devices.nvml import Nvml

        nvml = Nvml()  # one connection to the driver for all looks
    while True:
        overview = read_overview(Path(options.runs_dir), study, nvml, reader=reader)
        if len(overview.rows) > 1:
            experiments = experiments_in_order(find_study(options.experiments))
            overview = replace(overview, rows=tuple(in_study_order(overview.rows, experiments)))
        named, external = external_experiments(find_study(options.experiments), study or overview.study)
        waits = waiting(external, named, Path(options.runs_dir)) if external else []
        if options.json:
            document = overview.as_json() | {"wait_for_predictions": waits}
            text = json.dumps(document, indent=None if options.watch else 2, ensure_ascii=False)
        else:
            live = sys.stdout.isatty()
            lines = status_lines(overview, overview.rows, output_width())
            if study is not None and not overview.rows:
                lines = [f"no run of {visible(study)} is queued or has been started in {options.runs_dir}"]
            option = file_option(find_study(options.experiments))
            text = "\n".join([*lines, *(plain(f"{name} {waits_words(name, option)}") for name in waits)])
            if options.watch and live and os.environ.get("TERM") == "dumb":
                current = [
                    (row.experiment, row.seed, row.state, row.device, row.progress.epoch) for row in overview.rows
                ]
                text, shown = "" if current == shown else text, current
            elif options.watch and live:
                raw(sys.stdout).write(_CLEAR)
        if text:
            print(text, flush=True)
        if not options.watch:
            return 0
        time.sleep(2)
