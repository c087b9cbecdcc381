"""Secrets of a private study file, of the environment and of git stand in no document, no log and no page."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from iqa_train.errors import RunError
from iqa_train.redaction import public_command, without_parts_of, without_secrets, without_words
from iqa_train.runs.provenance import code_state
from iqa_train.scheduler.notify_table import addresses_of, notify_reference, notify_table
from iqa_train.scheduler.queue import Queue, edit_queue, read_queue
from tests.faults.fault_project import FaultyProject, faulty_project

CANARY = "canary5ecret"
NOTIFY = f"""
[notify]
command = "cat > ended.json; printf %s 'no way to https://chat.example/hooks/{CANARY}-c' >&2; exit 3 # {CANARY}-d"
webhook = "http://127.0.0.1:9/hooks/{CANARY}-w?token={CANARY}-t"
urls = ["json://user:{CANARY}-u@127.0.0.1:9/{CANARY}-p"]
"""


class SecretProject(FaultyProject):
    def environment(self) -> dict[str, str]:
        return super().environment() | {"HF_TOKEN": f"{CANARY}-e", "HTTPS_PROXY": f"http://me:{CANARY}-x@proxy:3128"}


@pytest.mark.slow
def test_no_file_that_a_study_leaves_holds_a_secret(tmp_path: Path) -> None:
    with faulty_project(tmp_path / "project", behaviour="A2=exit:3", seconds=0.01) as plain:
        project = SecretProject(plain.folder, behaviour=plain.behaviour, seconds=plain.seconds)
        study = project.folder / "experiments.toml"
        study.write_text(study.read_text() + NOTIFY)
        study.chmod(0o600)
        remote = f"https://ada:{CANARY}-r@git.example/iqa.git"
        for words in (["init", "-q"], ["remote", "add", "origin", remote]):
            subprocess.run(["git", "-C", str(project.folder), *words], check=True)
        project.run("--all", "--detach", "--slots", "2")
        project.wait_until_settled()
        log = project.folder / "runs" / "scheduler.log"
        said = ("no way to https://chat.example***", "webhook to 127.0.0.1:9", "study-failed of small")
        project.wait("every channel has failed", lambda: all(words in log.read_text() for words in said), 30)
        assert json.loads((project.folder / "ended.json").read_text())["event"]  # it was carried out
        project.run("report")
        project.run("results")
        shutil.rmtree(project.folder / ".git")
        assert files_with(CANARY, project.folder) == [study]


def files_with(word: str, folder: Path) -> list[Path]:
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_relative_to(folder / "data")]
    assert len(paths) > 20
    return [path for path in paths if word.encode() in path.read_bytes()]


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "project" / "runs"
    folder.mkdir(parents=True)
    return folder


def test_the_table_is_that_of_the_study_file_at_the_time_of_use(runs_dir: Path) -> None:
    file = runs_dir.parent / "experiments.toml"
    file.write_text('[notify]\ncommand = "true"\n')
    entry = notify_reference(file, runs_dir)
    assert entry == {"study_file": "../experiments.toml"}
    assert notify_table(entry, runs_dir) == {"command": "true"}
    file.write_text('[notify]\nwebhook = "http://a/b"\non = ["run-ended"]\n')
    assert notify_table(entry, runs_dir) == {"webhook": "http://a/b", "on": ["run-ended"]}
    file.write_text("")
    assert notify_table(entry, runs_dir) == {}


def test_a_project_that_is_moved_takes_its_table_along(runs_dir: Path) -> None:
    (runs_dir.parent / "experiments.toml").write_text('[notify]\ncommand = "true"\n')
    entry = notify_reference(runs_dir.parent / "experiments.toml", runs_dir)
    moved = runs_dir.parent.rename(runs_dir.parent.with_name("elsewhere"))
    assert notify_table(entry, moved / "runs") == {"command": "true"}


def test_a_study_file_outside_the_project_is_named_in_full(runs_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "private.toml"
    assert notify_reference(file, runs_dir) == {"study_file": str(file)}


def test_a_table_in_the_queue_of_an_earlier_version_still_counts(runs_dir: Path) -> None:
    table = {"command": "true", "webhook": "", "urls": [], "on": ["run-ended"]}
    with edit_queue(runs_dir) as edit:
        edit.queue = Queue(notify={"lr5e7": table})
    assert notify_table(read_queue(runs_dir).notify["lr5e7"], runs_dir) == table


@pytest.mark.parametrize(
    "text",
    ["[notify", "[notify]\ncommand = 5\n", "notify = 3\n", pytest.param("a = " + "[" * 100_000, id="deep")],
)
def test_a_study_file_that_cannot_be_used_is_named_without_its_values(runs_dir: Path, text: str) -> None:
    file = runs_dir.parent / "experiments.toml"
    file.write_text(text)
    with pytest.raises(RunError, match=r"experiments\.toml.*\[notify\]"):
        notify_table(notify_reference(file, runs_dir), runs_dir)
    file.unlink()
    with pytest.raises(RunError, match="cannot be read: No such file"):
        notify_table(notify_reference(file, runs_dir), runs_dir)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("--token abc --exp A1", "--token *** --exp A1"),
        ("--api-key=abc --lr 1e-6", "--api-key=*** --lr 1e-6"),
        ("--api_key abc", "--api_key ***"),
        ("--notify-url https://chat/T/B", "--notify-url ***"),
        ("--password -x --all", "--password *** --all"),
        ("HF_TOKEN=abc iqa-train", "HF_TOKEN=*** iqa-train"),
        ("--data_dir https://me:abc@host/set", "--data_dir https://***@host/set"),
        ("--weights https://host/w?access_token=abc&v=2", "--weights https://host/w?access_token=***&v=2"),
        ("--monkey abc --authors b --exp Key", "--monkey abc --authors b --exp Key"),
        ("--weights /a/b@c.pth", "--weights /a/b@c.pth"),
    ],
)
def test_a_recorded_command_has_no_secrets(words: str, shown: str) -> None:
    assert " ".join(public_command(words.split(" "))) == shown


def test_what_a_command_repeats_of_its_arguments_is_hidden() -> None:
    said = f"n.py: error: unrecognized arguments: --token {CANARY} --key={CANARY}2 in /home/me/n.py"
    command = f"python3 /home/me/n.py --token '{CANARY}' --key={CANARY}2"
    assert CANARY not in without_words(said, command.split()[1:])
    assert without_words("exit code 127: not found", ["--on", "127"]) == "exit code 127: not found"


def test_what_a_channel_says_names_no_more_of_an_address_than_its_host() -> None:
    table = {"command": f"curl -d @- 'https://chat.example/T1/{CANARY}'"}
    said = f"HTTPSConnectionPool(host='chat.example'): url: /T1/{CANARY}, {CANARY}"
    assert without_parts_of(said, addresses_of(table)) == "HTTPSConnectionPool(host='chat.example'): url: ***, ***"
    assert without_secrets("fatal: https://u:abc@host/x.git") == "fatal: https://***@host/x.git"


def test_provenance_has_neither_remotes_nor_the_changes_of_private_files() -> None:
    told = code_state()
    assert set(told) <= {"version", "fingerprint", "commit", "dirty", "diff", "untracked", "private"}
