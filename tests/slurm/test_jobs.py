"""What squeue writes is read whatever names, reasons and versions put into it."""

import time

import pytest

from iqa_train.slurm.jobs import Job, list_jobs, parse_jobs
from tests.slurm.fake_commands import FakeCommands


def line(**fields: str) -> str:
    usual = {
        "array": "17", "task": "3", "id": "20", "state": "RUNNING", "node": "n1", "start": "1796056667",
        "end": "1796057667", "restarts": "1", "comment": "iqa-train:abc", "reason": "None", "name": "small",
    }  # fmt: skip
    return "|".join((usual | fields).values()) + "|\n"


def only(text: str) -> Job:
    (job,) = parse_jobs(text)
    return job


def test_a_task_that_runs() -> None:
    job = only(line())
    assert job == Job("17", 3, "20", "RUNNING", "", "n1", 1796056667.0, 1796057667.0, 1, "small", "iqa-train:abc")
    assert job.label == "17_3"
    assert (job.is_waiting, job.is_on_node, job.has_ended) == (False, True, False)


def test_a_task_that_waits_has_neither_node_nor_times() -> None:
    job = only(line(id="17", state="PENDING", node="", start="N/A", end="NONE", restarts="0", reason="Priority"))
    assert (job.node, job.start, job.end, job.reason, job.is_waiting) == ("", None, None, "Priority", True)


def test_a_job_that_is_no_task_of_an_array() -> None:
    job = only(line(task="N/A", id="17", comment="(null)"))
    assert (job.task, job.label, job.comment) == (None, "17", "")


@pytest.mark.parametrize("name", ["a|b", "|", "", "x" * 900, "äöü 日本", "a\tb", "RUNNING|n1|3", "a\x1cb", "\u2028"])
def test_a_name_may_be_anything(name: str) -> None:
    job = only(line(name=name))
    assert (job.array, job.state, job.comment, job.name) == ("17", "RUNNING", "iqa-train:abc", name)


def test_the_name_of_another_job_that_breaks_its_line_hides_no_job() -> None:
    jobs = parse_jobs(line(task="1", name="a\nb") + line(task="2"))
    assert [job.task for job in jobs] == [1, 2]


def test_a_reason_with_commas_and_braces() -> None:
    reason = "(ReqNodeNotAvail, UnavailableNodes:n[1-2])"
    assert only(line(reason=reason)).reason == reason


@pytest.mark.parametrize(
    ("field", "seconds"),
    [("1796056667", 1796056667.0), ("Unknown", None), ("N/A", None), ("NONE", None), ("0", None), ("", None)],
)
def test_times(field: str, seconds: float | None) -> None:
    assert only(line(start=field)).start == seconds


def test_a_time_in_isos_form_is_local() -> None:
    expected = time.mktime(time.strptime("2026-11-30T16:39:26", "%Y-%m-%dT%H:%M:%S"))
    assert only(line(start="2026-11-30T16:39:26")).start == expected


def test_lines_of_another_kind_are_left_out() -> None:
    assert [job.task for job in parse_jobs("CLUSTER: gpu\n\n" + line() + "squeue: warning|x\n")] == [3]
    assert parse_jobs("") == []


def test_a_state_that_is_unknown_here_counts_as_on_its_node() -> None:
    assert only(line(state="EXPEDITING")).is_on_node
    assert only(line(state="CANCELLED by 0")).has_ended


def test_ten_thousand_lines_through_squeue_in_half_a_second(fakes: FakeCommands) -> None:
    text = "".join(line(task=str(k), id=str(17 + k), start=str(1796056667 + k)) for k in range(10_000))
    (fakes.folder / "list").write_text(text)
    fakes.put("squeue", f"cat {fakes.folder}/list")
    began = time.process_time()  # of this process: others may be on the machine
    jobs = list_jobs("1000")
    assert time.process_time() - began < 0.5
    assert len({job.label for job in jobs}) == 10_000
    assert "-u 1000" in fakes.calls("squeue")[0]
