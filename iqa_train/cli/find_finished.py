"""Finds the finished runs that a command line names; for a run that is not finished, says what to do first."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from iqa_train.cli.parser import profile_of
from iqa_train.cli.text import say
from iqa_train.errors import UsageError, did_you_mean, visible
from iqa_train.results.run_record import RunRecord, record
from iqa_train.results.selection import RunSelection, chosen_runs
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.specfile import read_spec


def finished_runs(options: argparse.Namespace, names: Sequence[str] | None, *, seed: int | None) -> list[RunRecord]:
    """The finished runs, with their networks, of experiments by id or of run folders; None: of all experiments.

    Unfinished seeds are skipped with a message. Raises UsageError for an unknown name, and if no run is finished.
    """
    folders = [Path(name) for name in names or () if "/" in name or (Path(name) / "spec.json").exists()]
    ids = None if names is None else [name for name in names if Path(name) not in folders]
    found = [_of_folder(path) for path in folders]
    if ids is None or ids:
        found += _of_experiments(options, ids)
    if seed is not None:
        seeds = sorted({run.seed for run in found})
        found = [run for run in found if run.seed == seed]
        if not found:
            raise UsageError(f"there is no run with seed {seed}; seeds here: {', '.join(map(str, seeds))}")
    complaints = {id(run): _complaint(run, options) for run in found}
    ready = [run for run in found if not complaints[id(run)]]
    if not ready:
        raise UsageError(next(iter(complaints.values()), "there are no runs here; iqa-train --exp ID starts one"))
    for run in found:
        if complaints[id(run)]:
            say(f"skipped: {complaints[id(run)]}")
    return ready


def _of_folder(path: Path) -> RunRecord:
    if not (path / "spec.json").exists():
        raise UsageError(f"{path} is not a run folder: it has no spec.json; run folders are runs/<study>/<experiment>/")
    run = RunFolder(path)
    return record(read_spec(run), run)


def _of_experiments(options: argparse.Namespace, ids: Sequence[str] | None) -> list[RunRecord]:
    chosen = chosen_runs(Path(options.runs_dir), options.study, options.experiments, profile_of(options))
    there = list(dict.fromkeys(run.experiment for run in chosen.runs))
    for name in ids or ():
        if name not in there:
            known = did_you_mean(name, there) if there else "there are no runs of it"
            raise UsageError(f'unknown experiment "{visible(name)}" in {chosen.name}; {known}')
    found = [run for run in chosen.runs if ids is None or run.experiment in ids]
    _note_other_settings(chosen, found)
    return found


def _note_other_settings(chosen: RunSelection, found: Sequence[RunRecord]) -> None:
    """Say if an experiment without a run has runs with other settings than the study file's."""
    meant = {run.experiment for run in found if not run.folder.attempts()}
    for note in chosen.notes:
        if any(f" {name} (" in note for name in meant):
            say(f"note: {note}; give its folder to use it")


def _complaint(run: RunRecord, options: argparse.Namespace) -> str:
    """Why the run has no usable network, and what to do; "" if it has one."""
    name, state = f"{run.experiment} ({run.folder.seed_words})", run.state
    profile = profile_of(options)
    train = f"iqa-train --exp {run.experiment}" + (f" --profile {profile}" if profile else "")
    if run.kind.name == "external":
        return f"{name} has imported predictions and no network (external, trained on {run.kind.about})"
    if run.kind.name == "command":
        return f"{name} was trained by a program of the study ({run.kind.about}), which alone has its network"
    if run.kind.name == "imported log":
        return f"{name} was imported from a log, which holds no network; {train} trains one"
    if state.alive:
        return f"{name} is {state.name}; wait until it has ended (iqa-train status --watch)"
    if not run.folder.attempts():
        return f"{name} has not been run; {train} runs it"
    if not state.finished:
        why = f" ({state.reason.partition(';')[0]})" if state.reason else ""
        return f"{name} is not finished: {state.name}{why}; {train} --resume continues it"
    rounds = int(run.spec["settings"].get("train_test_num", 1))
    for number in range(1, rounds + 1):
        best = run.folder.round(number, rounds).best
        if not best.is_file():
            return f"{name} has lost its network: {best} is missing; {train} --again trains it again"
    return ""
