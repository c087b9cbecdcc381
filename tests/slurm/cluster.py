"""A Slurm of its own for tests: munged, slurmctld and two slurmds on loopback, with two fake GPUs a node.

Works as root and as an ordinary user, without systemd, cgroups or configuration of the machine. Its daemons die with
the process that started them; what its jobs started is killed by `stop`.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from iqa_train.slurm.jobs import Job, list_arguments, parse_jobs

DAEMONS = ("munged", "slurmctld", "slurmd", "setpriv")
COMMANDS = ("sbatch", "squeue", "scancel", "scontrol")
NODES = ("n1", "n2")
_AWAY = ("down", "drain", "fail")
LIMIT = 60.0  # seconds in which whatever is waited for must happen

_CONFIGURATION = """
ClusterName=t
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobcomp.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
MinJobAge={min_job_age}
KillWait=3
RequeueExit=99
JobRequeue=1
GresTypes=gpu
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
MpiDefault=none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n1 NodeAddr=127.0.0.1 NodeHostname={host} Port={ports[1]} CPUs=8 RealMemory=4000 Gres=gpu:2
NodeName=n2 NodeAddr=127.0.0.1 NodeHostname={host} Port={ports[2]} CPUs=8 RealMemory=4000 Gres=gpu:2
PartitionName=main Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE
PartitionName=high Nodes=n[1-2] MaxTime=INFINITE State=UP PriorityTier=10
"""

_GPUS = """
AutoDetect=off
NodeName=n[1-2] Name=gpu File={folder}/dev/fakegpu[0-1]
"""

_WRAPPER = """#!/bin/sh
[ ! -e {fault} ] || . {fault}
exec {real} "$@"
"""


def missing() -> str | None:
    """Why no cluster can be started here; None if one can."""
    lacking = [name for name in (*DAEMONS, *COMMANDS) if _which(name) is None]
    if lacking:
        return f"Slurm is not installed ({', '.join(lacking)}): apt-get install munge slurmctld slurmd slurm-client"
    return None


def wait_until(condition: Callable[[], object], what: str, limit: float = LIMIT) -> None:
    """Ask every 50 ms until `condition` holds. Raises AssertionError after `limit` seconds."""
    ends = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < ends, f"not within {limit:g} s: {what}"
        time.sleep(0.05)


class Cluster:
    """Two nodes, n1 and n2, of 8 CPUs and 2 GPUs each; partitions `main` and, preempting it, `high`."""

    def __init__(self, min_job_age: int = 300) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # short: the path of a socket may have 107 characters
        self.configuration = self.folder / "slurm.conf"
        self._min_job_age = min_job_age
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._controller_was_up = False
        self._ports: list[int] = []

    def start(self) -> None:
        """Start all daemons and wait until both nodes are idle. Raises AssertionError."""
        for attempt in range(3):  # ports that were free may be taken by now
            try:
                self._write_configuration()
                self._start_munged()
                self.start_controller()
                for node in NODES:
                    self.start_slurmd(node)
                wait_until(lambda: self.node_states() == dict.fromkeys(NODES, "idle"), "both nodes are idle", 20)
            except AssertionError as error:
                self._kill_daemons()
                shutil.rmtree(self.folder / "state", ignore_errors=True)
                self._controller_was_up = False
                if attempt == 2:
                    raise AssertionError(f"{error}\n{self.logs()}") from None
            else:
                return

    def stop(self) -> None:
        """Kill the daemons and every process of their jobs; delete the folder."""
        self._kill_daemons()
        for _ in range(100):
            if not self._kill_processes():
                break
            time.sleep(0.05)
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        """What a process needs to use this cluster, beside os.environ."""
        return {"SLURM_CONF": str(self.configuration), "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}

    def call(self, *command: str) -> str:
        """Call one of Slurm's commands directly, past any fault; its standard output. Raises AssertionError."""
        program = _which(command[0])
        assert program is not None
        done = subprocess.run(
            [program, *command[1:]], env=os.environ | self.environment(), capture_output=True, text=True, timeout=LIMIT,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def jobs(self) -> list[Job]:
        """What squeue lists now, past any fault, with jobs that have ended."""
        return parse_jobs(self.call("squeue", *list_arguments(str(os.getuid()))))

    # Faults

    @property
    def has_controller(self) -> bool:
        """Whether the process of the controller lives."""
        return self._daemons["slurmctld"].poll() is None

    def kill_controller(self) -> None:
        """Kill it: what it has not saved in the last seconds is lost, and numbers of jobs are given again."""
        self._kill("slurmctld")

    def stop_controller(self) -> None:
        """Let it save its state and end."""
        self._daemons["slurmctld"].terminate()
        self._daemons["slurmctld"].wait(LIMIT)

    def wait_until_saved(self) -> None:
        """Until the controller has saved all that it knows now; killed earlier, it forgets jobs."""
        now = time.time()
        self.call("scancel", self.call("sbatch", "--parsable", "--hold", "--wrap", "true").strip())  # saved is a change
        saved = self.folder / "state" / "job_state"
        wait_until(lambda: saved.exists() and saved.stat().st_mtime > now, "the controller saves its state")

    def start_controller(self) -> None:
        """Start it, with its last state if it ran before, and wait until it answers."""
        self._kill("slurmctld")
        self._start("slurmctld", "slurmctld", "-D", *([] if self._controller_was_up else ["-c"]))
        self._controller_was_up = True
        wait_until(self._answers, "slurmctld answers")

    def kill_slurmd(self, node: str) -> None:
        """Kill it alone: the job's processes go on, and what the controller knows of them is out of date."""
        self._kill(node)

    def start_slurmd(self, node: str, *, only_if_dead: bool = False) -> None:
        if only_if_dead and self._daemons[node].poll() is None:
            return
        self._kill(node)
        self._start(node, "slurmd", "-D", "-N", node)

    def node_down(self, node: str) -> None:
        """The controller gives the node up: its jobs are requeued at once."""
        self.call("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")

    def drain(self, node: str) -> None:
        """No new job starts on it."""
        self.call("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")

    def node_up(self, node: str) -> bool:
        """Back from down and drained, if its slurmd runs; whether it is back."""
        if self.node_states().get(node, "down").startswith(_AWAY):
            with contextlib.suppress(AssertionError):
                self.call("scontrol", "update", f"NodeName={node}", "State=RESUME")
        return not self.node_states().get(node, "down").startswith(_AWAY)

    def refuse(self, command: str, words: str) -> None:
        """Let a command (sbatch, squeue...) fail with these words."""
        self._set_fault(command, f"echo {_quoted(words)} >&2; exit 1\n")

    def hang(self, command: str, seconds: float) -> None:
        """Let it wait before it does anything."""
        self._set_fault(command, f"sleep {seconds}\n")

    def script(self, command: str, lines: str) -> None:
        """Let a command be this shell script, in which {real} is the true one."""
        self._set_fault(command, lines.replace("{real}", str(_which(command))) + "\n")

    def heal(self, command: str | None = None) -> int:
        """Let it, or all commands, do what it does; returns how many calls have met with a fault."""
        calls = 0
        for name in [command] if command else COMMANDS:
            (self.folder / "faults" / name).unlink(missing_ok=True)
            met = self.folder / "faults" / f"{name}.met"
            calls += len(met.read_bytes()) if met.exists() else 0
            met.unlink(missing_ok=True)
        return calls

    def is_met(self, command: str) -> bool:
        """Whether a call has met with its fault."""
        return (self.folder / "faults" / f"{command}.met").exists()

    def is_hindered(self, command: str) -> bool:
        """Whether it refuses or hangs now."""
        return (self.folder / "faults" / command).exists()

    def mend(self) -> None:
        """Undo all faults and wait until both nodes are up."""
        self.heal()
        if not self.has_controller:
            self.start_controller()
        for node in NODES:
            self.start_slurmd(node, only_if_dead=True)
        for node in NODES:
            wait_until(lambda node=node: self.node_up(node), f"{node} is up")

    def repair(self) -> None:
        """Undo all faults, cancel all jobs and wait until none is left on a node."""
        self.mend()
        self.call("scancel", "-u", str(os.getuid()))
        wait_until(lambda: all(job.has_ended for job in self.jobs()), "all jobs have ended")
        wait_until(lambda: self.node_states() == dict.fromkeys(NODES, "idle"), "both nodes are idle")

    def node_states(self) -> dict[str, str]:
        """idle, mixed, allocated, down, drained... by node; a * says that its slurmd does not answer."""
        with contextlib.suppress(AssertionError):
            lines = self.call("sinfo", "-h", "-N", "-p", "main", "-o", "%N %T").splitlines()
            return dict(line.split() for line in lines if line)
        return {}

    def logs(self) -> str:
        """The last lines of every daemon."""
        found = [f"== {path.name}\n{path.read_text()[-1500:]}" for path in sorted(self.folder.glob("*.log"))]
        return "\n".join(found)

    def _answers(self) -> bool:
        try:  # without a listener, Slurm's own commands try again for nine seconds
            socket.create_connection(("127.0.0.1", self._ports[0]), 1).close()
        except OSError:
            return False
        done = subprocess.run(
            ["scontrol", "ping"], env=os.environ | self.environment(), capture_output=True, text=True, check=False
        )
        return " UP" in done.stdout

    def _set_fault(self, command: str, script: str) -> None:
        path = self.folder / "faults" / command
        fresh = path.with_suffix(".new")
        fresh.write_text(f"printf . >> {path}.met\n{script}")
        fresh.replace(path)

    def _write_configuration(self) -> None:
        for name in ("dev", "state", "bin", "faults"):
            (self.folder / name).mkdir(exist_ok=True)
        for k in range(2):
            gpu = self.folder / "dev" / f"fakegpu{k}"
            if not gpu.is_symlink():
                gpu.symlink_to("/dev/null")  # a regular file would leave CUDA_VISIBLE_DEVICES unset
        for name in COMMANDS:
            wrapper = self.folder / "bin" / name
            wrapper.write_text(_WRAPPER.format(fault=self.folder / "faults" / name, real=_which(name)))
            wrapper.chmod(0o755)
        user, host = pwd.getpwuid(os.getuid()).pw_name, socket.gethostname().partition(".")[0]
        self._ports = _free_ports(3)
        text = _CONFIGURATION.format(
            folder=self.folder, ports=self._ports, user=user, host=host, min_job_age=self._min_job_age
        )
        self.configuration.write_text(text)
        (self.folder / "gres.conf").write_text(_GPUS.format(folder=self.folder))

    def _start_munged(self) -> None:
        key = self.folder / "munge.key"
        if not key.exists():
            key.write_bytes(os.urandom(1024))
            key.chmod(0o400)
        files = {"pid-file": "munged.pid", "log-file": "munged.log", "seed-file": "munge.seed", "key-file": "munge.key"}
        options = [f"--{option}={self.folder / name}" for option, name in files.items()]
        self._start("munged", "munged", "-F", "--force", "-S", str(self.folder / "munge.sock"), *options)
        wait_until((self.folder / "munge.sock").exists, "munged listens")

    def _start(self, name: str, program: str, *arguments: str) -> None:
        path = _which(program)
        assert path is not None
        self._daemons[name] = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", path, *arguments], cwd=self.folder, start_new_session=True,
            env=os.environ | self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _kill(self, name: str) -> None:
        if name in self._daemons:
            self._daemons[name].kill()
            self._daemons[name].wait()

    def _kill_daemons(self) -> None:
        for name in reversed(list(self._daemons)):
            self._kill(name)

    def _kill_processes(self) -> int:
        """Kill what has this cluster's configuration in its environment; how many there were."""
        victims = [process for process in psutil.process_iter() if self._is_own(process)]
        for victim in victims:
            with contextlib.suppress(psutil.Error):
                victim.send_signal(signal.SIGKILL)
        return len(victims)

    def _is_own(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            mine = process.environ().get("SLURM_CONF") == str(self.configuration)
            return mine and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
        return False


@contextlib.contextmanager
def running_cluster(min_job_age: int = 300) -> Iterator[Cluster]:
    """A cluster within the block."""
    cluster = Cluster(min_job_age)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _which(program: str) -> str | None:
    return shutil.which(program, path=f"/usr/bin:/usr/sbin:/bin:/sbin:{os.environ.get('PATH', '')}")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _quoted(words: str) -> str:
    return "'" + words.replace("'", "'\\''") + "'"
