"""What commands say: the order of a study, ends, what nobody queued, numbers as typed, and what would not start."""

import json
import os
import re
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from iqa_train.cli import main as program
from iqa_train.cli.commands.start import _leave
from iqa_train.files import write_json
from iqa_train.locks import lock_now
from iqa_train.runs.layout import QueueFiles
from iqa_train.scheduler.overview import read_overview
from iqa_train.scheduler.queue import Item, Queue
from iqa_train.scheduler.scheduler_lock import scheduler_process
from iqa_train.study.load import load_study
from iqa_train.study.profiles import batches_of
from tests.report.finished import STUDY, finish, specs, whole_study, write_study

Out = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IQA_TRAIN_LEASES", str(tmp_path / "leases"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return tmp_path


def queue(folder: Path, *items: Item, **more: Any) -> None:
    for item in items:
        (folder / "runs" / item.run).mkdir(parents=True, exist_ok=True)
    write_json(QueueFiles(folder / "runs").queue, {"schema_version": 1, **asdict(replace(Queue(items), **more))})


def items_of(folder: Path, **options: Any) -> dict[str, Item]:
    made = specs(folder, **options)
    return {name: Item(f"tiny/{name}/s{s.seed}-{s.config_hash}", name, s.seed) for name, s in made.items()}


def run(*words: str, code: int = 0) -> None:
    assert program.main(list(words)) == code


# Another folder.


def test_a_folder_below_that_of_the_study_is_noted(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    whole_study(folder)
    below = folder / "the nets"
    below.mkdir()
    run("status")
    assert "note:" not in capsys.readouterr().err
    monkeypatch.chdir(below)
    run("status")
    assert f"no runs, but '{folder}' has a study".replace("'", "") in capsys.readouterr().err.replace("'", "")
    run("--experiments", "../experiments.toml", "check")
    said = capsys.readouterr()
    assert "note: there is no folder runs here, but there is one beside the study file: cd .." in said.err
    assert "iqa-train --experiments ../experiments.toml --exp Baseline --seeds" in " ".join(said.out.split())
    (below / "runs").mkdir()
    run("--experiments", "../experiments.toml", "check")
    assert "note:" not in capsys.readouterr().err


# The order of a study.


def test_status_names_the_study_of_each_run_where_there_are_several(folder: Path, capsys: Out) -> None:
    whole_study(folder)
    run("status")
    assert "Study  Experiment" not in capsys.readouterr().out
    finish(folder, specs(folder)["A1"].model_copy(update={"study": "another"}))
    run("status")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:2] == ["Study", "Experiment"]
    assert {tuple(line.split()[:2]) for line in lines[3:]} >= {("tiny", "A1"), ("another", "A1")}


def test_status_keeps_the_order_of_the_study_file(folder: Path, capsys: Out) -> None:
    whole_study(folder)
    for name, spec in specs(folder, seeds=[7]).items():
        if name != "A1":
            finish(folder, spec)
    run("status", "--json")
    rows = json.loads(capsys.readouterr().out)["runs"]
    first, second = ["Baseline", "A1", "Hot", "Cold"], ["Baseline", "Hot", "Cold"]
    assert [(r["experiment"], r["seed"]) for r in rows] == [*((e, 1) for e in first), *((e, 7) for e in second)]
    items = items_of(folder)
    queue(folder, items["Cold"], items["A1"])  # and so if some of them are in the queue, in another order
    run("status", "--json")
    assert [r["experiment"] for r in json.loads(capsys.readouterr().out)["runs"]] == [*first, *second]
    run("queue", "list")
    assert re.findall(r"^(Cold|A1)", capsys.readouterr().out, re.MULTILINE) == ["Cold", "A1"]


def test_status_without_a_study_file_that_can_be_read(folder: Path, capsys: Out) -> None:
    whole_study(folder)
    (folder / "experiments.toml").write_text("[study", encoding="utf-8")
    run("status")
    assert re.findall(r"^(Baseline|A1|Hot|Cold)", capsys.readouterr().out, re.MULTILINE) == [
        "A1",
        "Baseline",
        "Cold",
        "Hot",
    ]


def test_status_of_a_profile_is_of_its_runs_alone(folder: Path, capsys: Out) -> None:
    whole_study(folder)
    finish(folder, specs(folder, profile="demo")["A1"])
    for words in (["status", "--demo"], ["--demo", "status"], ["status", "--study", "tiny-demo"]):
        run(*words, "--json")
        assert [(r["study"], r["experiment"]) for r in json.loads(capsys.readouterr().out)["runs"]] == [
            ("tiny-demo", "A1")
        ]
    run("status", "--study", "other")
    assert capsys.readouterr().out == "no run of other is queued or has been started in runs\n"


# What had ended before, what waits, what was never there.


def test_stop_of_what_has_ended_reports_it_and_leaves_the_queue_alone(folder: Path, capsys: Out) -> None:
    whole_study(folder)
    items = items_of(folder)
    queue(folder, items["A1"])
    before = QueueFiles(folder / "runs").queue.read_bytes()
    run("stop", "A1", "Hot")  # one in the queue, one beside it
    assert (
        capsys.readouterr().out
        == "A1 (seed 1) is completed; nothing to stop\nHot (seed 1) is completed; nothing to stop\n"
    )
    assert QueueFiles(folder / "runs").queue.read_bytes() == before


def test_stop_of_what_waits_of_what_was_never_started_and_of_nothing(folder: Path, capsys: Out) -> None:
    write_study(folder)
    queue(folder, items_of(folder)["A1"], paused=True)
    run("stop", "A1")
    assert capsys.readouterr().out == "A1 (seed 1): was queued and has been removed from the queue\n"
    assert json.loads(QueueFiles(folder / "runs").queue.read_bytes())["items"] == []
    run("stop", "A1")
    assert capsys.readouterr().out == "A1 has not been started; nothing to stop\n"
    run("stop", "A11", code=2)
    assert 'there is no run of "A11" here' in capsys.readouterr().err
    run("stop", "--all")
    assert capsys.readouterr().out == "nothing is running or queued\n"


# What nobody has queued, and a report of nothing.


def test_results_say_not_started_unless_it_is_queued(folder: Path, capsys: Out) -> None:
    write_study(folder)
    finish(folder, specs(folder)["Baseline"])
    queue(folder, items_of(folder)["Hot"], paused=True)
    run("results", "--json")
    rows = {row["experiment"]: row["state"] for row in json.loads(capsys.readouterr().out)["rows"]}
    assert (rows["A1"], rows["Hot"], rows["Cold"]) == ("not started", "queued", "not started")
    run("results")
    out = capsys.readouterr().out
    assert "A1, Without attention: not started" in out
    assert "Hot: pending" in out


def test_a_report_without_a_run_writes_nothing_and_reports_it(folder: Path, capsys: Out) -> None:
    write_study(folder)
    run("report", code=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "iqa-train: no run of tiny in runs has been started; there is nothing to report\n"
    assert [path.name for path in folder.iterdir()] == ["experiments.toml"]


# Numbers as they were typed.


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lr", "5e7"), ("lr", "-1E-7"), ("lr", "1_000.0"), ("lr", "00002"), ("lr", "nan"), ("lr", "1,5"),
        ("weight_decay", "-.5"), ("epochs", "1e3"), ("epochs", "0000"), ("seed", "-42"), ("patch_size", "0x40"),
    ],
)  # fmt: skip
def test_numbers_are_echoed_as_they_were_typed(folder: Path, capsys: Out, name: str, text: str) -> None:
    write_study(folder)
    run("--exp", "A1", f"--{name}={text}", "--dry-run", code=2)
    assert f"--{name} {text} is " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[defaults]\nlr = 5e7", "lr = 5e7 is out of range"),
        ("[defaults]\nlr = 5e+07", "lr = 5e+07 is out of range"),
        ("[defaults]\nlr = 1_0.50", "lr = 1_0.50 is out of range"),
        ('[[experiments]]\nid = "X"\nset = { dropout_rate = 10e-1 }', "dropout_rate = 10e-1 is out of range"),
        ('[[experiments]]\nid = "X"\nset = { cross_datasets = [4.20e1, 5e-1] }', "cross_datasets = [4.20e1, 5e-1] is "),
    ],
)
def test_numbers_of_a_study_file_are_echoed_as_they_are_there(folder: Path, capsys: Out, table: str, said: str) -> None:
    text = STUDY.replace("lr = 1e-6\n", "")
    head, rest = text.split("[defaults]\n", 1)
    text = head + (table + "\n" + rest if table.startswith("[def") else "[defaults]\n" + rest + table + "\n")
    write_study(folder, text)
    run("check", code=2)
    assert said in capsys.readouterr().err


def test_a_written_number_trains_as_any_other(folder: Path) -> None:
    write_study(folder, STUDY.replace("lr = 1e-6", "lr = 1.0e-06"))
    rate = specs(folder)["A1"].settings.lr
    assert type(rate) is float
    assert rate == 1e-6


# A dry run.


def test_a_dry_run_refuses_what_a_start_does(folder: Path, capsys: Out) -> None:
    write_study(folder)
    checkpoint = finish(folder, specs(folder)["Hot"], state="failed").round(1, 1).last
    checkpoint.parent.mkdir()
    checkpoint.touch()
    cases = {
        ("--exp", "A1", "--dataset", "koniqq-10k"): (2, 'unknown data set "koniqq-10k"', 'did you mean "koniq-10k"'),
        ("--dataset", "liveec"): (2, 'unknown data set "liveec"', '"livec"'),
        ("--exp", "A1", "--cross_datasets", "spaqq"): (2, 'unknown data set "spaqq"', '"spaq"'),
        ("--exp", "A1", "--gpu", "64"): (2, "--gpu 64: this machine has", ""),
        ("--exp", "A1", "--lr_floor", "1e-5"): (1, "rising-schedule", "lr_floor = 1e-5 is above its peak lr = 1e-6"),
        ("--exp", "Hot"): (2, "Hot was started before and is failed", "--resume continues it"),
    }
    before = sorted(folder.rglob("*"))
    for words, (code, *said) in cases.items():
        run(*words, "--dry-run", code=code)
        out, err = capsys.readouterr()
        assert out == ""
        assert all(part in err for part in said), err
    assert sorted(folder.rglob("*")) == before


def test_a_dry_run_mentions_data_that_are_not_here_and_runs_that_are_complete(folder: Path, capsys: Out) -> None:
    write_study(folder)
    finish(folder, specs(folder)["A1"])
    run("--exp", "A1", "--dry-run")
    out, err = capsys.readouterr()
    assert "  command: iqa-train --exp A1" in out
    assert "A1 is completed already, in runs/tiny/A1/" in err
    assert "cannot start here now: data/koniq-10k: there is no such folder" in err
    run("--exp", "A1", "--dry-run", "--json")
    (plan,) = json.loads(capsys.readouterr().out)["runs"]
    assert plan["run_dir"].startswith("runs/tiny/A1/s")
    assert plan["settings"]["lr"] == specs(folder)["A1"].settings.lr
    assert plan["command"][:3] == ["iqa-train", "--exp", "A1"]
    assert set(plan["differs"]) == set(specs(folder)["A1"].differs)
    run("--demo", "--dry-run")  # which is made at the start
    assert "could not start" not in capsys.readouterr().err
    assert not (folder / "data").exists()


# A scheduler that is only known to be there.


@pytest.fixture
def held(folder: Path) -> Iterator[QueueFiles]:
    """The lock of a scheduler, held, and nothing that says by whom."""
    files = QueueFiles(folder / "runs")
    files.runs_dir.mkdir()
    descriptor = os.open(files.scheduler_lock, os.O_RDWR | os.O_CREAT, 0o644)
    assert lock_now(descriptor)
    yield files
    os.close(descriptor)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"scheduler": 5}', '{"host": "h", "boot_id": "b", "scheduler": {"pid": 0, "created": 1}}', None],
)
def test_no_process_is_called_process_0(held: QueueFiles, capsys: Out, text: str | None) -> None:
    write_study(held.runs_dir.parent)
    if text is not None:
        held.scheduler.write_text(text, encoding="utf-8")
    found = scheduler_process(held.runs_dir)
    assert found is not None
    assert found.pid is None
    for as_json in (False, True):
        options = program_options(held.runs_dir, as_json=as_json)
        _leave(["tiny/A1/s1-0"], options)
        run("status", *(["--json"] if as_json else []))
        program.main(["doctor", *(["--json"] if as_json else [])])
    out, err = capsys.readouterr()
    assert not re.search(r"process 0\b|\"pid\": 0\b", out + err)
    assert "1 run queued. You can close this terminal." in out


def program_options(runs_dir: Path, *, as_json: bool) -> Namespace:
    return Namespace(runs_dir=str(runs_dir), json=as_json, until_decided=False, backend="local")


def test_the_file_of_a_scheduler_that_was_killed_is_not_that_of_the_next(held: QueueFiles) -> None:
    from iqa_train.runs.identity import this_process

    mine = this_process()
    facts = {"schema_version": 1, "host": mine.host, "boot_id": mine.boot_id}
    write_json(held.scheduler, facts | {"scheduler": {"pid": mine.pid, "created": 1}})  # the pid is another's now
    found = scheduler_process(held.runs_dir)
    assert found is not None
    assert found.pid is None


# How long it will take.


BATCHES = '\n[[batches]]\nname = "One"\ngpus = { 0 = "Baseline" }\nminutes = 20\n'


def test_minutes_of_the_study_do_not_count_under_a_profile(folder: Path) -> None:
    path = write_study(folder, STUDY + BATCHES)
    study = load_study(path)
    assert [batch.minutes for batch in batches_of(study, "tiny")] == [20]
    assert [batch.minutes for batch in batches_of(study, "tiny-demo")] == [None]
    write_study(folder, STUDY.replace("[profiles.demo]", "[profiles.demo]\nminutes = 1.5") + BATCHES)
    assert [batch.minutes for batch in batches_of(load_study(path), "tiny-demo")] == [1.5]


@pytest.mark.parametrize("value", ["0", "-1", '"long"', "nan", "true"])
def test_minutes_of_a_profile_that_cannot_be(folder: Path, capsys: Out, value: str) -> None:
    write_study(folder, STUDY.replace("[profiles.demo]", f"[profiles.demo]\nminutes = {value}"))
    run("check", code=2)
    assert "[profiles.demo]: minutes = " in capsys.readouterr().err


def test_an_eta_is_absent_or_marked_until_a_run_has_shown_its_speed(
    folder: Path, held: QueueFiles, capsys: Out
) -> None:
    write_study(folder)
    items = items_of(folder)
    queue(folder, items["A1"], items["Hot"], slots=1)
    assert read_overview(folder / "runs").seconds_left is None
    run("status")
    assert " · ETA -\n" in capsys.readouterr().out
    queue(folder, *(replace(items[name], minutes=20) for name in ("A1", "Hot")), slots=1)
    overview = read_overview(folder / "runs")
    assert (overview.seconds_left, overview.eta_is_guess) == (2400, True)
    run("status")
    out = capsys.readouterr().out
    assert " · ETA ~40:00 (a guess from the study file's minutes)\n" in out
    assert "~20:00" in out
    done = finish(folder, specs(folder)["Hot"])
    write_json(done.spec, json.loads(done.spec.read_bytes()))
    overview = read_overview(folder / "runs")  # that run took a second an epoch
    assert not overview.eta_is_guess
    assert overview.seconds_left is not None
    assert overview.seconds_left < 60
