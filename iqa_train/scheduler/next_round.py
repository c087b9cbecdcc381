"""Takes a look at a study and queues the next round of its design: a process that the scheduler starts.

`python -m iqa_train.scheduler.next_round RUNS_DIR STUDY`. All of a round is queued in one step, under the queue's lock
and only while further rounds are wanted, so that it may be killed at any moment and started again.
"""

import iqa_train.startup  # noqa: F401 (before anything that opens a file)

# isort: split
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from iqa_train.errors import RunError, UserError
from iqa_train.locks import LockedError
from iqa_train.results.look_text import progress_text
from iqa_train.results.looks import StudyLooks, take_looks
from iqa_train.results.run_record import RunRecord, record
from iqa_train.runs.design_file import SealedDesign, read_design
from iqa_train.runs.layout import RunFolder, counted_folders
from iqa_train.runs.provenance import code_fingerprint
from iqa_train.runs.specfile import read_spec
from iqa_train.runs.state import run_state
from iqa_train.scheduler.backend import submit_queue
from iqa_train.scheduler.item_status import item_status
from iqa_train.scheduler.queue import Item, Queue, Rounds, added, edit_queue, read_queue, without_rounds
from iqa_train.scheduler.submit import declare, without_gaps


def next_round(runs_dir: Path, study: str) -> str:
    """Queue what the next look needs, or end the rounds; returns what was done, in words. Raises UserError."""
    wanted = read_queue(runs_dir).rounds.get(study)
    if wanted is None:
        return ""
    design = read_design(runs_dir, study)
    if design is None or not design.looks:
        raise RunError(f"{runs_dir / study}/design.json is missing, without which no further round can be queued")
    looks = take_looks(_records(wanted, design, runs_dir), design)
    words = progress_text(looks)
    items = [] if looks.ended else _items(looks, wanted, runs_dir)
    with edit_queue(runs_dir) as edit:
        edit.queue = _queued(edit.queue, study, items, words, runs_dir, ended=bool(looks.ended))
    submit_queue(runs_dir, edit.queue)
    return f"{study}: {words}"


def _queued(queue: Queue, study: str, items: Sequence[Item], words: str, runs_dir: Path, *, ended: bool) -> Queue:
    """The queue with the items that were not tried yet; what was tried in vain is waited for."""
    if study not in queue.rounds:  # stopped meanwhile
        return queue
    queue = replace(queue, looks={**queue.looks, study: words})
    if ended:
        return without_rounds(queue, [study])
    known = {item.key: item for item in queue.items}
    new = [item for item in items if item.key not in known and not item.after]
    over = [item for item in items if _is_over(known.get(item.key), item, runs_dir)]
    waits = "; ".join(_why_it_waits(item, runs_dir) for item in over)
    rounds = replace(queue.rounds[study], waits=waits)
    return replace(added(queue, without_gaps(new)), rounds={**queue.rounds, study: rounds})


def _is_over(queued: Item | None, item: Item, runs_dir: Path) -> bool:
    """Whether the run has been tried and nothing continues it, in the queue or outside it."""
    if queued is not None:
        return item_status(queued, runs_dir).phase == "settled"
    return item.after > 0 and not run_state(RunFolder(runs_dir / item.run)).alive


def _why_it_waits(item: Item, runs_dir: Path) -> str:
    """What is to be done about a run that the round needs and that has ended without a usable result."""
    state = run_state(RunFolder(runs_dir / item.run))
    name = f"{item.experiment} (seed {item.seed})"
    if state.finished:
        return (
            f"the design waits for {name}, whose predictions cannot be compared: `iqa-train results` says why; "
            f"iqa-train relaunch {item.run} --again repeats it with its seed"
        )
    why = f": {state.reason}" if state.reason else ""
    return (
        f"the design waits for {name}, which is {state.name}{why}; iqa-train relaunch {item.experiment} repeats it "
        "with its seed"
    )


def _records(wanted: Rounds, design: SealedDesign, runs_dir: Path) -> list[RunRecord]:
    """The runs of the design's experiments with the settings that were queued."""
    hashes = {(item.experiment, RunFolder(runs_dir / item.run).config_hash) for item in wanted.items}
    names = {design.baseline, *design.experiments}
    if missing := sorted(names - {name for name, _ in hashes}):
        raise RunError(f"{missing[0]} is in the design but was not queued; iqa-train --all --until-decided does that")
    study = wanted.items[0].study
    found = [run for run in counted_folders(runs_dir, study) if (run.experiment, run.config_hash) in hashes]
    return [record(read_spec(run), run) for run in found if run.seed in design.seeds]


def _items(looks: StudyLooks, wanted: Rounds, runs_dir: Path) -> list[Item]:
    """The items of the runs that the next look needs, their folders made."""
    templates = {item.experiment: item for item in wanted.items}
    code, items = code_fingerprint(), []
    for experiment, seed in looks.missing:
        template = templates[experiment]
        of_template = RunFolder(runs_dir / template.run)
        run = of_template.of_seed(seed)
        spec = read_spec(of_template)
        tried = run.attempts()
        if not tried:
            declare(run, spec.model_copy(update={"settings": spec.settings.model_copy(update={"seed": seed})}))
        after = max((attempt.number for attempt in tried), default=0)
        name = str(run.path.relative_to(runs_dir))
        items.append(replace(template, run=name, seed=seed, after=after, again=False, told=False, code=code))
    return items


def _look(runs_dir: Path, study: str) -> str:
    """As `next_round`; what only a person can repair is noted in the queue, where `iqa-train status` shows it."""
    try:
        return next_round(runs_dir, study)
    except LockedError:
        raise
    except UserError as error:
        words = f"no further round is queued: {error}; after that, iqa-train queue resume continues"
        with edit_queue(runs_dir) as edit:
            rounds = edit.queue.rounds
            if study in rounds:
                noted = {**rounds, study: replace(rounds[study], waits=words)}
                edit.queue = replace(edit.queue, rounds=noted)
        return f"{study}: {words}"


def main(argv: Sequence[str] | None = None) -> int:
    """Take the look; returns the exit code."""
    runs_dir, study = sys.argv[1:] if argv is None else argv
    try:
        words = _look(Path(runs_dir), study)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename or runs_dir}: {error.strerror}\n")
        return 1
    if words:
        sys.stdout.write(f"{words}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
