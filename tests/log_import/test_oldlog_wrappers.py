"""Old logs behind what other programs put before each line: they read as the log itself does, or not at all."""

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_train.log_import.epoch_table import BrokenRowError, header_of, row_of
from iqa_train.log_import.log_lines import lines_of
from iqa_train.log_import.numbers import number, with_points
from iqa_train.log_import.read_log import NoOldLogError, OldLog, read_log
from iqa_train.log_import.rounds import Training, training_of
from tests.log_import.old_logs import HEADER, SCORES, Script, old_log

START = datetime(2025, 11, 28, 10, 0, 0, 123456, tzinfo=UTC)
LOGS = (
    old_log(),
    old_log(Script(alpha=0.3, spaq=True, rounds=2, epochs=4), SCORES[:4], stops_early=True),
    old_log(Script(configuration=False, epochs=3, bars=False), SCORES[:3], ends=False)
    + 'Traceback (most recent call last):\n  File "train_swin.py", line 251, in <module>\nRuntimeError: CUDA error\n',
)

Wrapper = Callable[[str], str]


def each_line(before: Callable[[int, datetime], str]) -> Wrapper:
    """Puts `before(number, time)` before each line."""

    def wrap(text: str) -> str:
        lines = text.splitlines(keepends=True) if "\r" not in text else re.findall(r"[^\n]*\n|[^\n]+", text)
        return "".join(before(k, START + timedelta(seconds=7 * k)) + line for k, line in enumerate(lines))

    return wrap


def stamped(form: str, after: str = " ") -> Wrapper:
    """Each line behind its time in the form of `strftime`."""
    return each_line(lambda _, time: time.strftime(form) + after)


def docker(text: str, size: int = 10_000) -> str:
    """As Docker's json-file driver writes it, long lines as several records."""
    return "\n".join(_docker(text, size)) + "\n"


def _docker(text: str, size: int) -> Iterator[str]:
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        for at in range(0, len(line), size):
            yield json.dumps({"log": line[at : at + size], "stream": "stdout", "time": START.isoformat()})


def cri(text: str) -> str:
    """As Kubernetes keeps it: parts of 60 characters, the last of a line marked F."""
    found = []
    for line in text.split("\n")[:-1]:
        parts = [line[at : at + 60] for at in range(0, len(line), 60)] or [""]
        tags = ["P"] * (len(parts) - 1) + ["F"]
        found += [f"2025-11-28T10:00:00.123456789Z stdout {tag} {part}" for tag, part in zip(tags, parts, strict=True)]
    return "\n".join(found) + "\n"


def journal(text: str) -> str:
    """As `journalctl -o json` prints it: what is no plain text as a list of bytes."""
    lines = text.split("\n")[:-1]
    values = [list(line.encode()) if "\r" in line else line for line in lines]
    return "".join(json.dumps({"MESSAGE": v, "__REALTIME_TIMESTAMP": "1764324000123456"}) + "\n" for v in values)


def one_document(text: str) -> str:
    """As a log service exports it: one JSON document."""
    events = [{"timestamp": 1764324000123, "message": line} for line in text.split("\n")[:-1]]
    return json.dumps({"events": events}, indent=2)


def strings(text: str) -> str:
    """As one JSON list of lines."""
    return json.dumps(text.split("\n")[:-1])


def json_string_a_line(text: str) -> str:
    return "".join(json.dumps(line) + "\n" for line in text.split("\n")[:-1])


def export(text: str) -> str:
    """As a log service exports it as CSV."""
    out = io.StringIO()
    rows = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    rows.writerows([("time", "line"), *((START.isoformat(), line) for line in text.split("\n")[:-1])])
    return out.getvalue()


def cast(text: str) -> str:
    """As asciinema records a terminal, which is written to in pieces."""
    shown = text.replace("\n", "\r\n")
    events = [[at / 50, "o", shown[at : at + 50]] for at in range(0, len(shown), 50)]
    head = {"version": 2, "width": 120, "height": 40, "timestamp": 1764324000}
    return "".join(json.dumps(one) + "\n" for one in (head, *events))


def logfmt(text: str) -> str:
    """As logrus prints it."""
    lines = text.split("\n")[:-1]
    return "".join(f'time="2025-11-28T10:00:00Z" level=info msg={json.dumps(line)}\n' for line in lines)


def commas(text: str) -> str:
    """As a program in a German locale prints it."""
    return re.sub(r"(?<=\d)\.(?=\d)", ",", text)


def syslog_codes(text: str) -> str:
    """As rsyslog writes control characters."""
    lines = text.replace("\t", "#011").replace("\r", "#015").split("\n")[:-1]
    return "".join(f"Nov 28 10:00:00 node01 train[4242]: {line}\n" for line in lines)


WRAPPERS: dict[str, Wrapper] = {
    "docker json": docker,
    "docker json, partial lines": lambda text: docker(text, 40),
    "kubernetes cri": cri,
    "journald json": journal,
    "one json document": one_document,
    "json list of strings": strings,
    "json list of strings, a line each": lambda text: json.dumps(text.split("\n")[:-1], indent=1),
    "json string a line": json_string_a_line,
    "csv": export,
    "csv without a header": lambda text: export(text).partition("\n")[2],
    "asciinema": cast,
    "logfmt": logfmt,
    "syslog with codes": syslog_codes,
    "iso": stamped("%Y-%m-%dT%H:%M:%S.%fZ"),
    "iso with a zone": stamped("%Y-%m-%dT%H:%M:%S+01:00"),
    "iso with a tab": stamped("%Y-%m-%dT%H:%M:%SZ", "\t"),
    "iso with a colon": stamped("%Y-%m-%d %H:%M:%S", ": "),
    "iso in brackets": stamped("[%Y-%m-%d %H:%M:%S]"),
    "iso in brackets, no space": stamped("[%Y-%m-%d %H:%M:%S]", ""),
    "iso in round brackets": stamped("(%Y-%m-%d %H:%M:%S)"),
    "slashes": stamped("%Y/%m/%d %H:%M:%S"),
    "german": stamped("%d.%m.%Y %H:%M:%S"),
    "american": stamped("%m/%d/%Y %I:%M:%S %p"),
    "compact": stamped("%Y%m%d_%H%M%S"),
    "compact with a T": stamped("%Y%m%dT%H%M%SZ"),
    "apache": stamped("[%d/%b/%Y:%H:%M:%S +0000]"),
    "ctime": stamped("%a %b %d %H:%M:%S %Y"),
    "date": stamped("%a %b %d %H:%M:%S UTC %Y", ": "),
    "rfc 2822": stamped("%a, %d %b %Y %H:%M:%S +0000"),
    "ts": stamped("%b %d %H:%M:%S"),
    "clock": stamped("%H:%M:%S"),
    "clock in brackets": stamped("[%H:%M:%S]"),
    "clock in brackets with parts": stamped("[%H:%M:%S.%f]"),
    "minutes": stamped("%Y-%m-%d %H:%M"),
    "seconds since 1970": each_line(lambda _, time: f"{time.timestamp():.6f} "),
    "whole seconds since 1970": each_line(lambda _, time: f"{time.timestamp():.0f} "),
    "milliseconds since 1970": each_line(lambda _, time: f"{time.timestamp() * 1000:.0f}: "),
    "seconds in brackets": each_line(lambda k, _: f"[{k * 7 + 0.123456:12.6f}] "),
    "seconds since the start": each_line(lambda k, _: f"{k * 7 + 0.123456:.6f} "),
    "logging": stamped("%Y-%m-%d %H:%M:%S,123 INFO"),
    "logging with hyphens": stamped("%Y-%m-%d %H:%M:%S,123 - root - INFO -"),
    "logging with a name": stamped("%Y-%m-%d %H:%M:%S,123 INFO     [__main__]"),
    "logging, levels": each_line(lambda k, t: f"{t:%Y-%m-%d %H:%M:%S},123 {('INFO', 'WARNING', 'ERROR')[k % 3]}: "),
    "logging without a time": each_line(lambda _, __: "INFO:root:"),
    "level in brackets": each_line(lambda k, _: f"[{('INFO', 'WARNING')[k % 2]}] "),
    "level and a hyphen": each_line(lambda _, __: "INFO - "),
    "process and level": stamped("%Y-%m-%d %H:%M:%S,123 [4242] [INFO]"),
    "loguru": each_line(lambda k, t: f"{t:%Y-%m-%d %H:%M:%S}.123 | INFO     | __main__:main:{k} - "),
    "levels of one width": stamped("[%H:%M:%S] INFO    "),
    "hydra": stamped("[%Y-%m-%d %H:%M:%S,123][__main__][INFO] -"),
    "glog": stamped("I%m%d %H:%M:%S.%f 4242 train_swin.py:12]"),
    "zap": stamped("%Y-%m-%dT%H:%M:%S.123Z\tinfo", "\t"),
    "syslog": stamped("%b %d %H:%M:%S node01 train_swin.py[4242]:"),
    "rfc 5424": stamped("<165>1 %Y-%m-%dT%H:%M:%SZ node01 train 4242 - -"),
    "journalctl": stamped("%b %d %H:%M:%S gpu-3.example.org python[4242]:"),
    "journalctl -o short-iso": stamped("%Y-%m-%dT%H:%M:%S+0100 node01 python[4242]:"),
    "journalctl -o short-monotonic": each_line(lambda k, _: f"[{k * 7 + 0.123456:12.6f}] node01 python[4242]: "),
    "journalctl -o with-unit": stamped("%a %Y-%m-%d %H:%M:%S UTC node01 train.service[4242]:"),
    "srun --label": each_line(lambda _, __: "0: "),
    "srun --label, twelve tasks": each_line(lambda _, __: " 3: "),
    "mpirun --tag-output": each_line(lambda _, __: "[1,0]<stdout>:"),
    "mpirun -prepend-rank": each_line(lambda _, __: "[0] "),
    "torchrun": each_line(lambda _, __: "[default0]:"),
    "rank": each_line(lambda _, __: "[rank0]: "),
    "rank without brackets": each_line(lambda _, __: "rank 0: "),
    "ray": each_line(lambda _, __: "(train pid=4242, ip=10.0.0.7) "),
    "pdsh": each_line(lambda _, __: "node01: "),
    "docker compose": each_line(lambda _, __: "train-1  | "),
    "docker compose in colour": each_line(lambda _, __: "\x1b[36mtrain-1  |\x1b[0m "),
    "docker compose with times": each_line(lambda _, t: f"train-1  | {t:%Y-%m-%dT%H:%M:%S}.123456789Z "),
    "kubectl --prefix": each_line(lambda _, __: "[pod/train-abc12/main] "),
    "kubectl --timestamps": stamped("%Y-%m-%dT%H:%M:%S.123456789Z"),
    "foreman": stamped("%H:%M:%S train.1 |"),
    "stern": each_line(lambda _, __: "train-abc12 main "),
    "github actions": stamped("train\tRun training\t%Y-%m-%dT%H:%M:%S.1234567Z"),
    "gitlab": stamped("%Y-%m-%dT%H:%M:%S.123456Z 00O"),
    "parallel --tag": each_line(lambda _, __: "seed=42\t"),
    "srun --label and times": each_line(lambda _, t: f"0: {t:%Y-%m-%d %H:%M:%S},123 INFO "),
    "times and srun --label": each_line(lambda _, t: f"{t:%Y-%m-%dT%H:%M:%SZ} 0: "),
    "cat -n": each_line(lambda k, _: f"{k + 1:6}\t"),
    "grep -n": each_line(lambda k, _: f"{k + 1}:"),
    "quoted": each_line(lambda _, __: "> "),
    "comment": each_line(lambda _, __: "# "),
    "unknown date": each_line(lambda k, t: f"{t:%Y}年{t:%m}月{t:%d}日 {t:%H}时{t:%M}分{k % 60:02}秒 "),
    "counter and words": each_line(lambda k, _: f"step {k:05d} of job-77 => "),
    "steps in brackets": each_line(lambda k, _: f"[{k + 1}] "),
    "whole seconds in brackets": each_line(lambda k, _: f"[{7 * k}] "),
    "minutes in brackets": each_line(lambda k, _: f"[{k // 12}] "),
    "steps and a line": each_line(lambda k, _: f"step-{k} | "),
    "tasks that are a counter": each_line(lambda k, _: f"task{k}: "),
    "lines": each_line(lambda k, _: f"line{k}: "),
    "number of every third line": each_line(lambda k, _: f"{k // 3}: "),
    "times and steps": each_line(lambda k, t: f"{t:%Y-%m-%d %H:%M:%S} [{k}] "),
    "node and steps": each_line(lambda k, _: f"node01: [{k}] "),
    "colours": each_line(lambda k, _: f"\x1b[{31 + k % 7}m\x1b[1m"),
    "windows": lambda text: text.replace("\n", "\r\n"),
    "carriage returns alone": lambda text: text.replace("\n", "\r"),
    "carriage returns and a last line end": lambda text: text.replace("\n", "\r") + "\n",
    "line separators": lambda text: text.replace("\n", "\u2028"),
    "decimal commas": commas,
    "decimal commas and times": lambda text: stamped("%Y-%m-%d %H:%M:%S,123 INFO")(commas(text)),
    "docker json and times": lambda text: docker(stamped("%Y-%m-%d %H:%M:%S")(text)),
    "docker json in windows": lambda text: docker(text.replace("\n", "\r\n")),
}


def facts(training: Training) -> tuple[object, ...]:
    return training.rounds, training.median, training.error, training.starts, training.broken


def read(folder: Path, text: str | bytes, name: str = "some.log") -> OldLog:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_log(path)


@pytest.mark.parametrize("wrapper", WRAPPERS.values(), ids=WRAPPERS.keys())
@pytest.mark.parametrize("which", range(len(LOGS)))
def test_a_wrapped_log_reads_as_the_log_itself(tmp_path: Path, wrapper: Wrapper, which: int) -> None:
    plain, wrapped = read(tmp_path, LOGS[which]), read(tmp_path, wrapper(LOGS[which]))
    assert facts(wrapped.training) == facts(plain.training)
    assert (wrapped.settings, wrapped.logged, wrapped.assumed) == (plain.settings, plain.logged, plain.assumed)
    assert (wrapped.outcome, wrapped.images, wrapped.command) == (plain.outcome, plain.images, plain.command)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_wrapped_log_that_was_cut_gives_the_epochs_before_it(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(WRAPPERS)))
    text = LOGS[data.draw(st.integers(0, len(LOGS) - 1))]
    whole = WRAPPERS[name](text).encode()
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    expected = [epoch for r in training_of(lines_of(text.encode())).rounds for epoch in r.epochs]
    found = [epoch for r in training_of(lines_of(cut)).rounds for epoch in r.epochs]
    assert found == expected[: len(found)]


@given(outer=st.sampled_from(sorted(WRAPPERS)), inner=st.sampled_from(sorted(WRAPPERS)))
@settings(max_examples=40, deadline=None)
def test_two_wrappers_never_give_another_number(outer: str, inner: str) -> None:
    text = LOGS[2]
    expected = {
        (e.number, e.test_srcc, e.test_plcc) for r in training_of(lines_of(text.encode())).rounds for e in r.epochs
    }
    twice = WRAPPERS[outer](WRAPPERS[inner](text))
    found = {
        (e.number, e.test_srcc, e.test_plcc) for r in training_of(lines_of(twice.encode())).rounds for e in r.epochs
    }
    assert found <= expected


# Several tasks, missing epochs, and what cannot be told.


def tasks(*texts: str) -> str:
    """The lines of several tasks in turn, labelled as `srun --label` does."""
    rows = [[f"{k}: {line}" for line in text.splitlines(keepends=True)] for k, text in enumerate(texts)]
    return "".join(line for group in zip_longest(*rows, fillvalue="") for line in group)


BARE = Script(bars=False)


def test_several_tasks_of_one_run_are_read_once(tmp_path: Path) -> None:
    alone = old_log(BARE)
    for others in (["UserWarning: nothing of note\n"] * 3, [alone, alone]):
        log = read(tmp_path, tasks(alone, *others))
        assert facts(log.training) == facts(read(tmp_path, alone).training)
        assert any("tasks wrote to it; the output of 0 is read" in note for note in log.notes)


def test_tasks_with_tables_that_differ_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NoOldLogError, match=r"holds different tables of 2 tasks \(0, 1\); split it into one file"):
        read(tmp_path, tasks(old_log(BARE), old_log(BARE, SCORES[:-1])))


def test_tasks_one_behind_the_other_are_tasks_and_no_counter(tmp_path: Path) -> None:
    def behind(*texts: str) -> str:
        return "".join(f"{k}: {line}" for k, text in enumerate(texts) for line in text.splitlines(keepends=True))

    log = read(tmp_path, behind(old_log(BARE), old_log(BARE)))
    assert facts(log.training) == facts(read(tmp_path, old_log(BARE)).training)
    with pytest.raises(NoOldLogError, match=r"holds different tables of 2 tasks \(0, 1\)"):
        read(tmp_path, behind(old_log(BARE), old_log(BARE, SCORES[:-1])))


def test_rows_that_are_newest_first_are_called_that(tmp_path: Path) -> None:
    rows = [f"{k},{4 - k / 10},{k / 20},{k / 20},{k / 20}" for k in (4, 3, 2, 1)]
    with pytest.raises(NoOldLogError, match="the rows of its table are newest first; put epoch 1 first"):
        read(tmp_path, "\n".join(["epoch,train_loss,train_srcc,test_srcc,test_plcc", *rows, ""]))


def test_processes_that_wrote_to_one_log_without_labels_are_refused(tmp_path: Path) -> None:
    text = old_log(BARE)
    other = re.sub(r"\n(\d+)\t([\d.]+)", r"\n\1\t7.777", text)
    both = "".join(
        line + theirs if line != theirs else line
        for line, theirs in zip(text.splitlines(keepends=True), other.splitlines(keepends=True), strict=True)
    )
    with pytest.raises(NoOldLogError, match="the epochs of its table are out of order"):
        read(tmp_path, both)


def test_missing_and_repeated_epochs_are_noted(tmp_path: Path) -> None:
    lines = old_log(BARE).splitlines(keepends=True)
    rows = [line for line in lines if re.match(r"[2358]\t", line)]
    assert len(rows) == 4
    gone = read(tmp_path, "".join(line for line in lines if line not in rows))
    assert "epochs 2, 3, 5, 8 are missing in its table; the best epoch may be among them" in gone.notes
    assert any("says 0.9378, but the best in its table is 0.9377 at epoch 9" in note for note in gone.notes)
    twice = read(tmp_path, "".join(line * 2 if line in rows else line for line in lines))
    assert "4 rows of its table appeared twice; each counts once" in twice.notes
    assert [epoch.number for epoch in twice.rounds[0].epochs] == list(range(1, 11))


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("swin.log", data)
    return out.getvalue()


@pytest.mark.parametrize(
    "pack", [gzip.compress, bz2.compress, lzma.compress, zipped, lambda _: b"\x28\xb5\x2f\xfd\x04"]
)
def test_a_compressed_log_is_reported_as_such(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(NoOldLogError, match=r"some\.log: compressed \(\w+\); unpack it first, with \w+"):
        read(tmp_path, pack(old_log(BARE).encode()))


def test_a_table_on_a_line_that_is_too_long_is_reported_as_such(tmp_path: Path) -> None:
    for text in (strings(old_log(BARE))[:-9], old_log(BARE).replace("\n", "  ")):
        with pytest.raises(NoOldLogError, match=r"its table is on a line of \d{4,5} characters"):
            read(tmp_path, text)


@pytest.mark.parametrize("mark", [",", ";", ", ", "|"])
def test_tables_with_other_separators(tmp_path: Path, mark: str) -> None:
    text = old_log(BARE)
    table = re.sub(r"(?m)^(?:Epoch|\d+)\t.*$", lambda row: re.sub(r"\t+", mark, row[0]), text)
    assert facts(read(tmp_path, table).training) == facts(read(tmp_path, text).training)


def test_a_header_behind_what_most_lines_do_not_have_is_reported(tmp_path: Path) -> None:
    text = old_log(BARE).replace(HEADER, f"column names are {HEADER}")
    with pytest.raises(NoOldLogError, match='the header of its table follows "column names are "'):
        read(tmp_path, text)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: "".join(f"{line!r}\n" for line in text.split("\n")),
        lambda text: re.sub(r"(?m)^(\d+)\t", r"epoch number \1: ", text),
        lambda text: "".join(json.dumps({"payload": line}) + "\n" for line in text.split("\n")),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_is_never_called_missing(tmp_path: Path, wrap: Wrapper) -> None:
    with pytest.raises(NoOldLogError) as caught:
        read(tmp_path, wrap(old_log(BARE)))
    assert "before its first epoch" not in str(caught.value)
    assert "not a log of the original training script" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("5e-01", 0.5), ("5E-1", 0.5), ("5.0D-01", 0.5), ("+.5", 0.5), ("\u22120.5", -0.5), ("nan", None),
        ("-nan", None), ("Infinity", None), ("inf", None), ("1.#QNAN", None), ("None", None), ("1,234.5", 1234.5),
    ],
)  # fmt: skip
def test_numbers(cell: str, value: float | None) -> None:
    assert number(cell) == value


@pytest.mark.parametrize("cell", ["1,234", "0.93_70", "0x1p-1", "92.5%", "1e", "", "\u0661", "0.9.3", "5±1"])
def test_an_ambiguous_number_is_not_a_number(cell: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        number(cell)


def test_commas_are_points_only_where_rows_show_it() -> None:
    assert with_points(["1\t9,000\t0,9001", "lr: 0,5"]) == ["1\t9.000\t0.9001", "lr: 0.5"]
    assert with_points(["1\t1,234\t0.9001", "a, 1,5"]) == ["1\t1,234\t0.9001", "a, 1,5"]
    assert with_points(["1\t1.234,5\t0,9001"]) == ["1\t1234.5\t0.9001"]
    both = ["1\t9,000\t0,9001", "2\t9.000\t0.9001", "x 1,5"]
    assert with_points(both) == ["1\t9.000\t0.9001", "2\t9.000\t0.9001", "x 1,5"]


@pytest.mark.parametrize("row", ["7\t1\t9.0\t0.90\t0.92\t0.93", "1\t\t0.9001\t0.9251\t0.9370", "1,5\t9\t0.9\t0.9\t0.9"])
def test_rows_with_ambiguous_numbers_are_refused(row: str) -> None:
    columns = header_of(HEADER)
    assert columns is not None
    with pytest.raises(BrokenRowError):
        row_of(row, columns)
        raise BrokenRowError(row)  # a line of another kind is as good: nothing is read off it


PLACES = {
    "correlations": (r"(?<=[\t ])0\.(\d{4})", r"0,\1"),
    "last column": (r"(?m)^(\d+\t.*)0\.(\d{4})$", r"\g<1>0,\2"),
    "loss": (r"(?m)^(\d+\t\d)\.(\d{3})", r"\1,\2"),
    "loss of some": (r"(?m)^([3-6]\t\d)\.(\d{3})", r"\1,\2"),
    "loss and correlations of some": (r"(?m)^([2-5]\t\d)\.(\d{3}\b.*0)\.(\d{4})", r"\1,\2,\3"),
    "rows of some": (r"(?<=[\t ]0)\.(?=92|93[0-5])", ","),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("script", [BARE, Script(bars=False, alpha=0.3, spaq=True)])
def test_decimal_commas_of_some_numbers_lose_no_row(tmp_path: Path, script: Script, place: str) -> None:
    text = old_log(script)
    changed = re.sub(*PLACES[place], text)
    assert changed != text
    try:
        log = read(tmp_path, changed)
    except NoOldLogError as error:
        assert re.search(r"rows of its table have a comma that may be", str(error))
        assert "loss" in place
    else:
        assert facts(log.training) == facts(read(tmp_path, text).training)


# Settings in further forms.


def told_by_lines(folder: Path, *lines: str) -> dict[str, object]:
    log = read(folder, "".join(f"{line}\n" for line in lines) + old_log(Script(configuration=False, remarks=False)))
    return {name: getattr(log.settings, name) for name in log.logged} | {"notes": log.notes}


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("ColorJitter Augmentation: False", "color_jitter", False),
        ("  ColorJitter Augmentation:   True", "color_jitter", True),
        ("ColorJitter: DISABLED (use --color_jitter to enable)", "color_jitter", False),
        ("ColorJitter: ENABLED (brightness=0.1)", "color_jitter", True),
        ("Patience: 5 epochs", "patience", 5),
        ("Patience:                 1 epoch", "patience", 1),
        ("Test Crop Method: RandomCrop", "test_random_crop", True),
        ("Test Crop Method: Center Crop (reproducible)", "test_random_crop", False),
        ("Learning Rate (Backbone): 5e-06", "lr", 5e-6),
        ("Early Stopping: Enabled (patience=5)", "early_stopping", True),
        ("  Train ColorJitter:        DISABLED", "color_jitter", False),
        ("  Fusion Method:            Attention", "attention_fusion", True),
        ("  Fusion Method:            Concatenation", "attention_fusion", False),
        ("  Ranking Alpha:            0.3", "ranking_loss_alpha", 0.3),
        ("  Ranking Margin:           0.2", "ranking_loss_margin", 0.2),
    ],
)
def test_settings_are_read_in_the_forms_that_logs_state_them(
    tmp_path: Path, line: str, name: str, value: object
) -> None:
    assert told_by_lines(tmp_path, line)[name] == value


@pytest.mark.parametrize("line", ["  Backbone:                 ResNet-50", "Model:                      ResNet-50"])
def test_a_log_of_hyperiqas_trainer_states_its_backbone(tmp_path: Path, line: str) -> None:
    log = old_log(Script(configuration=False, remarks=False)).replace("Using Swin Transformer backbone\n", "")
    assert read(tmp_path, f"{line}\n{log}").settings.backbone == "resnet50"


def test_the_rate_of_the_hyper_network_is_not_lr(tmp_path: Path) -> None:
    head = "Learning Rate (HyperNet): 5e-05"
    both = told_by_lines(tmp_path, head, "Learning Rate (Backbone): 5e-06")
    assert (both["lr"], both["lr_ratio"]) == (5e-6, 10.0)
    ratio = told_by_lines(tmp_path, head, "LR Ratio (backbone): 10")
    assert (ratio["lr"], ratio["lr_ratio"]) == (5e-6, 10.0)
    alone = told_by_lines(tmp_path, head)
    assert "lr" not in alone
    assert "the log states only the product of lr and lr_ratio: 5e-05" in str(alone["notes"])
    odd = told_by_lines(tmp_path, head, "Learning Rate: 5e-06", "LR Ratio: 2")
    assert (odd["lr"], odd["lr_ratio"]) == (5e-6, 2.0)
    assert "the hyper-network trains at 5e-05, but lr x lr_ratio is 1e-05" in str(odd["notes"])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (old_log(scores=(), ends=False), ""),
        (old_log(Script(configuration=False), (), ends=False) + "Killed\n", "Killed"),
        (
            "usage: train_swin.py [-h]\ntrain_swin.py: error: unrecognized arguments: --x\n",
            "train_swin.py: error: unrec",
        ),
        (
            "python: can't open file '/x/train_swin.py': [Errno 2] No such file or directory\n",
            "python: can't open file",
        ),
        (
            'Traceback (most recent call last):\n  File "train_swin.py", line 1, in <m>\nOSError: gone\n',
            "OSError: gone",
        ),
    ],
)
def test_a_log_that_died_before_its_first_epoch(tmp_path: Path, text: str, error: str) -> None:
    for wrap in (str, stamped("%Y-%m-%dT%H:%M:%SZ"), each_line(lambda _, __: "0: "), docker):
        with pytest.raises(NoOldLogError) as caught:
            read(tmp_path, wrap(text))
        assert "a log of the original training script that" in str(caught.value)
        assert (f"died before its first epoch ({error}" if error else "ends before its first epoch,") in str(
            caught.value
        )
        assert caught.value.exit_code == 1
