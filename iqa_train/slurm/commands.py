"""Calls Slurm's commands with a time limit; each failure is one sentence with Slurm's own words.

Written for Slurm 20.11 to 25.x. Without a controller the commands block for half a minute by themselves.
"""

import contextlib
import errno
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping

from iqa_train.errors import RunError, visible

SHORT = 10.0
"""Seconds that a question (squeue) may take."""

LONG = 30.0
"""Seconds that a change (sbatch, scancel, scontrol) may take: a busy controller answers late."""

_IDS_PER_CALL = 200
_MOST_WORDS = 300  # characters of Slurm's words in a sentence
_LAST_READ = 1.0  # seconds for the words of a command that was killed

_PASSING = re.compile(
    r"unable to contact|connect(?:ion)? (?:failure|refused|timed out)|timed out|zero bytes"
    r"|message (?:send|receive) failure|standby|temporarily|try again|retry|rate limit|MaxJobCount|MaxSubmit"
    r"|submissions? disabled|partition not available|partition in DOWN|authenticat|munge|connect to database"
    r"|cannot allocate memory|configuration source|fetch.config|transport endpoint|unexpected message",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"accounting/QOS policy|MaxSubmit|SubmitJobsLimit|MaxJobCount|job array spec", re.IGNORECASE)
_GONE = re.compile(r"invalid job id|already (?:completing|finished)|no error", re.IGNORECASE)
_WAITS = re.compile(r"pending execution", re.IGNORECASE)
_PREFIX = re.compile(
    r"^(?:\w+: )?(?:error: |slurm_\w+ error: )?(?:Batch job submission failed: |allocation failure: )?"
)
_NOISE = re.compile(r"^(?:Try \"?\w+ --help|Request aborted)")
_ADVICE = (
    ("partition name", "`sinfo -s` lists the partitions"),
    ("invalid account", "`sacctmgr show associations user=$USER` lists your accounts"),
    ("invalid qos", "`sacctmgr show associations user=$USER` lists your qos"),
    ("group not permitted", "`scontrol show partition` says who may use it"),
    ("time limit is invalid", "`sinfo -o '%P %l'` lists the longest time of each partition"),
    ("accounting/qos policy", "ask for less in [slurm], or wait until jobs of yours have ended"),
    ("node configuration", "`sinfo -o '%P %c %m %G'` lists the CPUs, memory and GPUs of the nodes"),
    ("gres", "`sinfo -o '%P %G'` lists the GPUs"),
    ("generic resource", "`sinfo -o '%P %G'` lists the GPUs"),
    ("feature", "`sinfo -o '%P %f'` lists what `constraint` may name"),
    ("job array", "`scontrol show config | grep MaxArraySize` is the limit of the site"),
    ("option", "`man sbatch` lists the options that `extra` in [slurm] may hold"),
)

_SUBMITTED = re.compile(
    r"^(?:Submitted batch job )?(\d+)(?:;\S*)?$", re.MULTILINE
)  # "17;cluster" where there are several
# Else it is not known whether the job was accepted: sbatch may have been killed after it had been.
_REFUSED = re.compile(
    r"^sbatch: (?:error|fatal|unrecognized|option|invalid)|submission failed|allocation failure|Usage:", re.MULTILINE
)
_OPTION = re.compile(r"^#SBATCH\s+--([\w-]+)", re.MULTILINE)
_ODD_VARIABLES = {"time": "SBATCH_TIMELIMIT", "array": "SBATCH_ARRAY_INX", "mem": "SBATCH_MEM_PER_NODE"}
_NEVER = {"SBATCH_WAIT", "SBATCH_NO_REQUEUE", "SLURM_TIME_FORMAT", "SLURM_BITSTR_LEN"}
_WHERE_SLURM_IS = re.compile(r"SLURM_(?:CONF|CLUSTERS|SACK|JWT)")


class SlurmError(RunError):
    """A command of Slurm that failed.

    `words` are Slurm's own. `passing`: nothing is wrong with what was asked for; later it may succeed (no controller,
    no answer in time, a limit on waiting jobs). A call that got no answer may have been carried out all the same.
    """

    def __init__(self, sentence: str, words: str = "", *, passing: bool = False) -> None:
        super().__init__(sentence)
        self.words = words
        self.passing = passing


def is_limit(error: SlurmError) -> bool:
    """Whether sbatch refused a job array for its size, so that a smaller one, or a later one, may be accepted."""
    return _LIMIT.search(error.words) is not None


def is_available() -> bool:
    """Whether Slurm's commands are on this machine; its controller is not asked."""
    return all(map(shutil.which, ("sbatch", "squeue", "scontrol", "scancel")))


def sbatch(script: str) -> str:
    """Submit `script`; the id of the job or array. Raises SlurmError."""
    answer, failure = _attempted("sbatch", "--parsable", stdin=script, without=_variables(script))
    found = _SUBMITTED.findall(answer)
    if found:
        return str(found[-1])
    raise failure or SlurmError(f'sbatch named no job: it answered "{_shortened(answer)}"', answer, passing=True)


def try_out(script: str) -> None:
    """Raise SlurmError where Slurm would not take `script` now. It is a guess: nodes that are down count as missing."""
    call("sbatch", "--test-only", stdin=script, limit=SHORT, without=_variables(script))


def _variables(script: str) -> set[str]:
    """Of the environment, those that would override the script."""
    return {_ODD_VARIABLES.get(name, "SBATCH_" + name.upper().replace("-", "_")) for name in _OPTION.findall(script)}


def scancel(ids: Iterable[str]) -> None:
    """Cancel jobs ("17") and tasks ("17_3"); those that have ended are passed over. Raises SlurmError.

    Without a filter such as --state: with one, scancel cancels all waiting tasks of an array.
    """
    for some in _parts(ids):
        _call_unless(_GONE, "scancel", *some)


def signal_job(job: str, name: str) -> None:
    """Send a signal, such as "USR1", to the program that a running job's script has become. Raises SlurmError."""
    _call_unless(_GONE, "scancel", "--batch", f"--signal={name}", job)


def requeue(job: str) -> None:
    """Stop a job or task and let it wait again; one that waits already is left as it is. Raises SlurmError."""
    _call_unless(_WAITS, "scontrol", "requeue", job)


def hold(ids: Iterable[str]) -> None:
    """Keep waiting jobs and tasks from starting; those that have ended are passed over. Raises SlurmError."""
    for some in _parts(ids):
        _call_unless(_GONE, "scontrol", "hold", ",".join(some))


def release(ids: Iterable[str]) -> None:
    """Let held jobs and tasks start; those that have ended are passed over. Raises SlurmError."""
    for some in _parts(ids):
        _call_unless(_GONE, "scontrol", "release", ",".join(some))


def update(job: str, **fields: object) -> None:
    """Change fields of a waiting job, as `update("17", Nice=100)`. Raises SlurmError."""
    call("scontrol", "update", f"JobId={job}", *(f"{name}={value}" for name, value in fields.items()))


def call(program: str, *arguments: str, stdin: str = "", limit: float = LONG, without: Iterable[str] = ()) -> str:
    """The standard output of one of Slurm's commands, called without the environment variables `without`.

    Raises SlurmError where it is missing, fails, or has not ended after `limit` seconds; then it is killed.
    """
    answer, failure = _attempted(program, *arguments, stdin=stdin, limit=limit, without=without)
    if failure is not None:
        raise failure
    return answer


def _attempted(
    program: str, *arguments: str, stdin: str = "", limit: float = LONG, without: Iterable[str] = ()
) -> tuple[str, SlurmError | None]:
    """As `call`; what a command that fails has printed, and its failure."""
    try:
        process = subprocess.Popen(
            [program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, encoding="utf-8", errors="replace", env=_environment(without), start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError:
        message = f"{program} is not installed here: use a login node of the cluster, or load the module of Slurm"
        raise SlurmError(message) from None
    except OSError as error:
        passing = error.errno in {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
        raise SlurmError(f"{program} could not be started: {error.strerror}", passing=passing) from None
    try:
        answer, complaint = process.communicate(stdin, timeout=limit)
    except subprocess.TimeoutExpired:
        words = _words(_kill(process))
        said = f' (it said "{words}")' if words else ""
        sentence = f"Slurm did not answer {program} within {limit:g} s{said}: its controller may be down or busy"
        raise SlurmError(sentence, words, passing=True) from None
    except BaseException:
        _kill(process)
        raise
    failure = _failure(program, process.returncode, complaint or answer) if process.returncode else None
    return answer, failure


def _call_unless(needless: re.Pattern[str], *command: str) -> None:
    """Call it; a failure whose every line is `needless` is none."""
    try:
        call(*command)
    except SlurmError as error:
        if error.passing or not all(map(needless.search, error.words.split("; "))):
            raise


def _parts(ids: Iterable[str]) -> list[list[str]]:
    """`ids` by as many as one command line takes."""
    known = list(ids)
    return [known[start : start + _IDS_PER_CALL] for start in range(0, len(known), _IDS_PER_CALL)]


def _environment(without: Iterable[str]) -> Mapping[str, str]:
    """This process's, without what changes the output of squeue or overrides the script, and, within a job, without
    what describes that job: it would be handed on to the jobs that are submitted here."""
    inside = "SLURM_JOB_ID" in os.environ
    dropped = {*_NEVER, *without, *(["CUDA_VISIBLE_DEVICES"] if inside else [])}
    kept = {name: value for name, value in os.environ.items() if name not in dropped and not _is_of_a_job(name)}
    return kept | {"SLURM_TIME_FORMAT": "%s", "SLURM_BITSTR_LEN": "0"}


def _is_of_a_job(name: str) -> bool:
    return name.startswith("SQUEUE_") or (name.startswith("SLURM") and not _WHERE_SLURM_IS.match(name))


def _kill(process: subprocess.Popen[str]) -> str:
    """Kill the command and its children; what it wrote to standard error."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        return process.communicate(timeout=_LAST_READ)[1]
    except (subprocess.TimeoutExpired, ValueError):  # a child in a session of its own holds the pipes
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        process.wait()
        return ""


def _failure(program: str, status: int, complaint: str) -> SlurmError:
    words = _words(complaint)
    if not words:
        words = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
    if _PASSING.search(words) or (program == "sbatch" and not _REFUSED.search(complaint)):
        return SlurmError(f"{program} failed for now: {words}", words, passing=True)
    what = "Slurm refused the job" if program == "sbatch" else f"{program} failed"
    low = words.lower()
    advice = next((f"; {advice}" for word, advice in _ADVICE if word in low), "")
    return SlurmError(f"{what}: {words}{advice}", words)


def _words(complaint: str) -> str:
    """What Slurm wrote, on one line, without the names of its programs and without repetitions."""
    lines = [_PREFIX.sub("", line.strip()) for line in complaint.splitlines()]
    kept = dict.fromkeys(line for line in lines if line and not _NOISE.match(line))
    return _shortened("; ".join(kept))


def _shortened(text: str) -> str:
    text = visible(text.strip())
    return text if len(text) <= _MOST_WORDS else text[: _MOST_WORDS - 3] + "..."
