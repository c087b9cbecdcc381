"""Users without a home, caches that may only be read, processes that are refused, terminals that are none."""

import fcntl
import json
import os
import pty
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iqa_train.cli.main import main
from iqa_train.datasets.images.pixel_store import open_store
from iqa_train.datasets.table import ImageTable
from iqa_train.devices.inventory import Device
from iqa_train.devices.leases import VARIABLE, Holder, acquire
from iqa_train.errors import UsageError
from iqa_train.files import cache_root
from iqa_train.home import expanded
from iqa_train.runner.attempt_request import AttemptRequest
from iqa_train.runner.process_limits import RefusedError
from iqa_train.runner.runner import run_attempt
from iqa_train.runs.layout import RunFolder
from iqa_tui.config import config_path, read_config
from tests.other_user import as_user

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
UNKNOWN = 54321  # no entry in passwd


@as_root
def test_a_user_without_a_home_is_asked_where_the_cache_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(
        UsageError, match=f"the cache folder is unknown: HOME is not set and user {UNKNOWN} has no home folder"
    ):
        as_user(UNKNOWN, cache_root)
    assert as_user(UNKNOWN, lambda: cache_root("/somewhere")) == Path("/somewhere")
    with pytest.raises(UsageError, match='the home folder "~" is unknown'):
        as_user(UNKNOWN, lambda: expanded("~/data"))
    assert as_user(UNKNOWN, lambda: (config_path(), read_config().theme)) == (None, "")


def test_an_unknown_home_folder_is_reported_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "verify", "demo", "--data_dir", "~nobody-has-this-name/demo"]) == 2
    assert 'the home folder "~nobody-has-this-name" is unknown' in capsys.readouterr().err


@pytest.fixture
def table(tmp_path: Path) -> ImageTable:
    names = tuple(f"{k}.png" for k in range(3))
    for k, name in enumerate(names):
        Image.new("RGB", (40 + k, 30), (k, 0, 0)).save(tmp_path / name)
    return ImageTable("few", tmp_path, names, np.arange(3.0), (0, 100))


def test_a_store_that_is_complete_is_neither_locked_nor_written(tmp_path: Path, table: ImageTable) -> None:
    cache = tmp_path / "cache"
    folder = open_store(table, cache_dir=str(cache)).folder
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in (folder, *folder.iterdir())}
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        signal.alarm(5)
        try:
            store = open_store(table, cache_dir=str(cache))
        finally:
            signal.alarm(0)
    assert store.image(2)[0, 0].tolist() == [2, 0, 0]
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in (folder, *folder.iterdir())} == before


@as_root
def test_a_cache_of_another_user_is_read_and_one_that_is_not_complete_is_reported_in_one_sentence() -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        Image.new("RGB", (40, 30)).save(place / "0.png")
        table = ImageTable("few", place, ("0.png",), np.zeros(1), (0, 100))
        open_store(table, cache_dir=name)
        assert as_user(UNKNOWN, lambda: len(open_store(table, cache_dir=name))) == 1
        Image.new("RGB", (50, 30)).save(place / "0.png")
        with pytest.raises(Exception, match=r"cannot be written to .* \(Permission denied\)"):
            as_user(UNKNOWN, lambda: len(open_store(table, cache_dir=name)))


def _finished_run(folder: Path) -> RunFolder:
    run = RunFolder(folder / "runs/s/A1/s42-0123456789")
    (run.path / "attempt-01").mkdir(parents=True)
    spec = {"study": "s", "experiment": "A1", "slug": "A1", "settings": {"epochs": 1, "train_test_num": 1}}
    run.spec.write_text(json.dumps(spec))
    ended = {"state": "completed", "reason": "", "exit_code": 0, "signal": None}
    (run.path / "attempt-01" / "exit.json").write_text(json.dumps(ended))
    run.result.write_text(json.dumps({"srcc": 0.9}))
    run.lock.touch()
    return run


def test_a_refused_worker_is_not_an_attempt_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        monkeypatch.setenv(VARIABLE, str(folder / "leases"))
        run = _finished_run(folder)
        for path in (folder, *folder.rglob("*")):
            if os.getuid() == 0:
                os.chown(path, UNKNOWN, UNKNOWN)
        before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}

        def start() -> None:
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
            lease = acquire("cpu-0", Holder("A1"))
            assert lease is not None
            device = Device("cpu", 0, "cpu-0", "CPU slot 0", threads=1)
            run_attempt(AttemptRequest(run, device, lease, folder / "logs", ["iqa-train"], again=True))

        with pytest.raises(RefusedError, match=r"the worker of A1 could not be started: .*\(ulimit -u\)"):
            as_user(UNKNOWN, start)
        assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before
        assert not (run.path / "attempt-02").exists()
        assert list((folder / "logs").iterdir()) == []


@pytest.mark.parametrize("term", ["dumb", None])
def test_a_terminal_that_draws_nothing_is_reported_in_one_sentence(tmp_path: Path, term: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"TERM", "TEXTUAL_DRIVER"}}
    leader, follower = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "iqa_tui.cli"], cwd=tmp_path, env=environment | ({"TERM": term} if term else {}),
        stdin=follower, stdout=follower, stderr=follower, timeout=30, check=False,
    )  # fmt: skip
    os.close(follower)
    said = os.read(leader, 10_000).decode()
    os.close(leader)
    assert done.returncode == 2
    assert f'TERM="{term or ""}"' in said
    assert said.count("\n") == 1
