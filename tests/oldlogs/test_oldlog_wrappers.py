"""Old logs behind what other programs put before each line: they read as the log itself does, or not at all."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_train.oldlogs.oldlog import OldLog, read_log
from iqa_train.oldlogs.rounds import Training, training_of
from iqa_train.oldlogs.text import lines_of
from tests.oldlogs.old_logs import SCORES, Script, old_log

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
    "colours": each_line(lambda k, _: f"\x1b[{31 + k % 7}m\x1b[1m"),
    "windows": lambda text: text.replace("\n", "\r\n"),
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
@pytest.mark.parametrize("number", range(len(LOGS)))
def test_a_wrapped_log_reads_as_the_log_itself(tmp_path: Path, wrapper: Wrapper, number: int) -> None:
    plain, wrapped = read(tmp_path, LOGS[number]), read(tmp_path, wrapper(LOGS[number]))
    assert facts(wrapped.training) == facts(plain.training)
    assert (wrapped.settings, wrapped.told, wrapped.assumed) == (plain.settings, plain.told, plain.assumed)
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
