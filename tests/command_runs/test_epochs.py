"""Epochs out of a program's output: what lines and events make, whatever their order, and each written once."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from iqa_train.command_runs import epochs
from iqa_train.command_runs.epoch_journal import EpochJournal
from iqa_train.command_runs.epochs import EpochReports
from iqa_train.command_runs.lines import LineTail
from iqa_train.runs.journal import Journal


def _reported(patterns: list[str], lines: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    reports = EpochReports(patterns, found.append)
    reports.read_output(lines)
    reports.end()
    return found


def test_lines_of_one_epoch_are_put_together() -> None:
    patterns = [r"Epoch (?P<epoch>\d+)", r"loss (?P<loss>\S+)", r"val (?P<val_srcc>\S+)"]
    lines = ["loss 9", "Epoch 0", "loss 0.5", "val 0.8", "val 0.1", "Epoch 1", "noise", "loss nan", "Epoch 2"]
    assert _reported(patterns, lines) == [
        {"epoch": 0, "train_loss": 0.5, "val_srcc": 0.8},
        {"epoch": 1, "train_loss": None},
        {"epoch": 2},
    ]


def test_events_that_are_no_epochs_are_counted_and_left_out() -> None:
    found: list[dict[str, Any]] = []
    reports = EpochReports([], found.append)
    reports.read_events(
        ['{"epoch": 1, "srcc": 0.5, "other": "x"}', "no JSON", '{"epoch": -1}', '{"epoch": true}', '{"epoch": "two"}']
    )
    reports.read_events(['{"loss": 1}', '{"epoch": 2.0, "loss": 1e300, "seconds": -1}'])
    assert found == [{"epoch": 1, "test_srcc": 0.5}, {"epoch": 2, "train_loss": None, "seconds": None}]
    assert reports.refused == 4


def test_a_pattern_that_never_ends_on_a_line_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochs, "SECONDS_FOR_A_LINE", 0.05)
    found: list[dict[str, Any]] = []
    reports = EpochReports([r"^(a+)+(?P<loss>\d)$", r"Epoch (?P<epoch>\d+)"], found.append)
    reports.read_output(["Epoch 1", "a" * 60 + "!", "Epoch 2", "a" * 60 + "!"])
    reports.end()
    assert [epoch["epoch"] for epoch in found] == [1, 2]
    assert reports.slow == [r"^(a+)+(?P<loss>\d)$"]


def _journalled(
    folder: Path, epochs: list[dict[str, Any]], before: list[dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    journal = EpochJournal(Journal(folder / "metrics.jsonl"), 9, before or [])  # type: ignore[arg-type]
    for epoch in epochs:
        journal.report(epoch)
    journal.end()
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_each_epoch_is_written_once_and_the_last_word_counts(tmp_path: Path) -> None:
    steps = [{"epoch": 1, "train_loss": 1 / n} for n in range(1, 500)]
    events = _journalled(tmp_path, [*steps, {"epoch": 2, "val_srcc": 0.5}, {"epoch": 3, "val_srcc": 0.4}])
    assert [(e["epoch"], e.get("train_loss"), e["best"]) for e in events] == [
        (1, 1.0, True), (1, 1 / 499, True), (2, None, True), (3, None, False),
    ]  # fmt: skip


def test_epochs_of_an_earlier_attempt_are_not_written_again(tmp_path: Path) -> None:
    before = [{"event": "epoch", "round": 1, "epoch": n, "train_loss": n / 10, "seconds": 5.0} for n in (1, 2)]
    redone = [{"epoch": 2, "train_loss": 0.2}, {"epoch": 3, "train_loss": 0.3}]
    assert [e["epoch"] for e in _journalled(tmp_path, redone, before)] == [3]


@pytest.mark.parametrize("seed", range(5))
def test_lines_do_not_depend_on_how_they_arrive(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lines = [bytes(rng.choices(b"ab\xff\x00 \xc3", k=rng.choice([0, 3, 5000]))) for _ in range(40)]
    data = b"".join(line + rng.choice([b"\n", b"\r", b"\r\n"]) for line in lines) + b"rest"
    file = tmp_path / "log"
    file.write_bytes(b"before\n")
    with file.open("rb") as reader, file.open("ab", buffering=0) as writer:
        tail = LineTail(descriptor=reader.fileno())
        found = []
        at = 0
        while at < len(data):
            step = rng.choice([1, 100, 4096, 10_000])
            writer.write(data[at : at + step])
            at += step
            found += tail.lines()
        found += tail.lines(last=True)
    assert found == [line[:4096].decode(errors="replace") for line in [*lines, b"rest"] if line]


def test_a_file_that_is_not_there_yet_has_no_lines(tmp_path: Path) -> None:
    tail = LineTail(tmp_path / "events")
    assert list(tail.lines()) == []
    (tmp_path / "events").write_text("one\ntwo")
    assert list(tail.lines()) == ["one"]
    assert list(tail.lines(last=True)) == ["two"]


CLIENT = """
import sys
from iqa_train import client
options = client.settings(lr=1e-4, epochs=2)
client.epoch(1, loss=0.5, val_srcc=float("nan"))
path = client.predictions("test", ["a", "b"], [1, 2.5])
heavy = {"torch", "pydantic", "numpy", "scipy"} & set(sys.modules)
print(options, client.stop_requested(), client.resumed(), client.images(), path, heavy)
try:
    client.predictions("train", [], [])
except ValueError:
    print("refused")
"""


def test_by_hand_the_client_does_no_harm_and_loads_nothing(tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("IQA_TRAIN")}
    done = subprocess.run(
        [sys.executable, "-c", CLIENT], cwd=tmp_path, env=clean, capture_output=True, text=True, check=True
    )
    first, second, third = done.stdout.splitlines()
    assert first == "epoch 1 loss 0.5 val_srcc None"
    assert second == f"{{'lr': 0.0001, 'epochs': 2}} False False [] {tmp_path / 'predictions-test.csv'} set()"
    assert third == "refused"
    assert (tmp_path / "predictions-test.csv").read_text() == "image,prediction\na,1.0\nb,2.5\n"
