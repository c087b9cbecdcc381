"""The batch script: what it asks of Slurm, and that the shell runs the words and lines that it was given."""

import subprocess
from pathlib import Path

import pytest

from iqa_train.errors import UsageError
from iqa_train.slurm.batch_script import batch_script
from iqa_train.slurm.commands import sbatch
from iqa_train.study.slurm_table import SlurmTable
from tests.slurm.cluster import Cluster, wait_until

PRINT = ("/usr/bin/printf", "<%s>")


def script(table: SlurmTable | None = None, *words: str, folder: Path = Path("/tmp"), **given) -> str:
    fields = {"token": "3f2a", "name": "lr5e7", "tasks": 5, "logs": folder / "runs" / "slurm", **given}
    return batch_script(table or SlurmTable(), [*PRINT, *words], folder=folder, **fields)


def run(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash"], input=text, capture_output=True, text=True, timeout=60, check=False)


def test_the_whole_script():
    table = SlurmTable(
        partition="gpu", time="2:00:00", gpus="1", cpus=8, mem="32G", constraint="a100|h100", array_limit=2,
        setup=("module load cuda",), extra=("--reservation=my lab", "--exclusive"),
    )  # fmt: skip
    found = batch_script(
        table, ["/lab/.venv/bin/python", "-P", "-m", "job", "/lab/runs", "3f2a"],
        token="3f2a", name="lr5e7", tasks=5, folder=Path("/lab"), logs=Path("/lab/runs/slurm"), after=("12", "17"),
    )  # fmt: skip
    assert (
        found
        == """\
#!/bin/bash
#SBATCH --job-name=lr5e7
#SBATCH --comment=iqa-train:3f2a
#SBATCH --array=0-4%2
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --partition=gpu
#SBATCH --time=2:00:00
#SBATCH --gpus=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --constraint=a100|h100
#SBATCH --reservation="my lab"
#SBATCH --exclusive
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
#SBATCH --open-mode=append
#SBATCH --output=/lab/runs/slurm/%A_%a.out
#SBATCH --dependency=afterany:12:17

trap '' USR1
cd /lab || exit
ended() { [ "$1" -ne 0 ] || echo "iqa-train: setup ended the shell before the run began" >&2; exit $(($1 ? $1 : 1)); }
trap 'ended $?' EXIT
checked() { [ "$1" -eq 0 ] || { echo "iqa-train: setup failed with exit status $1: $2" >&2; exit 1; }; }
module load cuda
checked $? 'module load cuda'
exec /lab/.venv/bin/python -P -m job /lab/runs 3f2a
"""
    )


def test_without_a_table_the_site_decides():
    text = script(tasks=1)
    assert "#SBATCH --array=0-0\n" in text
    assert not any(f"--{option}" in text for option in ("partition", "time", "gpus", "cpus-per-task", "mem", "depend"))


WORDS = ["it's", 'a "b"', "$HOME `id` $(id)", "back\\slash", "ünï  two", "*", "", "-n", "%s", "a;b&c|d", "!x", "~"]


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_words_reach_the_program_as_they_are(tmp_path, shell):
    folder = tmp_path / 'my lab\'s "$HOME" %j'
    folder.mkdir()
    text = script(None, *WORDS, folder=folder)
    found = subprocess.run([shell], input=text, capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout == "".join(f"<{word}>" for word in WORDS) and not found.stderr


def test_setup_acts_on_the_program_in_the_folder_of_the_project(tmp_path):
    (tmp_path / "env.sh").write_text("export GREETING=hello\n[ -e /nowhere ] && true\ntrue\n")
    lines = (
        "source ./env.sh  # with a comment",
        'if [ -n "$GREETING" ]; then export GREETING="it\'s $GREETING"; else exit 9; fi',
        "for n in 1 2; do",
        "  GREETING=$GREETING$n",
        "done",
    )
    text = script(SlurmTable(setup=lines), folder=tmp_path).replace("/usr/bin/printf '<%s>'", "/usr/bin/env")
    assert "\nGREETING=it's hello12\n" in run(text).stdout
    assert f"\nPWD={tmp_path}\n" in run(text).stdout


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("module() { return 3; }; module load 'cuda'", "setup failed with exit status 3: module() { return 3; }; "),
        ("source missing/activate", "setup failed with exit status 1: source missing/activate\n"),
        ("false # && true", "setup failed with exit status 1: false # && true\n"),
    ],
)
def test_nothing_runs_after_a_failed_line_of_setup(tmp_path, line, says):
    found = run(script(SlurmTable(setup=("true", line)), "ran", folder=tmp_path))
    assert (found.returncode, found.stdout) == (1, "")
    assert "iqa-train: " + says in found.stderr


@pytest.mark.parametrize("lines", [("exit 0",), ("true", "cat <<E"), ("exit 3",)])
def test_a_setup_that_ends_the_shell_is_a_failure(tmp_path, lines):
    found = run(script(SlurmTable(setup=lines), "ran", folder=tmp_path))
    assert found.returncode == (3 if "exit 3" in lines else 1)
    assert "<ran>" not in found.stdout
    assert ("setup ended the shell before the run began" in found.stderr) == ("exit 3" not in lines)


def test_nothing_runs_where_the_project_is_not_mounted():
    found = run(script(None, "ran", folder=Path("/nowhere/at all")))
    assert (found.returncode, found.stdout) == (1, "") and "/nowhere/at all" in found.stderr


@pytest.mark.parametrize("bad", ["a\nb", "a\x00b", "a\x1b[2J", "a\u2028b", "\u202eb"])
@pytest.mark.parametrize("where", ["word", "name", "token", "folder", "logs"])
def test_a_script_holds_no_control_characters(bad, where):
    given = {where: Path(bad) if where in {"folder", "logs"} else bad} if where != "word" else {}
    words = [bad] if where == "word" else []
    with pytest.raises(UsageError, match=r"cannot be part of a batch script: it holds the control character U\+"):
        script(None, *words, **given)


def test_a_percent_sign_of_the_path_is_no_pattern_and_a_backslash_is_refused():
    assert "--output=/a/%%j/b/%A_%a.out" in script(logs=Path("/a/%j/b"))
    with pytest.raises(UsageError, match=r"folder with a backslash in its path; rename that folder"):
        script(logs=Path("/a\\b"))


def test_slurm_takes_every_option_of_the_table(cluster: Cluster):
    table = SlurmTable(
        partition="main", time="1-0", gpus="1", cpus=2, mem="100M", exclude="n2", nice=7, array_limit=2,
        margin=300, extra=("--mail-type NONE", "--exclusive=user"),
    )  # fmt: skip
    ahead = sbatch(script(tasks=1, hold=True, name="ahead", logs=Path("/tmp")))
    array = sbatch(script(table, tasks=3, after=(ahead,), name="my study's"))
    shown = cluster.call("scontrol", "show", "job", array)
    for words in (
        "JobName=my study's\n", "Comment=iqa-train:3f2a", "Partition=main", "TimeLimit=1-00:00:00", "NumCPUs=2",
        "MinMemoryNode=100M", "ExcNodeList=n2", "Nice=7", "ArrayTaskThrottle=2", "ArrayTaskId=0-2%2", "Requeue=1",
        f"Dependency=afterany:{ahead}_*", "gpu:1", "OverSubscribe=USER",
    ):  # fmt: skip
        assert words in shown
    assert "Reason=JobHeldUser" in cluster.call("scontrol", "show", "job", ahead)


def test_a_job_has_its_words_and_output_whatever_the_path_of_the_project(cluster: Cluster, tmp_path: Path):
    folder = tmp_path / 'my lab\'s "$HOME" %j #1'
    logs = folder / "runs" / "slurm"
    logs.mkdir(parents=True)
    setup = SlurmTable(gpus="1", setup=('export LAB="it\'s here"',))
    text = script(setup, *WORDS, folder=folder).replace(
        "exec /usr/bin/printf", 'echo "$LAB $PWD $SLURM_GPUS_ON_NODE"\nexec printf'
    )
    array = sbatch(text)
    wait_until(lambda: all(job.has_ended for job in cluster.jobs()), "the array ends")
    assert sorted(path.name for path in logs.iterdir()) == [f"{array}_{task}.out" for task in range(5)]
    for path in logs.iterdir():
        assert path.read_text() == f"it's here {folder} 1\n" + "".join(f"<{word}>" for word in WORDS)
