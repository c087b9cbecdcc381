"""Puts a run of another machine into its place here: completely or not at all, whenever the process is killed.

A run is made under a hidden name beside its place, `.merge-copy-*`, which counts for nothing and is removed by the next
merge. Where it replaces a folder, that one is moved aside, into `.merge-swap-*`, before the new one takes its name;
the next merge completes what was killed in between. Nothing there is the only copy of anything until then.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from iqa_train.errors import RunError
from iqa_train.files import read_json, sync_folder, write_json
from iqa_train.locks import lock_now, open_lock
from iqa_train.runs.code_copy import damaged_copies
from iqa_train.runs.import_folder import folder_mode
from iqa_train.runs.layout import Attempt, RunFolder, folders_in, is_attempt
from iqa_train.runs.merge.attempt_logs import join_log
from iqa_train.runs.merge.copy_files import copy_tree, link_tree, same_files
from iqa_train.runs.merge.decide import shared_attempts
from iqa_train.runs.merge.side import ASIDE, Side, asides, attempt_id
from iqa_train.runs.merge.source import Source
from iqa_train.runs.state import run_state

_COPY, _SWAP = ".merge-copy-", ".merge-swap-"
_OLD = "old-"  # before the name of the run
_PATIENCE = 1.0


class Place:
    """The runs folder and the logs folder that runs of `source` are put into."""

    def __init__(self, source: Source, runs_dir: Path, logs_dir: Path, require: Callable[[], None]) -> None:
        """`require` raises where this is not the only merge any more; asked before anything gets its name."""
        self._require = require
        self._source = source
        self._runs_dir = runs_dir
        self._logs_dir = logs_dir

    def join(self, there: Side, target: RunFolder) -> None:
        """A run that is not here, or that was queued here and never started."""
        with self._scratch(target) as scratch:
            made = RunFolder(scratch / target.path.name)
            copy_tree(there.run.path, made.path)
            self._join_logs(made.path)
            if target.path.exists():
                self._add_here(made, target)
                self._swap(scratch, target, ())
            else:
                self._require()
                _rename(made.path, target.path)

    def join_as_repeat(self, there: Side, target: RunFolder) -> None:
        """A finished run, as a repeat of the one here."""
        with self._scratch(target) as scratch:
            made = RunFolder(scratch / target.path.name)
            copy_tree(there.run.path, made.path)
            self._join_logs(made.path)
            document = read_json(made.provenance) or {}
            words = f"the same run on {there.host or 'another machine'}, joined from there"
            stat = made.provenance.stat() if made.provenance.exists() else None
            write_json(made.provenance, {**document, "repeat": {"number": target.repeat, "rounding": words}})
            if stat is not None:
                os.utime(made.provenance, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            self._require()
            _rename(made.path, target.path)

    def keep_aside(self, there: Side, target: RunFolder) -> Path:
        """The whole run, in a folder of the run here, which stays as it is."""
        with self._scratch(target) as scratch:
            made = scratch / target.path.name
            copy_tree(there.run.path, made)
            self._join_logs(made)
            self._require()
            aside = _free_aside(target.path)
            _rename(made, aside)
            return aside

    def replace(self, there: Side, here: Side) -> None:
        """The run there takes the place of the unfinished one here, whose attempts are the earlier ones.

        What these left is kept in the folder of the last of them, as by --again. Where the run there is a later state
        of the one here, it replaces what it was.
        """
        target = here.run
        with self._scratch(target) as scratch:
            made = RunFolder(scratch / target.path.name)
            made.path.mkdir()
            shared = shared_attempts(there, here)
            attempts = target.attempts()
            earlier = attempts[: len(attempts) - shared]
            for attempt in earlier:
                link_tree(attempt.folder, made.path / attempt.folder.name)
            first = attempts[len(earlier)].number if shared else attempts[-1].number + 1
            originals = there.run.attempts()
            for number, attempt in enumerate(originals, first):
                copy_tree(attempt.folder, made.path / f"attempt-{number:02d}")
            copy_tree(there.run.path, made.path, lambda name: not is_attempt(name) and not name.startswith(ASIDE))
            self._join_logs(made.path, first)
            self._add_here(made, target, earlier[-1] if earlier and not shared else None)
            known = {*here.tries, *here.kept}
            for aside in asides(there.run.path):
                if not {attempt_id(one) for one in RunFolder(aside).attempts()} <= known:
                    copy_tree(aside, into := _free_aside(made.path))
                    self._join_logs(into)
            if shared and not _is_later_state(made, target, [attempt.folder.name for attempt in earlier]):
                link_tree(target.path, _free_aside(made.path))
            self._swap(scratch, target, here.tries)

    def add_tests(self, there: Side, here: Side) -> list[str]:
        """Tests on other data sets, of a run that is finished in both alike, that are not here; returns their names."""
        added = []
        rounds = max(1, len(here.result.get("rounds", [])))
        for name in there.run.round(1, rounds).cross_datasets():
            for number in range(1, rounds + 1):
                one, other = there.run.round(number, rounds), here.run.round(number, rounds)
                if other.predictions(name).exists() or not one.tested(name).exists():
                    continue
                kinds = ("references", "opinions", "predictions")
                paths = [one.folder / f"{kind}-{name}.csv" for kind in kinds]
                with self._scratch(here.run) as scratch:
                    names = {path.name for path in (*paths, one.tested(name))}
                    made = scratch / "tests"
                    copy_tree(one.folder, made, names.__contains__)
                    for path in (*paths, one.tested(name)):
                        if (made / path.name).exists() and not (other.folder / path.name).exists():
                            (made / path.name).rename(other.folder / path.name)
                added.append(name)
        return list(dict.fromkeys(added))

    def _join_logs(self, folder: Path, first: int = 1) -> None:
        """Of the attempts in a copied folder, and in what had been set aside in it."""
        for attempt in RunFolder(folder).attempts():
            if attempt.number >= first:
                join_log(attempt, self._source, self._runs_dir, self._logs_dir)
        if first == 1:
            for aside in asides(folder):
                self._join_logs(aside)

    def _add_here(self, made: RunFolder, target: RunFolder, last: Attempt | None = None) -> None:
        """What of the folder here stays: its specification, its lock, what was set aside; the rest goes with `last`."""
        for path in sorted(target.path.iterdir()):
            own = made.path / path.name
            if is_attempt(path.name) or path.name.startswith("."):
                continue
            if path.name.startswith(ASIDE):
                link_tree(path, own if not own.exists() else _free_aside(made.path))
            elif path == target.spec:
                own.unlink(missing_ok=True)
                link_tree(path, own)
            elif path == target.code:
                if not _is_damaged(target):
                    shutil.rmtree(own, ignore_errors=True)
                    link_tree(path, own)
            elif path == target.lock:
                link_tree(path, own)
            elif last is not None:
                kept = made.path / last.folder.name / path.name
                if os.path.lexists(kept):
                    raise RunError(f"{last.folder / path.name} and {path} are both there; move one of them away")
                link_tree(path, kept)

    def _swap(self, scratch: Path, target: RunFolder, expected: tuple[str, ...]) -> None:
        """Give the new folder in `scratch` the name of the one here, whose lock is held meanwhile."""
        changed = f"{target.path} was started or changed meanwhile; merge again"
        descriptor = open_lock(target.lock)
        try:
            if run_state(target).alive or not lock_now(descriptor, patience=_PATIENCE):
                raise RunError(changed)
            if tuple(attempt_id(attempt) for attempt in target.attempts()) != expected:
                raise RunError(changed)
            new = RunFolder(scratch / target.path.name)
            if not new.lock.exists():
                link_tree(target.lock, new.lock)
            swap = scratch.with_name(scratch.name.replace(_COPY, _SWAP))
            sync_folder(new.path)
            self._require()
            scratch.rename(swap)
            sync_folder(swap.parent)
            target.path.rename(swap / f"{_OLD}{target.path.name}")
            _rename(swap / target.path.name, target.path)
            shutil.rmtree(swap, ignore_errors=True)
        finally:
            os.close(descriptor)

    @contextmanager
    def _scratch(self, target: RunFolder) -> Iterator[Path]:
        folder = target.path.parent
        folder.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(prefix=_COPY, dir=folder))
        try:
            path.chmod(folder_mode())
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def recover(runs_dir: Path) -> list[RunFolder]:
    """Complete what a merge left that was killed; needs that no other merge is at work. Returns the runs completed."""
    completed = []
    for swap in _left(runs_dir, _SWAP):
        for old in list(swap.glob(f"{_OLD}*")):
            target = RunFolder(swap.with_name(old.name.removeprefix(_OLD)))
            new = swap / target.path.name
            if new.exists():
                _rename(new, _free_aside(target.path) if target.path.exists() else target.path)
                completed.append(target)
            elif not target.path.exists():
                _rename(old, target.path)
        shutil.rmtree(swap, ignore_errors=True)
    for copy in _left(runs_dir, _COPY):
        shutil.rmtree(copy, ignore_errors=True)
    return completed


def _left(runs_dir: Path, prefix: str) -> list[Path]:
    """The folders beside runs that a merge which was killed has left."""
    experiments = [runs_dir / study / name for study in folders_in(runs_dir) for name in folders_in(runs_dir / study)]
    return [folder / name for folder in experiments for name in folders_in(folder) if name.startswith(prefix)]


def _rename(made: Path, target: Path) -> None:
    """Never onto something that holds anything."""
    try:
        made.rename(target)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
            raise RunError(f"{target} has appeared meanwhile; merge again") from None
        raise
    sync_folder(target.parent)


def _free_aside(folder: Path) -> Path:
    numbers = [int(number) for path in asides(folder) if (number := path.name.removeprefix(ASIDE)).isdecimal()]
    return folder / f"{ASIDE}{max(numbers, default=0) + 1:02d}"


def _is_damaged(run: RunFolder) -> bool:
    """Whether the copy of own code is not what spec.json says."""
    code = (read_json(run.spec) or {}).get("code") or {}
    return bool(damaged_copies(run, code.get("files", {})))


def _is_later_state(made: RunFolder, target: RunFolder, earlier: Collection[str]) -> bool:
    """Whether all files of the run here, but for those of `earlier` attempts, are in the new folder, too."""
    stay = {
        *earlier,
        target.spec.name,
        target.code.name,
        target.lock.name,
        *(path.name for path in asides(target.path)),
    }
    parts = [path for path in target.path.iterdir() if path.name not in stay and not path.name.startswith(".")]
    return all(
        same_files(path, made.path / path.name) if path.is_dir() else (made.path / path.name).exists() for path in parts
    )
