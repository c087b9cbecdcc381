"""Telling people: real commands, real servers, and channels that fail or hang."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from iqa_train.runs.state import RunState
from iqa_train.scheduler.item_status import ItemStatus, item_status
from iqa_train.scheduler.notify import Notification, announce, lacking
from iqa_train.scheduler.queue import Item, Queue
from iqa_train.study.events import EVENTS

NEWS = Notification(
    event="run-failed",
    study="lr5e7",
    experiment="A2",
    seed=42,
    state="failed",
    reason="out of memory: CUDA could not allocate 2.1 GiB; try batch_size 24",
    srcc=None,
    run_dir="/data/runs/lr5e7/A2/s42-0123456789",
    log="/data/logs/A2.log",
    host="gpu7",
    time="2025-01-31T12:00:00+00:00",
)
MESSAGE = "A2 (seed 42) of lr5e7 on gpu7: failed: out of memory: CUDA could not allocate 2.1 GiB; try batch_size 24"


class Server(ThreadingHTTPServer):
    """Keeps what is posted to it; `answer` may be slow."""

    daemon_threads = True
    status = 200
    body = b"ok"
    location = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[tuple[str, str, bytes]] = []
        self.released = threading.Event()  # those who hang do so until the test has ended
        self.behaviour = "answers"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/secret"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, self.headers["Content-Type"], body))
        if self.server.behaviour == "hangs":
            self.server.released.wait(30)
            return
        if self.server.behaviour == "trickles":  # a byte in time for each of the socket's own limits
            while not self.server.released.wait(0.05):
                self.wfile.write(b"H")
            return
        if self.server.behaviour == "leaves":
            self.connection.close()
            return
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def do_GET(self) -> None:
        self.server.received.append((self.path, "GET", b""))
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as running:
        yield running


# What there is to tell.


def settled(tmp_path: Path, experiment: str, state: RunState, result: str = "") -> tuple[Item, ItemStatus]:
    item = Item(f"lr5e7/{experiment}/s42-0123456789", experiment, 42)
    folder = tmp_path / item.run
    (folder / "attempt-01").mkdir(parents=True)
    (folder / "attempt-01" / "runner.json").write_text(json.dumps({"cwd": str(tmp_path), "log": "logs/a.log"}))
    outcome = {"state": state.name, "reason": state.reason, "exit_code": 0 if state.finished else 1, "signal": None}
    (folder / "attempt-01" / "exit.json").write_text(json.dumps(outcome | {"requested": state.requested}))
    if result:
        (folder / "result.json").write_text(result)
    return item, ItemStatus("settled", state, 2, True)


def test_notification_of_a_finished_run(tmp_path: Path) -> None:
    item, status = settled(tmp_path, "A2", RunState("completed"), '{"srcc": 0.93384}')
    notification = Notification.of_run(item, status, tmp_path)
    assert (notification.event, notification.study, notification.experiment, notification.seed) == (
        "run-ended",
        "lr5e7",
        "A2",
        42,
    )
    assert (notification.state, notification.reason, notification.srcc) == ("completed", "", 0.93384)
    assert notification.run_dir == str(tmp_path / item.run)
    assert notification.log == str(tmp_path / "logs" / "a.log")
    assert notification.message == f"A2 (seed 42) of lr5e7 on {notification.host}: completed; test SRCC 0.9338"


@pytest.mark.parametrize(
    ("state", "event", "says"),
    [
        (RunState("failed", "diverged"), "run-failed", ": failed: diverged"),
        (RunState("lost", "host rebooted"), "run-failed", ": lost: host rebooted"),
        (RunState("killed", "killed by signal 9"), "run-failed", ": killed by signal 9"),
        (RunState("stopped", "stopped by ann", requested=True), "run-ended", ": stopped by ann"),
    ],
    ids=lambda value: value.name if isinstance(value, RunState) else "",
)
def test_notification_of_a_run_without_result(tmp_path: Path, state: RunState, event: str, says: str) -> None:
    notification = Notification.of_run(*settled(tmp_path, "A2", state, '{"srcc": 0.5}'), tmp_path)
    assert (notification.event, notification.srcc) == (event, None)
    assert notification.message.endswith(says)


@pytest.mark.parametrize("result", ["", "{", "[]", "{}", '{"srcc": null}', '{"srcc": NaN}', '{"srcc": "high"}'])
def test_an_empty_result_is_not_an_error(tmp_path: Path, result: str) -> None:
    early = RunState("stopped-early", "stopped early after epoch 8")
    notification = Notification.of_run(*settled(tmp_path, "A2", early, result), tmp_path)
    assert notification.srcc is None
    assert notification.message.endswith(": stopped early after epoch 8")


def test_notification_of_a_run_whose_folder_is_gone(tmp_path: Path) -> None:
    item = Item("lr5e7/A2/s42-0123456789", "A2", 42)
    notification = Notification.of_run(item, ItemStatus("settled", RunState("lost", "gone"), 0, True), tmp_path)
    assert (notification.event, notification.log) == ("run-failed", "")


def test_notification_of_a_study(tmp_path: Path) -> None:
    good = [settled(tmp_path, name, RunState("completed"), "{}")[0] for name in ("Baseline", "A1")]
    notification = Notification.of_study(Queue(tuple(good)), tmp_path)
    assert (notification.event, notification.study, notification.state, notification.counts) == (
        "study-ended",
        "lr5e7",
        "completed",
        {"completed": 2},
    )
    assert notification.run_dir == str(tmp_path / "lr5e7")
    assert notification.message == f"lr5e7 on {notification.host}: all runs have ended: 2 completed"
    bad = [settled(tmp_path, f"B{n}", RunState("failed", "diverged"))[0] for n in range(7)]
    notification = Notification.of_study(Queue((*good, *bad)), tmp_path)
    assert all(item_status(item, tmp_path).phase == "settled" for item in bad)
    assert (notification.event, notification.state, notification.counts) == (
        "study-failed",
        "failed",
        {"completed": 2, "failed": 7},
    )
    assert notification.reason == "2 completed, 7 failed (B0, B1, B2, B3, B4, ...)"
    assert (
        notification.as_environment()["IQA_TRAIN_EXPERIMENT"] == notification.as_environment()["IQA_TRAIN_SEED"] == ""
    )


def test_values_are_single_lines_of_bounded_length() -> None:
    notification = replace(NEWS, reason="a\nb\0c\x1b[31m\u2028d\udcff " + 9999 * "x")
    for told in (notification.as_environment()["IQA_TRAIN_REASON"], notification.as_json()["reason"]):
        assert told.startswith("a b c [31m d  xx")
        assert len(told) == 2000
    assert "\n" not in notification.message
    json.dumps(notification.as_json(), ensure_ascii=False).encode()


def test_the_environment_is_the_same_as_the_json() -> None:
    told = NEWS.as_json()
    assert NEWS.as_environment() == {
        f"IQA_TRAIN_{key.upper()}": "" if value is None else str(value)
        for key, value in told.items()
        if key not in {"schema_version", "counts"}
    }
    assert (told["message"], told["srcc"], told["schema_version"]) == (MESSAGE, None, 1)


def test_the_scheduler_stays_light() -> None:
    code = "import sys, iqa_train.scheduler.notify; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pydantic", "torch", "ssl", "http.client", "urllib.request", "apprise"} & set(loaded)


# Which events.


@pytest.mark.parametrize("event", EVENTS)
def test_only_requested_events_are_announced(tmp_path: Path, event: str) -> None:
    told = tmp_path / "told"
    notification = replace(NEWS, event=event)
    config = {"command": f"touch {told}"}
    assert announce(config, notification) == []
    assert told.exists() == (event != "run-ended")  # runs that end well are told of on request
    told.unlink(missing_ok=True)
    assert announce(config | {"on": [event]}, notification) == []
    assert told.exists()
    told.unlink()
    assert announce(config | {"on": [e for e in EVENTS if e != event]}, notification) == []
    assert not told.exists()
    assert announce({}, notification) == []


# Commands.


def test_a_command_gets_the_notification(tmp_path: Path) -> None:
    command = f"env -0 > {tmp_path}/env; cat > {tmp_path}/json; ps -o sid= -p $$ > {tmp_path}/session"
    assert announce({"command": command}, NEWS) == []
    told = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().split("\0") if line)
    assert told.items() >= NEWS.as_environment().items()
    assert told["PATH"] == os.environ["PATH"]
    assert json.loads((tmp_path / "json").read_text()) == NEWS.as_json()
    assert int((tmp_path / "session").read_text()) != os.getsid(0)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("exit 3", "exit code 3"),
        ("echo first >&2; echo no mailbox >&2; exit 3", "exit code 3: no mailbox"),
        ("iqa-no-such-program", "exit code 127: "),
        ("kill -9 $$", "killed by signal 9"),
        ("printf '\\377\\000' >&2; exit 1", "exit code 1: \ufffd"),
        ("true \0", "ValueError"),
    ],
)
def test_a_command_that_fails(command: str, why: str) -> None:
    (complaint,) = announce({"command": command}, NEWS)
    assert complaint.startswith(f"notify: run-failed of lr5e7/A2 was not delivered: command: {why}")


def test_a_command_that_ignores_term_and_forks(tmp_path: Path) -> None:
    command = f"trap '' TERM HUP INT; sleep 300 & echo $! > {tmp_path}/pids; echo $$ >> {tmp_path}/pids; sleep 300"
    began = time.monotonic()
    (complaint,) = announce({"command": command}, NEWS, command_limit=0.5)
    assert 0.5 <= time.monotonic() - began < 2
    assert complaint.endswith("command: it took more than 0.5 s and was killed")
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 2
    while any(living(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(living(pid) for pid in pids)


def living(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_command_that_floods_its_output_is_stopped_in_time() -> None:
    began = time.monotonic()
    (complaint,) = announce({"command": "yes >&2"}, NEWS, command_limit=0.3)
    assert "it took more than 0.3 s" in complaint
    assert time.monotonic() - began < 2


def test_what_a_command_leaves_in_the_background_is_not_waited_for() -> None:
    began = time.monotonic()
    assert announce({"command": "sleep 3 &"}, NEWS) == []
    assert time.monotonic() - began < 2


# Webhooks.


def test_a_webhook_gets_the_notification(server: Server) -> None:
    notification = replace(NEWS, reason="<lr> & more")
    assert announce({"webhook": server.url}, notification) == []
    ((path, kind, body),) = server.received
    assert (path, kind) == ("/hooks/secret", "application/json")
    escaped = "A2 (seed 42) of lr5e7 on gpu7: failed: &lt;lr&gt; &amp; more"
    assert json.loads(body) == notification.as_json() | {"text": escaped}


def test_a_refusal_is_logged_without_the_secret(server: Server) -> None:
    server.status, server.body = 403, b"invalid_token"
    (complaint,) = announce({"webhook": server.url}, NEWS)
    assert complaint.endswith(
        f"was not delivered: webhook to 127.0.0.1:{server.server_port}: it answered 403 Forbidden: invalid_token"
    )
    assert "secret" not in complaint


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_not_followed(server: Server, status: int) -> None:
    server.status, server.location = status, server.url
    (complaint,) = announce({"webhook": server.url}, NEWS)
    assert f"it answered {status}" in complaint
    assert len(server.received) == 1


@pytest.mark.parametrize("behaviour", ["hangs", "trickles"])
def test_a_server_that_hangs(server: Server, behaviour: str) -> None:
    server.behaviour = behaviour
    began = time.monotonic()
    (complaint,) = announce({"webhook": server.url}, NEWS, web_limit=0.4)
    assert time.monotonic() - began < 2
    assert complaint.endswith("no answer within 0.4 s")


def test_a_server_that_is_not_there(server: Server) -> None:
    server.behaviour = "leaves"
    (complaint,) = announce({"webhook": server.url}, NEWS)
    assert complaint.endswith("Remote end closed connection without response")
    url = server.url
    server.server_close()
    (complaint,) = announce({"webhook": url}, NEWS)
    assert complaint.endswith("Connection refused")


def test_a_certificate_is_requested(server: Server) -> None:
    (complaint,) = announce({"webhook": server.url.replace("http:", "https:")}, NEWS)
    assert "SSL" in complaint
    assert not server.received


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "nowhere", "http://127.0.0.1:x/secret"])
def test_no_other_addresses_are_opened(url: str) -> None:
    (complaint,) = announce({"webhook": url}, NEWS)
    assert "secret" not in complaint


def test_channels_do_not_depend_on_each_other(tmp_path: Path, server: Server) -> None:
    server.status = 500
    first = announce({"command": "exit 1", "webhook": server.url}, NEWS)
    assert len(first) == 2
    server.status = 200
    (complaint,) = announce({"command": "exit 1", "webhook": server.url}, NEWS)
    assert "command: exit code 1" in complaint
    assert len(server.received) == 2


# Apprise.


def test_without_apprise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    config = {"urls": ["slack://secret/#a", "json://b"]}
    needed = "urls need the package apprise, which is not installed; pip install apprise"
    assert lacking(config) == needed
    assert lacking({"command": "true"}) == ""
    (complaint,) = announce(config, NEWS)
    assert complaint.endswith(needed)


def test_apprise_gets_the_message_and_its_failures_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    class Apprise:
        def add(self, url: str) -> bool:
            self.url = url
            return not url.startswith("unknown")

        def notify(self, **words: str) -> bool:
            if self.url.startswith("breaks"):
                raise KeyError(self.url)
            if self.url.startswith("hangs"):
                time.sleep(1)
            told.append((self.url, words))
            return self.url.startswith("good")

    kinds = SimpleNamespace(FAILURE="failure", INFO="info")
    module = SimpleNamespace(Apprise=Apprise, NotifyType=kinds, __spec__=SimpleNamespace())
    monkeypatch.setitem(sys.modules, "apprise", module)
    urls = ["good://a", "unknown://secret", "breaks://secret", "bad://secret", "hangs://secret"]
    complaints = announce({"urls": urls}, NEWS, web_limit=0.3)
    assert told[0] == ("good://a", {"body": MESSAGE, "title": "iqa-train: run-failed", "notify_type": "failure"})
    assert [c.partition("was not delivered: ")[2] for c in complaints] == [
        "urls, number 2 (unknown): apprise does not know such an address; its documentation lists the forms",
        "urls, number 3 (breaks): KeyError",
        "urls, number 4 (bad): apprise could not deliver it",
        "urls, number 5 (hangs): no answer within 0.3 s",
    ]


def test_with_apprise_itself(server: Server) -> None:
    pytest.importorskip("apprise")
    address = f"json://127.0.0.1:{server.server_port}/secret"
    assert announce({"urls": [address]}, NEWS) == []
    ((_, _, body),) = server.received
    told = json.loads(body)
    assert (told["message"], told["title"], told["type"]) == (MESSAGE, "iqa-train: run-failed", "failure")
    server.status = 500
    refused, unknown = announce({"urls": [address, "nonsense://secret"]}, NEWS)
    assert refused.endswith("urls, number 1 (json): apprise could not deliver it")
    assert unknown.endswith("urls, number 2 (nonsense): apprise does not know such an address; "
                            "its documentation lists the forms")  # fmt: skip
