"""[slurm] and its layers: what a job of a cluster is given, and everything that can be wrong with it."""

import json
import tomllib

import pytest

from iqa_train.errors import StudyError
from iqa_train.study.resolve import resolve, resolve_all
from iqa_train.study.resolve_slurm import resolved
from iqa_train.study.slurm_table import MARGIN, SlurmTable

FULL = """\
partition = "gpu,long"
account = "lab"
qos = "normal"
time = "2:00:00"
gpus = 1
cpus = 8
mem = "32G"
constraint = "a100|h100"
exclude = "n1,n[4-6]"
nice = 100
setup = ["module load cuda", "source .venv/bin/activate"]
array_limit = 4
extra = ["--reservation=maint", "--exclusive"]
runs_per_job = 2
margin = 300
"""


def test_without_a_table_jobs_have_what_the_site_gives(small):
    study = small()
    assert study.slurm is None
    table = resolved(study, resolve(study, "Base"))
    assert table == SlurmTable()
    assert table.options() == [] and table.as_json() == {}


def test_every_key_is_read_and_comes_back_from_json(small):
    table = small(more=f"[slurm]\n{FULL}").slurm
    assert table.options() == [
        ("partition", "gpu,long"),
        ("account", "lab"),
        ("qos", "normal"),
        ("time", "2:00:00"),
        ("gpus", "1"),
        ("cpus-per-task", "8"),
        ("mem", "32G"),
        ("constraint", "a100|h100"),
        ("exclude", "n1,n[4-6]"),
        ("nice", "100"),
        ("reservation", "maint"),
        ("exclusive", ""),
    ]
    assert set(table.as_json()) == set(tomllib.loads(FULL))
    assert SlurmTable.model_validate(json.loads(json.dumps(table.as_json()))) == table


def test_a_layer_replaces_the_keys_that_it_gives(small):
    study = small(
        ("Long", 'slurm = { time = "1-0", gres = "gpu:a100:2", extra = [] }'),
        more=f"[slurm]\n{FULL}[profiles.demo]\nepochs = 2\n[profiles.demo.slurm]\ntime = 30\ngpus = 0\n",
    )
    base, long = (resolved(study, spec) for spec in resolve_all(study))
    assert (base.time, base.gpu_count, base.margin_seconds) == ("2:00:00", 1, 300)
    assert (long.time, long.gpus, long.gres, long.gpu_count, long.extra) == ("1-0", "", "gpu:a100:2", 2, ())
    assert (long.partition, long.cpus) == ("gpu,long", 8)
    base, long = (resolved(study, spec) for spec in resolve_all(study, profile="demo"))
    assert (base.seconds, base.gpu_count, long.seconds) == (1800, 0, 86400)
    assert "gpus" not in dict(base.options())


def test_gpus_take_the_place_of_gres_and_leave_other_resources(small):
    study = small(("More", "slurm = { gpus = 4 }"), more='[slurm]\ngres = "gpu:1,scratch:100G"\n')
    table = resolved(study, resolve(study, "More"))
    assert (table.gpus, table.gres) == ("4", "scratch:100G")


def test_an_empty_key_leaves_the_value_to_the_site(small):
    study = small(("Any", 'slurm = { qos = "", time = "" }'), more='[slurm]\nqos = "short"\ntime = 60\nmem = "1G"\n')
    assert resolved(study, resolve(study, "Any")).options() == [("mem", "1G")]


def test_a_table_changes_no_settings_hash(small):
    given = small(more=f"[slurm]\n{FULL}")
    assert resolve(given, "Base").config_hash == resolve(small(), "Base").config_hash


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("90", 5400),
        ('"90"', 5400),
        ('"2:00"', 120),
        ('"2:00:00"', 7200),
        ("02:00:00", 7200),  # without quotes it is TOML's time of day
        ('"1-12"', 129600),
        ('"1-12:30"', 131400),
        ('"1-0:0:30"', 86430),
    ],
)
def test_a_time_limit_is_read_as_sbatch_reads_it(small, time, seconds):
    assert small(more=f"[slurm]\ntime = {time}\n").slurm.seconds == seconds


def test_the_margin_is_at_most_half_of_a_short_time():
    assert SlurmTable().margin_seconds == MARGIN
    assert SlurmTable(time="1:00:00").margin_seconds == MARGIN
    assert SlurmTable(time="2").margin_seconds == 60
    assert SlurmTable(time="2", margin=90).margin_seconds == 90


@pytest.mark.parametrize(
    ("gpus", "count"),
    [
        ("gpus = 2", 2),
        ('gpus = "a100:4"', 4),
        ('gres = "gpu"', 1),
        ('gres = "gpu:3"', 3),
        ('gres = "gpu:a100"', 1),
        ('gres = "gpu:a100:2,gpu:t4:1,scratch:9"', 3),
        ('gres = "gpu:a100:2(S:0)"', 2),
        ("cpus = 4", 0),
    ],
)
def test_gpus_are_counted(small, gpus, count):
    assert small(more=f"[slurm]\n{gpus}\n").slurm.gpu_count == count


def test_one_line_of_setup_is_a_list_of_one(small):
    assert small(more='[slurm]\nsetup = " module load cuda "\n').slurm.setup == ("module load cuda",)


@pytest.mark.parametrize("line", ["module load cuda  # it's needed", "A=$'it\\'s'", 'echo "it\'s" \'a "b"\''])
def test_lines_of_setup_are_the_shells(line):
    assert SlurmTable(setup=(line,)).setup == (line,)


TIME_WORDS = 'is not a time limit; allowed: minutes, such as 90, or text such as "2:00:00" (hours:minutes:seconds)'
MEMORY_WORDS = 'allowed: a whole number with its unit, such as "32G", or "0" for all of the node'
GIVES = "cannot be given: this program gives"

BAD = [
    ("parition = 'gpu'", 'unknown key "parition"; did you mean "partition"? (line 16)'),
    ("cpus-per-task = 4", "sbatch's --cpus-per-task is the key cpus"),
    ("mail_user = 'x'", 'an option of sbatch that has no key stands in extra = ["--mail-user=..."]'),
    ("array = '0-3'", 'unknown key "array"; did you mean "array_limit"?'),
    ("job_name = 'x'", "this program gives sbatch's --job-name itself"),
    ("partition = 3", "partition = 3 is not valid; allowed: a partition, or several with commas, as `sinfo` lists"),
    ("partition = 'a b'", 'partition = "a b" is not valid; allowed: a partition'),
    ("account = 'läb'", 'account = "läb" is not valid; allowed: an account'),
    ("exclude = ['n1']", 'exclude = ["n1"] is not valid; allowed: nodes, such as "n1,n[4-6]"'),
    ("qos = ' x'", 'qos = " x" is not valid'),
    ("time = 'two hours'", f'time = "two hours" {TIME_WORDS}'),
    ("time = 1.5", f"time = 1.5 {TIME_WORDS}"),
    ("time = true", f"time = true {TIME_WORDS}"),
    ("time = '1:2:3:4'", TIME_WORDS),
    ("time = '1d'", TIME_WORDS),
    ("time = 0", "time = 0 is less than a minute, Slurm's shortest limit"),
    ("time = '0:30'", 'time = "0:30" is less than a minute'),
    ("time = '9999-00'", 'time = "9999-00" is more than a year; allowed: minutes'),
    ("gpus = -1", "gpus = -1 is not a number of GPUs; allowed: a whole number, or text such as"),
    ("gpus = 'a100'", 'gpus = "a100" is not a number of GPUs'),
    ("gpus = true", "gpus = true is not a number of GPUs"),
    ("gpus = 1\ngres = 'gpu:1'", 'gpus = "1" and gres = "gpu:1" both ask for GPUs; give one of the two'),
    ("cpus = 0", "cpus = 0 is out of range; allowed: at least 1"),
    (f"cpus = {10**20}", "out of range; allowed: at least 1, at most 65533"),
    ("array_limit = 99999999999", "out of range; allowed: at least 1, at most 1000000"),
    ("cpus = '8'", 'cpus = "8" is not a whole number; allowed: at least 1'),
    ("mem = 32", f"mem = 32 has no unit, and Slurm's is MB; {MEMORY_WORDS}"),
    ("mem = '32'", 'mem = "32" has no unit'),
    ("mem = '32 G'", f'mem = "32 G" is not an amount of memory; {MEMORY_WORDS}'),
    ("mem = '1.5G'", "is not an amount of memory"),
    ("nice = -5", "nice = -5 is out of range; allowed: at least 0"),
    ("array_limit = 0", "array_limit = 0 is out of range; allowed: at least 1"),
    ("runs_per_job = 0", "runs_per_job = 0 is out of range; allowed: at least 1, at most 64"),
    ("margin = 5", "margin = 5 is out of range; allowed: at least 10, at most 65535"),
    ("time = 5\nmargin = 300", 'margin = 300 leaves a run no time: time = "5" is 300 s; allowed: less (line'),
    ("setup = 3", 'setup = 3 is not a list of texts; allowed: such as ["module load cuda"]'),
    ("setup = ['a', 3]", 'setup = ["a", 3] is not a list of texts'),
    ("setup = ['']", 'setup = [""] is not a list of texts'),
    ('setup = ["a\\nb"]', "holds the control character U+000A"),
    ('setup = ["export A=\'b"]', 'setup: "export A=\'b" has a quotation mark without its other half'),
    ("extra = ['reservation=x']", 'extra: "reservation=x" is not an option; allowed: a long option of sbatch with its'),
    ("extra = ['-w n1']", 'extra: "-w n1" is not an option'),
    ("extra = ['--x; rm']", 'extra: "--x; rm" is not an option'),
    ("extra = ['--mem=1G']", "extra: --mem is the key mem of this table"),
    ("extra = ['--cpus-per-task', '4']", "extra: --cpus-per-task is the key cpus of this table"),
    ("extra = ['--array=0-9']", f"extra: --array {GIVES} --array"),
    ("extra = ['--arr 0-9']", f"extra: --arr {GIVES} --array"),
    *(
        (f"extra = ['--{name}=x']", f"extra: --{name} {GIVES} --{name}")
        for name in ("comment", "dependency", "requeue", "output", "error", "parsable", "signal", "wrap", "job-name")
    ),
]


@pytest.mark.parametrize(("lines", "says"), BAD, ids=[b[0] for b in BAD])
def test_what_is_wrong_is_reported_in_one_sentence(small, lines, says):
    with pytest.raises(StudyError) as caught:
        small(more=f"[slurm]\n{lines}\n")
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith("experiments.toml: [slurm]: ")
    assert says in message


@pytest.mark.parametrize("fields", ["slurm = { tme = 5 }", "[experiments.slurm]\ntme = 5"])
def test_a_problem_of_an_experiment_names_it(small, fields):
    with pytest.raises(StudyError) as caught:
        small(("A1", fields))
    assert (
        'experiments.toml: [[experiments]] "A1": slurm: unknown key "tme"; did you mean "time" or "mem"? (line'
        in str(caught.value)
    )


def test_a_problem_of_a_profile_names_it(small):
    with pytest.raises(StudyError) as caught:
        small(more="[profiles.demo]\nslurm = 3\n")
    assert "experiments.toml: [profiles.demo]: slurm = 3 is not a table; allowed: a table (line 16)" in str(
        caught.value
    )


def test_layers_that_contradict_each_other_are_reported_once(small):
    more = "[slurm]\ntime = 60\nmargin = 600\n[profiles.a]\nslurm = { time = 5 }\n[profiles.b]\nepochs = 1\n"
    with pytest.raises(StudyError) as caught:
        small(("Short", "slurm = { time = 10 }"), more=more)
    assert str(caught.value).splitlines() == [
        'experiments.toml: [profiles.a]: slurm: margin = 600 leaves a run no time: time = "5" is 300 s; allowed: less '
        "(line 22)",
        'experiments.toml: [[experiments]] "Short": slurm: margin = 600 leaves a run no time: time = "10" is 600 s; '
        "allowed: less (line 17)",
    ]


def test_imported_predictions_have_no_jobs(small):
    with pytest.raises(StudyError, match="external and slurm cannot be combined: nothing is run for imported"):
        small(("Other", 'external = "their data"\nslurm = { gpus = 1 }'))


def test_slurm_is_one_table(write, small):
    text = small().path.read_text()
    with pytest.raises(StudyError, match=r"experiments.toml: slurm = 3 is not a table; write \[slurm\]"):
        write("slurm = 3\n" + text)
    with pytest.raises(StudyError, match=r"is not a table; write \[slurm\]"):
        write(text + "[[slurm]]\ntime = 3\n")
