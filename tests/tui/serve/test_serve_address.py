"""Where the console may be served, and what is said about it."""

import os
import socket
import subprocess

import pytest

from iqa_train.errors import UsageError
from iqa_tui.serve.access import is_own_user
from iqa_tui.serve.address import Address, read_address
from iqa_tui.serve.command import console_options
from tests.conftest import Project
from tests.tui.serve.served import CONSOLE, served


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9000", "127.0.0.1", 9000),
        ("9000", "127.0.0.1", 9000),
        ("localhost", "localhost", 8000),
        ("[::1]:0", "::1", 0),
        ("0.0.0.0:80", "0.0.0.0", 80),
    ],
)
def test_an_address_is_a_host_and_a_port_or_either(text: str, host: str, port: int) -> None:
    assert read_address(text) == Address(host, port)


@pytest.mark.parametrize("text", ["", ":", ":80", "127.0.0.1:x", "127.0.0.1:65536", "::1:8000", "127.0.0.1:-1"])
def test_an_invalid_value_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        read_address(text)


def _refused(project: Project, *words: str) -> str:
    done = subprocess.run(
        [*CONSOLE, *words], cwd=project.folder, env=project.environment(), capture_output=True, text=True, check=False,
        timeout=30,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_port_that_is_taken_is_reported_in_one_sentence(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        said = _refused(project, "--serve", f"127.0.0.1:{port}")
    assert "the port is in use" in said
    assert str(port) in said


def test_others_are_let_in_only_on_demand_and_with_a_warning(project: Project) -> None:
    said = _refused(project, "--serve", "0.0.0.0:0")
    assert "--open-to-network" in said
    assert "ssh -L" in said
    with served(project, "--open-to-network", where="0.0.0.0:0") as server:
        assert "anyone who can reach http://0.0.0.0:" in server.said
        assert "start and stop runs" in server.said
        assert "--readonly" in server.said


def test_every_console_gets_the_options_that_do_not_concern_serving() -> None:
    asked = ["--demo", "--serve", "127.0.0.1:1", "--slots", "2", "--open_to_network", "--serve=::1", "--readonly"]
    assert console_options(asked) == ["--demo", "--slots", "2", "--readonly"]
    assert console_options(["--serve", "--study", "x"]) == ["--study", "x"]


CONNECT = "import socket, sys, time; c = socket.create_connection((sys.argv[1], int(sys.argv[2]))); time.sleep(60)"


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_another_users_program_on_this_machine_is_recognised(
    monkeypatch: pytest.MonkeyPatch, family: socket.AddressFamily, host: str
) -> None:
    """As root, the other user is real; else we pretend to be another, and the kernel's table says who we are."""
    try:
        listening = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with listening:
        own = listening.getsockname()[:2]
        with socket.create_connection(own) as client:
            assert is_own_user(client.getsockname()[:2], own)
        listening.accept()[0].close()
        root = os.geteuid() == 0
        other = subprocess.Popen(
            ["/usr/bin/env", "python3", "-c", CONNECT, host, str(own[1])], user=65534 if root else None
        )
        connection, peer = listening.accept()
        if not root:
            monkeypatch.setattr(os, "geteuid", lambda: 4242)
        assert not is_own_user(peer[:2], own)
        other.kill()
        other.wait()
        connection.close()
    assert is_own_user(("192.0.2.1", 1), own)  # another machine's: that is for --open-to-network to allow
