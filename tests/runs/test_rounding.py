"""What provenance.json says of rounding, and what becomes of it when a run is continued elsewhere."""

from iqa_train.runs.documents import ProvenanceFacts
from iqa_train.runs.rounding import all_roundings, earlier_roundings, rounding_of

NOW: ProvenanceFacts = {
    "device": {"name": "CPU, 1 thread", "bf16": False, "threads": 1, "compiled": False, "instructions": "AVX512"},
    "host": {"processor": "AMD EPYC"},
    "packages": {"torch": "2.13.0", "scipy": "1.17.0"},
}
EARLY: ProvenanceFacts = {"device": {"name": "CPU, 2 threads", "bf16": False, "threads": 2}}  # of an earlier version


def test_a_cpu_rounds_by_its_threads_instructions_and_libraries_that_compute() -> None:
    assert rounding_of(NOW) == {
        "device": "CPU", "threads": "1 thread", "instructions": "AVX512", "processor": "AMD EPYC", "precision": "fp32",
        "compiled": "not compiled", "torch": "torch 2.13.0",
    }  # fmt: skip


def test_a_gpu_rounds_by_its_precision_and_not_by_threads() -> None:
    device = {"name": "NVIDIA H200", "bf16": False, "threads": 24, "tf32": True, "cudnn": "90100"}
    found = rounding_of({"device": device})  # type: ignore[typeddict-item]
    assert found == {"device": "NVIDIA H200", "precision": "fp32 with TF32", "cudnn": "cuDNN 90100"}


def test_a_run_continued_with_other_rounding_keeps_what_it_began_with() -> None:
    (kept,) = earlier_roundings(EARLY, rounding_of(NOW))
    assert kept["threads"] == "2 threads"
    continued: ProvenanceFacts = {**NOW, "earlier": [dict(kept)]}
    assert all_roundings(continued) == (rounding_of(NOW), kept)
    assert earlier_roundings(continued, rounding_of(NOW)) == [kept]  # continued once more, as it is now


def test_a_run_continued_with_the_same_rounding_and_one_without_a_record_have_nothing_to_keep() -> None:
    assert earlier_roundings(NOW, rounding_of(NOW)) == []
    assert earlier_roundings({}, rounding_of(NOW)) == []
