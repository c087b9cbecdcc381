"""Runs that Slurm carries out, on any of its nodes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from iqa_train.runs.layout import RunFolder
from iqa_train.runs.slurm_job import slurm_watch
from iqa_train.scheduler.backend import CANNOT_START, QueueLook
from iqa_train.scheduler.queue import Item, batch_words
from iqa_train.scheduler.slurm.plan import answers
from iqa_train.scheduler.slurm.reconcile import reconcile
from iqa_train.scheduler.slurm.stop_job import stop_job
from iqa_train.scheduler.slurm.submissions import by_cluster, read_submissions, tasks_now
from iqa_train.scheduler.slurm.troubles import Trouble, read_troubles
from iqa_train.slurm.answer import UNKNOWN, Answer
from iqa_train.slurm.commands import is_available
from iqa_train.slurm.reasons import at_clock, silence_words, waiting_words

_NO_COMMANDS = "Slurm's commands are not on this machine's PATH; a login node of the cluster has them"


_NO_ROOM = "JobArrayTaskLimit"  # what Slurm calls that within one array


class SlurmBackend:
    """See `scheduler.backend.Backend`."""

    def submit(self, runs_dir: Path) -> str:
        """Reconcile, and try again what was refused before."""
        return reconcile(runs_dir, asked=True, forgiving=True)

    def answers(self, look: QueueLook) -> dict[str, Answer]:
        """From squeue and what has been submitted."""
        open_ = look.open(slurm=True)
        if not open_:
            return {}
        items = [item for item, _ in open_]
        listed = slurm_watch().listed(look.runs_dir)
        submissions, elsewhere = by_cluster(read_submissions(look.runs_dir), listed.cluster)
        if listed.time is None:
            known = dict.fromkeys((item.key for item in items), UNKNOWN)
        else:
            known = answers(items, submissions, tasks_now(submissions, listed.jobs))
        missing = "" if is_available() else _NO_COMMANDS
        silent = missing or ("" if listed.time is not None or listed.error is None else "Slurm does not answer")
        troubles = read_troubles(look.runs_dir)
        known = {key: self._confirmed(answer, look.runs_dir) for key, answer in known.items()}
        known |= {key: replace(UNKNOWN, words=f"submitted to the cluster {name}") for key, name in elsewhere.items()}
        held = {key for one in submissions if one.held for key in one.keys}
        found = {
            item.key: _worded(item, known.get(item.key), troubles.get(item.key), silent, look, held=item.key in held)
            for item in items
        }
        alive = any(answer.kind in {"waiting", "running"} for answer in found.values())
        for key, answer in found.items():
            trouble = troubles.get(key)
            if trouble is not None and trouble.refused and answer.kind == "gone" and not look.queue.paused:
                found[key] = replace(answer, words=f"{answer.words}; {_next_try(trouble, alive=alive)}")
        return found

    def _confirmed(self, answer: Answer, runs_dir: Path) -> Answer:
        """The answer, if it is not merely that squeue does not list the job."""
        unlisted = answer.kind == "gone" and answer.job and not answer.state
        return UNKNOWN if unlisted and not slurm_watch().is_gone(runs_dir, answer.job) else answer

    def silence(self, runs_dir: Path) -> str:
        """That Slurm does not answer, in a sentence; "" while it does."""
        return silence_words(slurm_watch().listed(runs_dir)) if is_available() else ""

    def stop(self, run: RunFolder, grace: float, waiting: Callable[[], None]) -> str:
        """Ask its runner through the run folder and the job; cancel the job after the grace."""
        return stop_job(run, grace, waiting)


def _worded(
    item: Item, answer: Answer | None, trouble: Trouble | None, silent: str, look: QueueLook, *, held: bool
) -> Answer:
    """The answer with words for why the run waits. `held`: its array is, by us."""
    if silent:
        return replace(answer or UNKNOWN, words=silent)
    if answer is not None and answer.kind == "waiting" and held and not look.queue.paused:
        limit = (item.slurm or {}).get("array_limit")
        words = f"Slurm job {answer.job} is held: array_limit = {limit} is in use"
        return replace(answer, reason=_NO_ROOM, words=words)
    if answer is not None and answer.reason == "BeginTime" and trouble is not None and not look.queue.paused:
        when = f" {at_clock(answer.start)}" if answer.start is not None else ""
        return replace(answer, words=f"{trouble.words}; Slurm job {answer.job} tries again{when}")
    if answer is not None and answer.kind in {"waiting", "running"}:
        return replace(answer, words=waiting_words(answer, paused=look.queue.paused))
    if answer is not None and answer.kind == "unknown":
        return replace(answer, words=answer.words or "asking Slurm")
    gone = answer or Answer("gone")
    if look.queue.paused:
        return replace(gone, words="the queue is paused")
    if trouble is not None:
        words = trouble.words if trouble.refused else f"{trouble.words}; {trouble.next_words}"
        return replace(gone, words=f"{CANNOT_START}: {words}" if trouble.lasting else words)
    earlier = [i.batch for i, s in look.status if s.phase != "settled" and i.batch < item.batch]
    if earlier and look.queue.policy == "batches":
        batch = [i for i, _ in look.status if i.batch == min(earlier)]
        return replace(gone, words=f"waiting for {batch_words(batch)}")
    return replace(gone, words="about to be submitted to Slurm")


def _next_try(trouble: Trouble, *, alive: bool) -> str:
    """When a run that was refused is submitted again, and by whom."""
    if alive:
        return "it is submitted again when a job of this queue ends, or by iqa-train queue resume"
    when = at_clock(trouble.until)
    return f"no job is left that would submit it again: iqa-train queue resume does, or any command {when} or later"


SLURM = SlurmBackend()
