"""Epochs that the program of an earlier attempt reported, and whose worker was killed before it wrote them down."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile

from iqa_train.command_runs.epoch_journal import EpochJournal
from iqa_train.command_runs.epochs import Epoch, EpochReports
from iqa_train.command_runs.lines import EVENT, LineTail
from iqa_train.runs.attempt_facts import log_of
from iqa_train.runs.layout import Attempt

HEADER_ENDS = "program: "
"""How the last line begins that a worker writes into its log before the program writes there."""


def write_left_reports(earlier: Iterable[Attempt], patterns: Sequence[str], epochs: EpochJournal) -> None:
    """Write the epochs that `earlier` attempts (newest first) reported, and that are in no metrics.jsonl."""
    for tried in earlier:
        found = _reported(tried, patterns)
        for number in sorted(found):
            epochs.make_up(found[number])


def _reported(tried: Attempt, patterns: Sequence[str]) -> dict[int, Epoch]:
    """The last report of each epoch."""
    found: dict[int, Epoch] = {}

    def report(epoch: Epoch) -> None:
        found[epoch["epoch"]] = epoch

    reports = EpochReports(patterns, report)
    log = log_of(tried)
    if patterns and log is not None:
        reports.read_output(_of_program(LineTail(log).lines(last=True)))
    reports.read_events(LineTail(tried.events, longest=EVENT).lines(last=True))
    reports.end()
    return found


def _of_program(log: Iterable[str]) -> Iterator[str]:
    yield from dropwhile(lambda line: not line.startswith(HEADER_ENDS), log)
