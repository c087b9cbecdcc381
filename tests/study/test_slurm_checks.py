"""What `check` says of [slurm]."""

import pytest

from iqa_train.study.audit import audit

JOB = "gpus = 1\ncpus = 4\n"
BATCH = "[[batches]]\nname = 'one'\nminutes = 100\ngpus = { 0 = 'Base' }\n"


def found(study, profile=None, **more):
    return {f.code: f for f in audit(study, profile, **more) if f.code.startswith("slurm-")}


def test_without_slurm_nothing_is_said_of_it(small):
    assert found(small()) == {}


def test_without_slurm_a_start_on_slurm_is_told_what_its_jobs_do_not_ask_for(small):
    assert set(found(small(), for_slurm=True)) == {"slurm-no-gpu", "slurm-one-core", "slurm-no-time"}


def test_a_sound_table_has_no_findings(small):
    assert found(small(more=f"[slurm]\n{JOB}time = '2:00:00'\n{BATCH}")) == {}


def test_a_table_of_an_experiment_alone_is_looked_at(small):
    one = found(small(("A1", "slurm = { time = '2:00' }")))["slurm-time"]
    assert (one.severity, one.experiment, one.settings) == ("warning", "A1", ("time",))
    says = 'time = "2:00" is 2 minutes and 0 seconds to Slurm; for hours and minutes write "2:00:00"'
    assert one.message == says


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        ("", {"slurm-no-gpu", "slurm-one-core"}),
        ("gpus = 0\ncpus = 4", {"slurm-no-gpu"}),
        ("gres = 'gpu:1'", {"slurm-one-core"}),
        ("extra = ['--gpus-per-node=1', '--cpus-per-gpu=8']", set()),
        ("extra = ['--exclusive']", {"slurm-no-gpu"}),
    ],
)
def test_jobs_that_ask_for_nothing_are_noted(small, lines, codes):
    notes = found(small(("A1", ""), more=f"[slurm]\n{lines}\n"))
    assert set(notes) == codes | {"slurm-no-time"}
    assert all(note.experiment is None and note.severity == "note" for note in notes.values())


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("time = 102", None),  # and 2 min for the checkpoint
        ("time = 101", "a run takes about 100 min and a job has 101; so it writes checkpoints and is requeued 1 time"),
        ("time = 20", "a run takes about 100 min and a job has 20; so it writes checkpoints and is requeued 5 times"),
        ("time = 120\nruns_per_job = 2", "the 2 runs of a job take about 200 min and a job has 120; so it writes"),
    ],
)
def test_runs_that_outlast_a_job_are_noted(small, lines, says):
    note = found(small(more=f"[slurm]\n{JOB}{lines}\n{BATCH}")).get("slurm-restarts")
    assert note is None if says is None else says in note.message


def test_the_profile_counts(small):
    study = small(
        more=f"[slurm]\n{JOB}time = 20\n{BATCH}[profiles.long.slurm]\ntime = '1-0'\n[profiles.long]\nminutes = 90\n"
    )
    assert "slurm-restarts" in found(study) and "slurm-restarts" not in found(study, "long")


def test_more_runs_than_gpus_in_a_job_are_noted(small):
    note = found(small(more=f"[slurm]\n{JOB}runs_per_job = 4\n"))["slurm-packing"]
    assert "the 4 runs of a job have 1 GPU, and follow one another there; with --runs_per_gpu N" in note.message
    assert "slurm-packing" not in found(small(more="[slurm]\ngpus = 4\ncpus = 8\nruns_per_job = 4\n"))


@pytest.mark.parametrize(
    ("setup", "says"),
    [
        (["module load cuda", "for n in 1 2; do", "echo $n", "done"], None),
        (["cat <<E"], "here-document at line 1"),
        (["true", "if true; then"], "unexpected end of file"),
    ],
)
def test_a_setup_that_bash_cannot_read_is_an_error(small, setup, says):
    finding = found(small(more=f"[slurm]\n{JOB}setup = {setup}\n")).get("slurm-setup")
    assert finding is None if says is None else (finding.severity == "error" and says in finding.message)
