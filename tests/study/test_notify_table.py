"""The study file's [notify]: who is told of what, and everything that can be wrong with it."""

import tomllib

import pytest

from iqa_train.errors import StudyError
from iqa_train.study.events import USUAL
from iqa_train.study.model import Notify
from tests.study.conftest import SEED_FILE


def test_without_a_notify_table_nothing_is_sent(seed_study):
    assert seed_study.notify is None


def test_the_example_in_the_shipped_file_is_valid(write):
    text = SEED_FILE.read_text(encoding="utf-8")
    before, mark, example = text.partition("# [notify]\n")
    lines = [line.removeprefix("# ") for line in (mark + example).splitlines()]
    study = write(before + "\n".join(lines))
    assert study.notify == Notify.model_validate(tomllib.loads("\n".join(lines))["notify"])
    assert study.notify.on == USUAL


@pytest.mark.parametrize(
    "line",
    [
        "command = 'true'",
        'webhook = "https://hooks.example.org/services/a/b?c=d#e"',
        'webhook = "HTTP://127.0.0.1:8065"',
        'webhook = "http://[::1]:80/hook"',
        'urls = ["mailto://me:secret@example.org", "dbus://"]',
    ],
)
def test_one_channel_of_notifications_is_enough(small, line):
    notify = small(more=f"[notify]\n{line}\n").notify
    assert notify.on == USUAL
    key = line.partition(" ")[0]
    assert set(notify.model_dump(exclude_defaults=True)) == {key}


def test_events_are_chosen(small):
    notify = small(more='[notify]\ncommand = "true"\non = ["run-ended"]\n').notify
    assert notify.on == ("run-ended",)


EVENT_WORDS = "a list of events out of run-ended, run-failed, study-ended, study-failed"
WEB_WORDS = "an address that starts with http:// or https://"

BAD = [
    ("", "[notify]: needs command, webhook or urls (line 15)"),
    ("on = ['run-ended']", "[notify]: needs command, webhook or urls"),
    ("comand = 'true'", '[notify]: unknown key "comand"; did you mean "command"? (line 16)'),
    ("command = 3", "[notify]: command = 3 is not text; allowed: a shell command line (line 16)"),
    ("command = ''", '[notify]: command = "" is empty; allowed: a shell command line'),
    ("webhook = 'ftp://a.example'", f'webhook = "ftp://a.example" is not valid; allowed: {WEB_WORDS}'),
    ("webhook = 'a.example/hook'", f'webhook = "a.example/hook" is not valid; allowed: {WEB_WORDS}'),
    ("webhook = 'https://'", 'webhook = "https://" is not valid'),
    ("webhook = 'https:///hook'", 'webhook = "https:///hook" is not valid'),
    ("webhook = 'https://a.example/h k'", 'webhook = "https://a.example/h k" is not valid'),
    ("webhook = 'https://a.example/é'", 'webhook = "https://a.example/é" is not valid'),
    ("webhook = 'https://me:word@a.example/'", "in ASCII, without spaces, user name and password"),
    ("webhook = 'https://a.example:port/'", 'webhook = "https://a.example:port/" is not valid'),
    ('webhook = "https://a.example/\\n"', "holds the control character U+000A"),
    ("webhook = ''", 'webhook = "" is empty'),
    ("webhook = ['https://a.example']", "is not text"),
    ("urls = []", "[notify]: urls = [] is empty; allowed: a list of addresses for apprise"),
    ("urls = 'slack://t'", 'urls = "slack://t" is not valid; allowed: a list of addresses for apprise'),
    ("urls = ['slack']", 'urls = ["slack"] is not valid; allowed: a list of addresses for apprise, such as'),
    (
        "command = 'true'\non = ['run-fail']",
        '[notify]: "run-fail" in on is not an event; did you mean "run-failed" or "study-failed"? (line 17)',
    ),
    ("command = 'true'\non = ['all']", '"all" in on is not an event; known: run-ended, run-failed, study-ended,'),
    ("command = 'true'\non = 'run-failed'", f'on = "run-failed" is not valid; allowed: {EVENT_WORDS}'),
    ("command = 'true'\non = [1]", f"on = [1] is not valid; allowed: {EVENT_WORDS}"),
    ("command = 'true'\non = []", f"on = [] is empty; allowed: {EVENT_WORDS}"),
    ("command = 'true'\nlr = 1", '[notify]: unknown key "lr"; known: command, webhook, urls, on; a setting stands in'),
]


@pytest.mark.parametrize(("lines", "says"), BAD, ids=[b[0][-40:] or "empty" for b in BAD])
def test_what_is_wrong_is_reported_in_one_sentence(small, lines, says):
    with pytest.raises(StudyError) as caught:
        small(more=f"[notify]\n{lines}\n")
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith("experiments.toml: [notify]: ")
    assert says in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("notify = 3\n", "experiments.toml: notify = 3 is not a table; write [notify]"),
        ("[[notify]]\ncommand = 'true'\n", "is not a table; write [notify]"),
        ("[notfy]\ncommand = 'true'\n", 'experiments.toml: [notfy]: unknown table; did you mean "notify"?'),
    ],
)
def test_notify_is_one_table(write, text, says):
    seed = SEED_FILE.read_text(encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        write(text + seed if text.startswith("notify") else seed + text)
    assert len(str(caught.value).splitlines()) == 1
    assert says in str(caught.value)
