"""Tells people that a run or the study has ended: a command of theirs, a webhook, or whatever apprise can reach.

A channel that fails or hangs costs a sentence and at most its time limit; it never raises, and no run hears of it.
Sentences name a webhook by its host alone: the rest of the address is often a secret, and they go into a log.
"""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from iqa_train.files import SCHEMA_VERSION
from iqa_train.regular import real_path
from iqa_train.runs.attempt_facts import LogFinder
from iqa_train.runs.document_cache import undamaged
from iqa_train.runs.documents import Measure
from iqa_train.runs.layout import QueueFiles, RunFolder
from iqa_train.runs.snapshot import RunSnapshot, read_snapshot
from iqa_train.runs.state_names import COMPLETED, FAILED
from iqa_train.scheduler.item_status import ItemStatus, snapshots_of, status_of
from iqa_train.scheduler.queue import Item, Queue, folder_of
from iqa_train.study.events import USUAL, Event

COMMAND_LIMIT = 20.0  # seconds for a command
WEB_LIMIT = 10.0  # seconds for a webhook, and for each address that apprise is given

_PREFIX = "IQA_TRAIN_"
_LONGEST = 2000  # characters of a value; the kernel takes no environment of any size
_TAIL = 1000  # bytes of what a command said at its end
_TICK = 0.02  # seconds between two looks at a command
_NAMED = 5  # experiments that a sentence names
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


@dataclass(frozen=True)
class Notification:
    """What there is to tell; `experiment` is "" and `seed` and `srcc` are None where they mean nothing.

    Of a study, `reason` and `counts` say how many of its runs ended in which state.
    """

    event: Event
    study: str
    experiment: str
    seed: int | None
    state: str
    reason: str
    srcc: Measure | None
    run_dir: str
    log: str
    host: str
    time: str
    counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of_run(cls, item: Item, status: ItemStatus, runs_dir: Path, found: RunSnapshot | None = None) -> "Notification":
        """That a run, of which `found` is a snapshot, is settled. One stopped on request has ended, not failed."""
        run = folder_of(item, runs_dir)
        found = found or read_snapshot(run)
        state = status.state
        event: Event = "run-ended" if state.finished or state.requested else "run-failed"
        srcc = _srcc(found) if state.finished else None
        fields = (item.study, item.experiment, item.seed, state.name, state.reason, srcc)
        return cls(event, *fields, str(real_path(run.path)), _last_log(found, runs_dir), socket.gethostname(), _now())

    @classmethod
    def of_study(cls, queue: Queue, runs_dir: Path, found: Mapping[str, RunSnapshot] | None = None) -> "Notification":
        """That the whole queue is settled; failed if any of its runs, in `found` by key, has no result."""
        found = snapshots_of(queue.items, runs_dir) if found is None else found
        states = [(item.experiment, status_of(item, found[item.key]).state) for item in queue.items]
        counts = Counter(state.name for _, state in states)
        unfinished: dict[str, list[str]] = {}
        for experiment, state in states:
            if not state.finished:
                unfinished.setdefault(state.name, []).append(experiment)
        words = [f"{count} {name}{_named(unfinished.get(name, []))}" for name, count in counts.items()]
        studies = list(dict.fromkeys(item.study for item in queue.items))
        folder = runs_dir / studies[0] if len(studies) == 1 else runs_dir
        return cls(
            event="study-failed" if unfinished else "study-ended",
            study=", ".join(studies),
            experiment="",
            seed=None,
            state=FAILED if unfinished else COMPLETED,
            reason=", ".join(words),
            srcc=None,
            run_dir=str(real_path(folder)),
            log=str(real_path(QueueFiles(runs_dir).scheduler_log)),
            host=socket.gethostname(),
            time=_now(),
            counts=dict(counts),
        )

    @property
    def message(self) -> str:
        """All of it in one sentence for a person."""
        if not self.experiment:
            end = "ended with runs that have no result" if self.event == "study-failed" else "all runs have ended"
            return _clean(f"{self.study} on {self.host}: {end}: {self.reason}")
        state = self.state.replace("-", " ")
        how = self.reason if self.reason.startswith(state) else f"{state}: {self.reason}" if self.reason else state
        score = "" if self.srcc is None else f"; test SRCC {self.srcc:.4f}"
        repeat = RunFolder(Path(self.run_dir)).repeat
        which = f"seed {self.seed}" + (f", repeat {repeat}" if repeat > 1 else "")
        return _clean(f"{self.experiment} ({which}) of {self.study} on {self.host}: {how}{score}")

    def as_json(self) -> dict[str, Any]:
        """What a command reads on its standard input; texts are single lines."""
        fields = asdict(self) | {"message": self.message}
        texts = {key: _clean(value) if isinstance(value, str) else value for key, value in fields.items()}
        return {"schema_version": SCHEMA_VERSION, **texts}

    def as_environment(self) -> dict[str, str]:
        """The same as variables IQA_TRAIN_EVENT, IQA_TRAIN_STUDY and so on, empty for what there is not."""
        fields = self.as_json()
        names = [name for name in fields if name not in {"schema_version", "counts"}]
        return {_PREFIX + name.upper(): "" if fields[name] is None else str(fields[name]) for name in names}


def announce(
    config: Mapping[str, Any],
    notification: Notification,
    *,
    command_limit: float = COMMAND_LIMIT,
    web_limit: float = WEB_LIMIT,
) -> list[str]:
    """Deliver `notification` as the study file's [notify], `config`, says; returns a sentence per failed channel."""
    channels = channels_of(config, notification, command_limit=command_limit, web_limit=web_limit)
    return [complaint(notification, channel, why) for channel in channels if (why := channel.send())]


@dataclass(frozen=True)
class Channel:
    """A way to deliver: `key` names it in files, `name` in sentences, neither with a secret; `send` returns why not."""

    key: str
    name: str
    send: Callable[[], str]


def channels_of(
    config: Mapping[str, Any],
    notification: Notification,
    *,
    command_limit: float = COMMAND_LIMIT,
    web_limit: float = WEB_LIMIT,
) -> list[Channel]:
    """The channels that `config` delivers `notification` by, in order; none for an event that it does not want."""
    if notification.event not in (config.get("on") or USUAL):
        return []
    channels = []
    if command := config.get("command"):
        channels.append(Channel("command", "command", partial(_run, str(command), notification, command_limit)))
    if webhook := config.get("webhook"):
        post = partial(_within, web_limit, partial(_post, str(webhook), notification, web_limit))
        channels.append(Channel("webhook", f"webhook to {_host(str(webhook))}", post))
    if lacks := lacking(config):
        channels.append(Channel("urls", "urls", lambda: lacks))
    for number, url in enumerate(() if lacks else config.get("urls") or (), start=1):
        scheme = str(url).partition("://")[0]
        push = partial(_within, web_limit, partial(_push, str(url), notification))
        channels.append(Channel(f"url-{number}", f"urls, number {number} ({scheme})", push))
    return channels


def complaint(notification: Notification, channel: Channel, why: str) -> str:
    """That a channel has not taken the notification, and why."""
    about = f"{notification.event} of {notification.study}" + (
        f"/{notification.experiment}" if notification.experiment else ""
    )
    return _clean(f"notify: {about} was not delivered: {channel.name}: {why}")


def lacking(config: Mapping[str, Any]) -> str:
    """What must be installed before `config` can be carried out, as a sentence; "" if nothing."""
    if config.get("urls") and find_spec("apprise") is None:
        return "urls need the package apprise, which is not installed; pip install apprise"
    return ""


# The channels. Each returns why it failed, or "".


def _run(command: str, notification: Notification, limit: float) -> str:
    """Run a shell command line in a session of its own; at the time limit, all that is left of its group is killed."""
    deadline = time.monotonic() + limit
    try:
        with os.fdopen(
            os.memfd_create("notification"), "w+b"
        ) as stream:  # in memory: the notification may be that the disk is full
            stream.write(json.dumps(notification.as_json()).encode() + b"\n")
            stream.seek(0)
            process = subprocess.Popen(
                ["/bin/sh", "-c", command], stdin=stream, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0,
                env=os.environ | notification.as_environment(), start_new_session=True,
            )  # fmt: skip
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the command
        return _words(error)
    assert process.stderr is not None
    output = b""
    with process.stderr as stderr:  # what it leaves in the background may keep this open: it is not read to its end
        os.set_blocking(stderr.fileno(), False)
        running = True
        while running and time.monotonic() < deadline:
            time.sleep(_TICK)
            running = process.poll() is None
            output = (output + (stderr.read(1 << 16) or b""))[-_TAIL:]
    if running:
        os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(1.0)
        return f"it took more than {limit:g} s and was killed"
    code = process.returncode
    end = f"exit code {code}" if code > 0 else f"killed by signal {-code}"
    return _with_last_line(end, output) if code else ""


def _post(url: str, notification: Notification, limit: float) -> str:
    """POST the notification to an http or https address, with verified certificates and the environment's proxies."""
    import ssl
    import urllib.error
    import urllib.request

    body = json.dumps(notification.as_json() | {"text": _for_chats(notification.message)}).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "iqa-train"}
    opener = urllib.request.OpenerDirector()  # without redirects, which would make the POST a GET with no body
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    try:
        opener.open(urllib.request.Request(url, body, headers, method="POST"), timeout=limit).close()
    except urllib.error.HTTPError as error:
        with error:
            return _with_last_line(f"it answered {error.code} {error.reason}", error.read(_TAIL))
    except urllib.error.URLError as error:
        if isinstance(error.reason, OSError):
            raise error.reason from None
        return str(error.reason)
    return ""


def _push(url: str, notification: Notification) -> str:
    """Hand the notification to apprise."""
    import logging

    logging.getLogger("apprise").addHandler(logging.NullHandler())  # it would print whole addresses, tokens included
    apprise = import_module("apprise")
    service = apprise.Apprise()
    if not service.add(url):
        return "apprise does not know such an address; its documentation lists the forms"
    kind = apprise.NotifyType.FAILURE if notification.event.endswith("-failed") else apprise.NotifyType.INFO
    done = service.notify(body=notification.message, title=f"iqa-train: {notification.event}", notify_type=kind)
    return "" if done else "apprise could not deliver it"


def _within(limit: float, work: Callable[[], str]) -> str:
    """What `work` returns, or how it failed; after `limit` seconds it is left to itself.

    A socket's own time limit does not do: it starts again with every byte, and looking up a name knows none.
    """
    late = f"no answer within {limit:g} s"
    answers: list[str] = []

    def answer() -> None:
        try:
            answers.append(work())
        except TimeoutError:
            answers.append(late)
        except Exception as error:  # noqa: BLE001 (apprise speaks to a hundred services: anything may be raised)
            answers.append(_words(error))

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    thread.join(limit)
    return answers[0] if answers else late


# Small help.


def _words(error: Exception) -> str:
    """What an error says, if that cannot be an address."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else type(error).__name__


def _with_last_line(what: str, output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return f"{what}: {lines[-1][:200]}" if lines else what


def _host(url: str) -> str:
    found = re.match(r"[a-z]+://(?:[^/?#]*@)?([^/?#]*)", url, re.IGNORECASE)
    return found[1] if found else "an address without a host"


def _for_chats(text: str) -> str:
    """As Slack and those that take its messages want the three characters that would begin a link or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clean(text: str) -> str:
    """On one line, without control characters, of bounded length."""
    line = _UNPRINTABLE.sub(" ", text).strip()
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def _named(experiments: list[str]) -> str:
    names = list(dict.fromkeys(experiments))
    more = ["..."] if len(names) > _NAMED else []
    return f" ({', '.join(names[:_NAMED] + more)})" if names else ""


def _srcc(found: RunSnapshot) -> float | None:
    return (undamaged(found.result) or {}).get("srcc")


def _last_log(found: RunSnapshot, runs_dir: Path) -> str:
    facts = found.last.facts if found.last else {}
    try:
        return str(LogFinder(runs_dir).find(facts).absolute()) if "log" in facts else ""
    except OSError:
        return ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
