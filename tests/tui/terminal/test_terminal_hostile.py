"""Nothing that a log, a study file or a folder holds reaches the terminal as anything but text."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fault_project import FIVE, FaultyProject, faulty_project
from tests.tui.terminal import hostile
from tests.tui.terminal.consoles import Console, Make, console, kinds

KEYS = (
    *"12345",
    "\t",
    "G",
    "w",
    "w",
    "/",
    "end",
    "\r",
    "n",
    "N",
    "&",
    "end",
    "\r",
    "&",
    "\r",
    *"gGvvzz",
    "\t",
    "j",
    "\r",
)


def _look_at_everything(project: FaultyProject, sees: str, *words: str) -> Console:
    """A console that has shown all logs, searched, wrapped, zoomed and opened, and then was left."""
    with console(project.folder, project.environment(), "--readonly", *words, size=(130, 40)) as watched:
        watched.see(sees)
        for keys in KEYS:
            since = len(watched.written)
            watched.type(keys)
            try:
                watched.wait("an answer", lambda since=since: len(watched.written) > since, 1.5)
            except AssertionError:
                assert watched.process.poll() is None, watched.text[-3000:]
        for _ in range(3):
            watched.type("\x1b")
            watched.wait("a moment", lambda: True)
        watched.type("\x11")  # ctrl+q leaves from anywhere
        assert watched.end() == 0
    assert "Traceback" not in watched.text
    return watched


@pytest.fixture(scope="module")
def benign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bytes]:
    """What is written in the same session over a study that means no harm."""
    with faulty_project(tmp_path_factory.mktemp("benign") / "p", FIVE, seconds=0.02) as project:
        project.run("--all", "--slots", "2")
        yield _look_at_everything(project, "5/5 done").written


def _assert_plain(watched: Console, benign: bytes) -> None:
    """No kind of sequence that a benign session does not have, and none of the hostile ones as it stands."""
    assert kinds(watched.written) <= kinds(benign)
    assert [text for text in hostile.ESCAPES if text in watched.written and text not in benign] == []


@pytest.mark.slow
def test_logs(make: Make, benign: bytes) -> None:
    project = make(seconds=0.02)
    project.run("--all", "--slots", "2")
    for log in (project.folder / "logs").glob("*.log"):
        log.write_bytes(hostile.log())
    watched = _look_at_everything(project, "5/5 done")
    assert "the last line" in watched.text
    _assert_plain(watched, benign)


@pytest.mark.slow
def test_titles_purposes_and_what_runs_say(make: Make, benign: bytes) -> None:
    """A study file may hold markup, but no control characters; what lies in runs may come from anywhere."""
    harmless = (*hostile.MARKUP, "日本語 👩‍👩‍👧")
    study = FIVE.replace('name = "small"', f'name = "small"\ntitle = {_toml("".join(harmless))}', 1)
    for k, slug in enumerate(("baseline", "A1_no_attention", "A2_no_multiscale", "B1_other", "B2_another")):
        title = _toml(" ".join(harmless[k:] + harmless[:k]))
        study = study.replace(f'slug = "{slug}"', f'slug = "{slug}"\ntitle = {title}\npurpose = {title}')
    project = make(study, seconds=0.02, behaviour="B1=exit:3")
    project.run("--all", "--slots", "2", code=1)
    runs = project.folder / "runs" / "small"
    for events in runs.glob("*/*/attempt-*/metrics.jsonl"):
        with events.open("a") as file:
            file.write(json.dumps({"event": "warning", "time": "x", "message": "".join(hostile.TEXTS)}) + "\n")
    for end in runs.glob("B1/*/attempt-*/exit.json"):
        end.write_text(json.dumps(json.loads(end.read_text()) | {"reason": "".join(hostile.TEXTS)}))
    _assert_plain(_look_at_everything(project, "4/5 done"), benign)
    for spec in runs.glob("*/*/spec.json"):
        facts = json.loads(spec.read_text())
        spec.write_text(json.dumps(facts | {"title": "".join(hostile.TEXTS), "purpose": "".join(hostile.TEXTS)}))
    _assert_plain(_look_at_everything(project, r"\d/\d done"), benign)
    (project.folder / "experiments.toml").unlink()
    _assert_plain(_look_at_everything(project, r"\d/\d done", "--study", "small"), benign)


@pytest.mark.slow
def test_folders_and_runs_by_other_names(make: Make, benign: bytes) -> None:
    """A run renamed or copied to a name that a terminal would obey."""
    project = make(seconds=0.02)
    project.run("--all", "--slots", "2")
    project.wait("no scheduler would start B2 again", lambda: not project.of_role("scheduler"))
    study = project.folder / "runs" / "small"
    for name in (b"[] \x1b[2J\x1b]0;x\x07", b"\xff\xfe\x9b2J", "日本語\u202e".encode(), b"[bold]"):
        other = (study / "B2").rename(study / os.fsdecode(name))
        watched = _look_at_everything(project, r"\d/\d done")
        _assert_plain(watched, benign)
        other.rename(study / "B2")


@pytest.mark.slow
def test_a_project_in_a_folder_of_such_a_name(make: Make, benign: bytes, tmp_path: Path) -> None:
    project = make(seconds=0.02)
    project.run("--exp", "Baseline")
    moved = tmp_path / "[/] \x1b[2J 日本語"
    (project.folder / "runs").rename(tmp_path / "r")
    moved.mkdir(parents=True)
    (tmp_path / "r").rename(moved / "runs")
    watched = _look_at_everything(project, "Baseline", "--runs-dir", str(moved / "runs"))
    _assert_plain(watched, benign)


def test_a_study_file_that_cannot_be_read_is_a_sentence_of_plain_text(make: Make) -> None:
    project = make()
    for text in (f"[study]\nname = {_toml(hostile.TEXTS[-3])}\n", "[study\x1b[2J\n", '[["\\u009b2J"]]\nx = "[/]"\n'):
        (project.folder / "experiments.toml").write_text(text)
        with console(project.folder, project.environment()) as watched:
            assert watched.end() == 2
            said = watched.text.rpartition("iqa-tui: ")[2]
            assert "experiments.toml" in said
            assert "Traceback" not in watched.text
        after = watched.written[watched.written.rfind(b"iqa-tui: ") :]
        assert kinds(after) == set()


@pytest.mark.slow
def test_a_flood_is_followed_and_left(make: Make) -> None:
    """100 MB/s for as long as it takes: slow for what it writes."""
    project = make(behaviour="Baseline=flood,A1=binary", seconds=0.05)
    project.run("--all", "--detach", "--slots", "2")
    project.wait_for_worker("Baseline", epoch=0)
    with console(project.folder, project.environment(), "--readonly") as watched:
        watched.see("Baseline.*running", 90)
        watched.see("xxxxxxxx", 90)
        watched.type("q")
        assert watched.end() == 0
    for worker in project.of_role("worker"):
        worker.kill(signal.SIGTERM)


def _toml(text: str) -> str:
    """A string of TOML: as JSON's, but for characters that JSON takes as they are or in halves."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == " " else f"\\U{ord(c):08x}" for c in quoted)
