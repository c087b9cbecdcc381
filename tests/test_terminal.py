"""Text that others wrote, on its way to a terminal or a spreadsheet."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iqa_train.cli.main import main
from iqa_train.report.csv_file import _flat
from iqa_train.spreadsheet import plain_cell, without_quote
from iqa_train.terminal import LogText, filtered_output, harmless, log_text
from tests.conftest import PROGRAM, Project

EVIL = "a\x1b]0;owned\x07\x1b[2J\x9b31m\r\u202eb"


def _obeyed(text: str, but: str = "\n\t") -> list[str]:
    return [c for c in text if (unicodedata.category(c) == "Cc" or c in "\u2028\u2029\u202e\u2066") and c not in but]


@given(st.text())
def test_terminal_sequences_in_output_are_disarmed_and_json_is_unchanged(text: str) -> None:
    assert not _obeyed(harmless(text))
    assert harmless(harmless(text)) == harmless(text)
    document = json.dumps({text: [text]}, ensure_ascii=False, indent=2)
    assert json.loads(harmless(document)) == {text: [text]}


@given(
    st.lists(
        st.sampled_from(["x", "\n", "\r", "\r\n", "\x1b[31m", "\x1b[0m", "\x1b[8m", "\x1b[2J", "\x07", "é", "\x9b"])
    )
)
def test_of_a_log_only_colours_pass(parts: list[str]) -> None:
    shown = log_text("".join(parts))
    for colour in ("\x1b[31m", "\x1b[0m"):
        shown = shown.replace(colour, "")
    assert not _obeyed(shown)


def test_a_bar_is_shown_as_it_was_drawn_last() -> None:
    assert log_text("start\n10%\r 50%\r100%\nend\r\n") == "start\n100%\nend\n"
    assert log_text("\x1b[1;38;5;8mred\x1b[m") == "\x1b[1;38;5;8mred\x1b[m\x1b[0m"
    assert log_text("\x1b[38;2;8;8;8;8mhidden") == "hidden\x1b[0m"


def test_columns_of_a_log_line_up() -> None:
    shown = LogText()
    lines = shown.feed(
        b"Epoch\tTrain_Loss\tTrain_SRCC\n1\t19.180\t0.3462\n\x1b[32m2\x1b[0m\t3.912\t0.61\n\tat x\n"
    ).split("\n")
    assert lines[:2] == ["Epoch  Train_Loss  Train_SRCC", "1      19.180      0.3462"]
    assert lines[2] == "\x1b[32m2\x1b[0m      3.912       0.61\x1b[0m"
    assert lines[3] == "        at x"
    assert shown.feed("3\t\t損失\t\t0.7\n".encode()) == "3      損失        0.7\n"  # as the original script writes rows


@given(st.binary(max_size=200), st.integers(1, 7))
def test_a_log_in_pieces_is_the_same_as_at_once(data: bytes, size: int) -> None:
    shown = LogText()
    data = data.replace(b"\t", b"")  # columns get wider as lines come
    pieces = "".join(shown.feed(data[k : k + size]) for k in range(0, len(data), size)) + shown.end()
    assert pieces == log_text(data.decode(errors="replace"))


def test_printing_goes_through_the_filter_and_back(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    with filtered_output(), filtered_output():
        print(EVIL, EVIL, sep="\t")
        print(EVIL, file=sys.stderr)
    assert sys.stdout is before
    out, err = capsys.readouterr()
    assert not _obeyed(out + err)
    assert "owned" in out


def test_names_on_the_command_line_and_in_files_are_harmless(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ["--experiments", f"{tmp_path}/{EVIL}"],
        [EVIL],
        ["status", "--study", EVIL],
        ["results", f"--{EVIL}"],
    ):
        main(words)
    (tmp_path / "experiments.toml").write_text(f'[study]\nname = "s"\n["{EVIL.encode("unicode_escape").decode()}"]\n')
    main(["check", "--experiments", str(tmp_path / "experiments.toml")])
    out, err = capsys.readouterr()
    assert not _obeyed(out + err)


def test_names_of_images_are_harmless(tmp_path: Path, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    folder = project.folder / "data" / "small"
    with (folder / "scores.csv").open("a", newline="") as file:
        csv.writer(file).writerow([EVIL.replace("\r", ""), "50", "x"])
    study = str(project.folder / "experiments.toml")
    assert main(["data", "verify", "small", "--experiments", study, "--data_dir", str(folder)]) == 1
    assert main(["data", "prepare", "small", "--experiments", study, "--data_dir", str(folder),
                 "--cache_dir", str(tmp_path / "cache")]) == 2  # fmt: skip
    out, err = capsys.readouterr()
    assert "owned" in out
    assert not _obeyed(out + err)


def _on_a_terminal(words: list[str], folder: Path) -> str:
    leader, follower = pty.openpty()
    process = subprocess.Popen([*PROGRAM, *words], cwd=folder, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    shown = b""
    try:
        while block := os.read(leader, 65536):
            shown += block
    except OSError:  # the other end is closed
        pass
    os.close(leader)
    assert process.wait(20) == 0, shown
    return shown.decode()


def test_a_log_on_a_terminal_and_in_a_file(tmp_path: Path) -> None:
    attempt = tmp_path / "runs/s/A1/s42-0123456789/attempt-01"
    attempt.mkdir(parents=True)
    data = f"\x1b[31mred\x1b[0m 1%\r100%\n{EVIL}\nlast".encode()
    (tmp_path / "log").write_bytes(data)
    (attempt / "runner.json").write_text(json.dumps({"log": "log", "cwd": str(tmp_path), "resumed": False}))
    (attempt / "exit.json").write_text(json.dumps({"state": "failed", "reason": "x", "exit_code": 1}))
    (attempt.parent / "spec.json").write_text(json.dumps({"experiment": "A1", "study": "s", "settings": {}}))
    shown = _on_a_terminal(["logs", "s/A1/s42-0123456789"], tmp_path)
    assert shown.startswith("100%\r\n")
    assert not _obeyed(shown, "\n\r")
    assert "b\r\nlast" in shown
    plain = subprocess.run([*PROGRAM, "logs", "s/A1/s42-0123456789"], cwd=tmp_path, capture_output=True, check=True)
    assert plain.stdout == data


@pytest.mark.parametrize("text", ["=1+1", "+A1", "-A1", "@x", "\t=1", "\r=1", "-1+1", "=HYPERLINK(1)", "-2_0", "- 1"])
def test_a_formula_is_text(text: str) -> None:
    assert plain_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-0.5", "+1", "-1e-300", "-inf", "A1", "", "a=1", "'", "0", "-1."])
def test_a_number_or_a_name_stays_what_it_is(text: str) -> None:
    assert plain_cell(text) == text


@given(st.text())
def test_no_cell_is_a_formula_and_every_one_can_be_read_back(text: str) -> None:
    cell = plain_cell(text)
    assert not cell.startswith(("=", "@", "\t", "\r"))
    assert without_quote(cell) == text or text.startswith("'")


def test_results_as_csv_hold_no_formula() -> None:
    row = _flat({"experiment": "=A1", "seeds": [1, 2], "value": -0.5, "title": "+x", "interval": [-1.0, 2.0]})
    assert row == {
        "experiment": "'=A1", "seeds": "1; 2", "value": "-0.5", "title": "'+x", "interval_low": "-1.0",
        "interval_high": "2.0",
    }  # fmt: skip
    file = io.StringIO()
    csv.writer(file).writerow(row.values())
    assert not file.getvalue().startswith("=")
