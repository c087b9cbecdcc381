"""What a run of a command does: open the data, let the program work, read what it reports, write the results."""

import re
import shlex
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from iqa_train.command_runs.conclude import collect_predictions, is_whole, round_result, write_found
from iqa_train.command_runs.contract import Contract, make_contract
from iqa_train.command_runs.epoch_journal import EpochJournal
from iqa_train.command_runs.epochs import SECONDS_FOR_A_LINE, EpochReports
from iqa_train.command_runs.left_reports import HEADER_ENDS, write_left_reports
from iqa_train.command_runs.lines import EVENT, LineTail
from iqa_train.command_runs.output_folder import output_folder
from iqa_train.command_runs.program import run_program
from iqa_train.datasets.catalogue import load_table
from iqa_train.datasets.splits import split_origin, split_table
from iqa_train.datasets.table import ImageTable, Split
from iqa_train.errors import DataError, RunError, visible
from iqa_train.redaction import public_command, without_secrets
from iqa_train.runs import outcome
from iqa_train.runs.attempt_facts import continued_by, read_runner_info
from iqa_train.runs.documents import read_provenance
from iqa_train.runs.fence import FencedWriter
from iqa_train.runs.journal import Journal, Stopped
from iqa_train.runs.layout import Attempt, RunFolder
from iqa_train.runs.metrics import epoch_events
from iqa_train.runs.provenance import package_versions
from iqa_train.runs.result_document import write_result
from iqa_train.runs.run_provenance import record_provenance
from iqa_train.study.command import Command
from iqa_train.study.messages import shown
from iqa_train.study.spec import RunSpec
from iqa_train.text import join_names, plural

_NO_MEMORY = re.compile(r"(CUDA|HIP|GPU).{0,40}out of memory|OutOfMemoryError", re.IGNORECASE)
_LINES_KEPT = 100  # at the end of the output, in which the reason of a failure is looked for
_SHOWN = 160  # characters of its last line in the reason of a failure
_LARGEST_FILE = 1 << 26


@dataclass(frozen=True)
class _Run:
    """What a run of a command works with."""

    spec: RunSpec
    run: RunFolder
    attempt: Attempt
    table: ImageTable
    split: Split
    contract: Contract
    journal: Journal
    writer: FencedWriter


def carry_out(
    spec: RunSpec,
    run: RunFolder,
    attempt: Attempt,
    journal: Journal,
    writer: FencedWriter,
    stopping: Callable[[], bool],
    log: int | None,
    held: Sequence[int],
    *,
    resume: bool,
) -> tuple[int, str]:
    """Carry out a run; returns its exit code (negative: a signal) and final message.

    `log` reads what this process and the program write. The program inherits the descriptors `held`.
    Raises UserError for what keeps it from starting.
    """
    began = time.monotonic()
    assert spec.command is not None
    settings = spec.settings
    device = read_runner_info(attempt).get("device", {}).get("name", "CPU")
    journal.event("start", experiment=spec.experiment, seed=spec.seed, epochs=settings.epochs, device=device)
    table = load_table(settings.dataset, spec.source, settings.data_dir)
    split = split_table(table, settings.seed)
    output = output_folder(run, attempt, journal, writer, resume=resume and bool(spec.command.resume))
    contract = make_contract(spec, attempt, table, split, output, resume=resume)
    this = _Run(spec, run, attempt, table, split, contract, journal, writer)
    journal.say(*_header(this))
    _record(this, device, resume=resume)
    journal.check_stop()

    epochs = EpochJournal(journal, settings.epochs, epoch_events(run) if resume else ())
    if resume:  # after the copy of its folder: what was reported till then is what the program continues from
        write_left_reports(continued_by(run, attempt), spec.command.epochs, epochs)
    watch = _Watch(attempt, EpochReports(spec.command.epochs, epochs.report), log)

    def look() -> None:
        writer.check_at_times()
        watch()

    code = run_program(contract, held, stopping, attempt.stop, look)
    watch.finish()
    epochs.end()
    journal.say(*watch.remarks(spec.command), *([epochs.remark] if epochs.remark else []))
    try:
        found = collect_predictions(contract, table, split, journal) if code == 0 else {}
        if stopping() and not is_whole(found, epochs, settings.epochs):
            raise Stopped
        if code != 0:
            return _failed(code, watch)
        result = round_result(contract, spec.seed, found, epochs, time.monotonic() - began, journal)
    except (DataError, RunError) as error:
        if stopping():
            raise Stopped from None
        return outcome.UNEXPECTED, str(error)
    write_found(run.round(1, 1), found, writer)
    write_result(run, spec, [result], split, writer)
    return outcome.OK, "" if "test" in found else "reported by its program, without predictions: not tested"


def _failed(code: int, watch: "_Watch") -> tuple[int, str]:
    """Exit code and message for a program that ended with `code`, negative for a signal."""
    if code < 0:
        return code, f"the program was killed by signal {-code}"
    if code == outcome.INVALID:
        return outcome.INVALID, f"the program ended with code 2: its input cannot be used; {watch.last_words}"
    if watch.lacked_memory:
        return outcome.OUT_OF_MEMORY, f"out of memory: the program ended with code {code}; {watch.last_words}"
    return outcome.UNEXPECTED, f"the program ended with code {code}; {watch.last_words}"


class _Watch:
    """Reads what the program writes, each time it is called."""

    def __init__(self, attempt: Attempt, reports: EpochReports, log: int | None) -> None:
        self._reports = reports
        self._output = None if log is None else LineTail(descriptor=log)
        self._events = LineTail(attempt.events, longest=EVENT)
        self._last: deque[str] = deque(maxlen=_LINES_KEPT)

    def __call__(self, *, last: bool = False) -> None:
        if self._output is not None:
            self._reports.read_output(self._kept(self._output.lines(last=last)))
        self._reports.read_events(self._events.lines(last=last))

    def finish(self) -> None:
        """The program has ended: read the rest."""
        self(last=True)
        self._reports.end()

    @property
    def lacked_memory(self) -> bool:
        """Whether its last lines say so."""
        return any(_NO_MEMORY.search(line) for line in self._last)

    @property
    def last_words(self) -> str:
        """Where its output is, and the last line of it, which in Python is the error."""
        line = visible(without_secrets(next((line.strip() for line in reversed(self._last) if line.strip()), "")))
        if not line:
            return "it printed nothing"
        return f"its output is in the log, and ends with: {line if len(line) <= _SHOWN else line[:_SHOWN] + '...'}"

    def remarks(self, command: Command) -> list[str]:
        """What a person should know of the reports: patterns that fit nothing, and reports that were no numbers."""
        said = [
            f'note: the pattern "{visible(pattern)}" of epochs took more than {SECONDS_FOR_A_LINE:g} s for a line, '
            "perhaps for its nested repeats; it was not used from there on"
            for pattern in self._reports.slow
        ]
        if command.epochs and not self._reports.matched:
            said.append("note: no line of its output matched a pattern of epochs, so no epoch is known from it")
        if self._reports.refused:
            said.append(f"note: {plural(self._reports.refused, 'report')} of an epoch had no valid numbers")
        return said

    def _kept(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self._last.append(line)
            yield line


def _header(this: _Run) -> list[str]:
    """Which run this is, how it differs from the baseline, and what is started."""
    spec, split, table = this.spec, this.split, this.table
    which = f"study {spec.study}, {this.run.seed_words}, {spec.config_hash}"
    lines = [f"{spec.experiment}: {spec.title or spec.slug} ({which})"]
    if spec.differs:
        pairs = ((name, shown(ours), shown(theirs)) for name, (theirs, ours) in spec.differs.items())
        parts = (f"{name} {ours} (baseline: {theirs})" for name, ours, theirs in pairs)
        lines.append(f"differs from {spec.baseline} in: " + "; ".join(parts))
    sizes = f"{len(split.train)} training, {len(split.val)} validation, {len(split.test)} test images"
    lines.append(f"data: {table.name}, {sizes} ({split_origin(table)})")
    lines += [f"note: {note}" for note in table.notes]
    return [
        *lines,
        f"{HEADER_ENDS}{visible(shlex.join(public_command(this.contract.words)))}, in {this.contract.folder}",
    ]


def _record(this: _Run, device: str, *, resume: bool) -> None:
    """Write provenance.json, and say whether a file of the program has changed since the run began."""
    files = _digests(this.contract)
    before = (read_provenance(this.run.provenance) or {}).get("command", {}) if resume else {}
    changed = [name for name, digest in before.get("files", {}).items() if files.get(name) not in {None, digest}]
    if changed:
        this.journal.say(
            f"note: {join_names(changed)} changed since this run began; it continues with what is there now"
        )
    record_provenance(
        this.run, this.table, this.split, {"name": device}, this.writer, resume=resume,
        packages={"iqa-tui": package_versions()["iqa-tui"]},
        more={"command": {"words": public_command(this.contract.words), "files": files}},
    )  # fmt: skip


def _digests(contract: Contract) -> dict[str, str]:
    """SHA-256 of the files that its words name, such as train.py, by word."""
    found = {}
    for word in contract.words:
        path = contract.folder / word
        if "/" not in word[:1] and path.is_file() and path.stat().st_size <= _LARGEST_FILE:
            found[word] = sha256(path.read_bytes()).hexdigest()
    return found
