"""Where the runs of a job are placed."""

from dataclasses import replace

from iqa_train.devices.nvml import GpuReading, Sample
from iqa_train.scheduler.slurm.job_places import no_gpu_words, places_of
from iqa_train.slurm.this_job import ThisJob

JOB = ThisJob("17", 3, "20", 1, "n1", "main", "t", "", 8)
GPUS = tuple(GpuReading(k, f"GPU-{k}", "H200") for k in range(4))
NONE = Sample(0.0, (), "there is no NVIDIA driver")


def keys(job: ThisJob, sample: Sample, runs: int, runs_per_gpu: int = 1) -> list[str]:
    return [place.device.key for place in places_of(job, sample, runs, runs_per_gpu)]


def test_the_gpus_that_slurm_gave() -> None:
    job = replace(JOB, gpus="1,3")
    assert keys(job, Sample(0.0, GPUS), 4) == ["GPU-1", "GPU-3"]
    assert keys(job, Sample(0.0, GPUS), 1) == ["GPU-1"]
    assert keys(job, Sample(0.0, GPUS), 3, 2) == ["GPU-1", "GPU-3", "GPU-1"]
    assert {place.shared for place in places_of(job, Sample(0.0, GPUS), 3, 2)} == {2}


def test_where_the_driver_refuses_some_cuda_counts_the_others() -> None:
    refused = tuple(replace(gpu, refused=gpu.index < 2) for gpu in GPUS)
    assert keys(replace(JOB, gpus="0,1"), Sample(0.0, refused), 2) == ["GPU-2", "GPU-3"]


def test_a_job_without_gpus_leaves_the_nodes_alone() -> None:
    assert keys(JOB, Sample(0.0, GPUS), 2) == ["cpu-t-17_3-1-0", "cpu-t-17_3-1-1"]
    assert keys(replace(JOB, cpus=1), Sample(0.0, GPUS), 2) == ["cpu-t-17_3-1-0"]


def test_gpus_that_no_driver_shows_are_cpu_places() -> None:
    job = replace(JOB, gpus="0,1")
    assert keys(job, NONE, 4) == ["cpu-t-17_3-1-0", "cpu-t-17_3-1-1"]
    assert keys(job, NONE, 4, 2) == [f"cpu-t-17_3-1-{k}" for k in range(4)]
    assert [place.device.threads for place in places_of(job, NONE, 4)] == [4, 4]


def test_a_job_whose_gpus_no_driver_shows_says_so() -> None:
    given = replace(JOB, gpus="0,1")
    assert no_gpu_words(given, NONE, 2) == "job 17_3 asked for 2 GPUs, none is usable: there is no NVIDIA driver"
    assert "job 17_3 asked for 1 GPU, none is usable: Slurm gave it none" in no_gpu_words(JOB, NONE, 1)
    lost = Sample(0.0, tuple(replace(gpu, lost=True) for gpu in GPUS))
    assert "none is usable" in no_gpu_words(given, lost, 2)
    assert no_gpu_words(given, Sample(0.0, GPUS), 2) == no_gpu_words(JOB, NONE, 0) == ""


def test_two_jobs_on_one_host_and_two_starts_of_one_have_places_of_their_own() -> None:
    jobs = [JOB, replace(JOB, task=4), replace(JOB, restarts=2), replace(JOB, cluster="u")]
    assert len({keys(job, NONE, 1)[0] for job in jobs}) == 4
