"""Who a process is: across real PID and UTS namespaces, for a process that is suspended, and for one that is hidden."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from iqa_train.runs.identity import ProcessIdentity, identity_from, identity_of, origin_from, suspension, this_process

OTHER_BOOT = "00000000-0000-0000-0000-000000000000"


def unshared(*words: str) -> list[str]:
    """The start of a command in namespaces of its own; skips where that is not permitted."""
    command = ["unshare", *words]
    tried = shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True, check=False)
    if not tried or tried.returncode:
        pytest.skip("no namespaces may be made here")
    return command


def said_by(command: list[str], code: str, *words: str) -> str:
    """What Python prints that runs `code` under `command`."""
    done = subprocess.run(
        [*command, sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


ALIVE = """
import json, sys
from iqa_train.runs.identity import ProcessIdentity
who = ProcessIdentity(**json.loads(sys.argv[1]))
print(who.is_here, who.alive, who.where)
"""


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    # A group of its own, whose parent is in another: the kernel drops SIGTSTP for a group that no shell looks after.
    process = subprocess.Popen(["sleep", "60"], process_group=0)
    yield process
    process.kill()
    process.wait()


CONTAINER = ("--pid", "--fork", "--mount-proc")


def test_a_process_of_another_container_is_not_here() -> None:
    """Its pid, 1 as a rule, is another's here."""
    code = "import json; from iqa_train.runs.identity import this_process; print(json.dumps(this_process().as_json()))"
    other = ProcessIdentity(**json.loads(said_by(unshared(*CONTAINER), code)))
    assert (other.host, other.boot_id) == (this_process().host, this_process().boot_id)
    assert other.namespace != this_process().namespace
    assert not other.is_here
    assert not other.alive
    assert other.where == f"in another container of this machine (host name {socket.gethostname()})"
    first = identity_of(1)
    assert first.alive
    assert not replace(first, namespace=other.namespace).alive  # even were it started in the same moment


def test_nor_is_ours_there() -> None:
    told = said_by(unshared(*CONTAINER), ALIVE, json.dumps(this_process().as_json()))
    assert told.startswith("False False in another container")


def test_a_host_that_has_changed_its_name_knows_its_processes() -> None:
    command = [*unshared("--uts"), "sh", "-c", 'hostname renamed && exec "$@"', "sh"]
    assert said_by(command, ALIVE, json.dumps(this_process().as_json())).startswith("True True")


def test_the_proc_of_another_namespace_is_not_a_guide() -> None:
    code = """
from iqa_train.errors import RunError
from iqa_train.runs.identity import require_own_proc, this_process
print(this_process().is_here)
try:
    require_own_proc()
except RunError as error:
    print(error)
"""
    here, sentence = said_by(unshared("--pid", "--fork"), code).splitlines()
    assert here == "False"
    assert "/proc shows the processes of another PID namespace" in sentence


def test_a_process_that_proc_hides_is_left_alone() -> None:
    """With hidepid, another user's processes are not shown; that they are gone would be a guess."""
    if os.getuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root can be another user")
    script = 'mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"'
    command = [*unshared("--mount"), "sh", "-c", script, "sh"]
    tried = subprocess.run([*command, sys.executable, "-c", "import iqa_train.runs.identity"], check=False)
    if tried.returncode:
        pytest.skip("another user may not run this Python")
    assert said_by(command, ALIVE, json.dumps(this_process().as_json())).startswith("True True")
    gone = replace(this_process(), pid=2**22)
    assert said_by(command, ALIVE, json.dumps(gone.as_json())).startswith("True False")


def test_files_of_earlier_versions_are_judged_by_the_hosts_name() -> None:
    mine = this_process()
    facts = {"host": mine.host, "boot_id": mine.boot_id, "runner": {"pid": mine.pid, "created": mine.created}}
    then = identity_from(facts, "runner")
    assert then is not None
    assert then.namespace is None
    assert then.alive
    assert not replace(then, host="elsewhere").is_here
    assert replace(mine, host="elsewhere").alive  # of this version: the name is for people


def test_places_in_words() -> None:
    mine = this_process()
    assert replace(mine, boot_id=OTHER_BOOT, host="node7").where == "on host node7"
    assert replace(mine, boot_id=OTHER_BOOT).where == f"on another host named {mine.host}"
    assert origin_from({"host": "node7", "boot_id": 3}) is None
    assert origin_from({}) is None


def wait_for_state(pid: int, letters: str) -> None:
    deadline = time.monotonic() + 10
    while open(f"/proc/{pid}/stat").read().rpartition(") ")[2][0] not in letters:  # noqa: PTH123, SIM115
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGTSTP])
def test_a_suspended_process_lives_and_reports_it(sleeper: "subprocess.Popen[bytes]", number: int) -> None:
    who = identity_of(sleeper.pid)
    assert not who.suspended
    assert suspension(who) == ""
    os.kill(sleeper.pid, number)
    wait_for_state(sleeper.pid, "T")
    assert who.alive
    assert who.suspended
    words = f"suspended since about 14:05 (process {sleeper.pid}); `kill -CONT {sleeper.pid}` continues it"
    assert suspension(who, " since about 14:05") == words
    os.kill(sleeper.pid, signal.SIGCONT)
    wait_for_state(sleeper.pid, "SR")
    assert suspension(who) == ""


def test_missing_and_dead_processes_are_not_suspended(sleeper: "subprocess.Popen[bytes]") -> None:
    who = identity_of(sleeper.pid)
    sleeper.kill()
    wait_for_state(sleeper.pid, "Z")
    assert not who.alive
    assert suspension(who) == suspension(None) == ""
