"""Seeds until every verdict is decided: rounds that the scheduler queues, whatever happens to it."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import STUDY, write_small_study
from tests.faults.fault_project import OPEN, FaultyProject

DESIGN = "[design]\nmin_seeds = 3\nmax_seeds = 4\n"
NOISE = "A1=60,*=12"
"""A1 is clearly worse; A2 is as Baseline is."""


@dataclass(frozen=True)
class Designed(FaultyProject):
    """A project whose stand-ins predict with a chosen quality."""

    noise: str = NOISE

    def environment(self) -> dict[str, str]:
        return super().environment() | {"FAKE_NOISE": self.noise}

    def queue(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.folder / "runs" / "queue.json").read_text())
        return found

    def seeds(self) -> dict[str, list[int]]:
        """Of each experiment, the seeds that have a result."""
        found: dict[str, list[int]] = {}
        for path in sorted((self.folder / "runs" / "small").glob("*/s*/result.json")):
            found.setdefault(path.parts[-3], []).append(json.loads(path.read_text())["seed"])
        return found

    def attempts_of_all(self) -> int:
        return len(list((self.folder / "runs" / "small").glob("*/s*/attempt-*")))


def designed(folder: Path, design: str = DESIGN, **options: object) -> Designed:
    write_small_study(folder, STUDY + design)
    return Designed(folder, seconds=0.01, **options)  # type: ignore[arg-type]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Designed]:
    made = designed(tmp_path)
    yield made
    made.let_go()
    for process in made.living():
        process.kill()


START = ("--all", "--until-decided", "--slots", "2")


def test_it_needs_a_design_and_all_experiments(tmp_path: Path) -> None:
    made = designed(tmp_path, design="")
    assert "needs a design, and experiments.toml has none; add a [design]" in made.run(*START[:2], code=2).stderr
    (tmp_path / "experiments.toml").write_text(STUDY + DESIGN)
    for words, why in (
        (("--exp", "A1"), "add --all"),
        (("--all", "--seeds", "1"), "--seeds cannot be combined: the design has the seeds"),
        (("--all", "--again"), "--again cannot be combined"),
        (("--all", "--lr", "1e-2"), "options that change what Baseline computes cannot be combined"),
        (("--all", "--train_test_num", "2"), "cannot be combined"),
    ):
        assert why in made.run(*words, "--until-decided", code=2).stderr
    assert not (tmp_path / "runs").exists()


def wait_for_rounds(project: Designed, seconds: float = 90.0) -> dict[str, object]:
    """Until nobody wants a further round, or the next one waits for something."""

    def over() -> dict[str, object] | None:
        queue = project.queue()
        rounds = queue["rounds"]
        assert isinstance(rounds, dict)
        return queue if all(one["waits"] for one in rounds.values()) else None

    found: dict[str, object] = project.wait("no further round", over, seconds)
    return found


ALL = {"A1": [42, 43, 44], "A2": [42, 43, 44, 45], "Baseline": [42, 43, 44, 45]}
LAST = "look at 4 of at most 4 seeds: A1 different; open: A2; the design ends at 4 seeds"


@pytest.mark.slow
def test_rounds_go_on_in_the_foreground_until_every_verdict_is_decided(project: Designed) -> None:
    done = project.run(*START)
    assert project.seeds() == ALL and project.attempts_of_all() == 11
    assert done.stderr.rstrip().endswith(LAST)
    assert (project.folder / "runs" / "small" / "design.json").exists()
    assert LAST in project.run("status").stdout
    assert project.status()["designs"] == [{"study": "small", "look": LAST, "waits": "", "more_rounds": False}]
    again = project.run(*START)
    assert project.attempts_of_all() == 11 and again.stderr.rstrip().endswith(LAST)


@pytest.mark.slow
def test_a_scheduler_that_is_killed_again_and_again_loses_and_doubles_no_round(project: Designed) -> None:
    project.run(*START, "--detach")
    kills = 0

    def is_over() -> bool:
        """Nobody is left to go on by itself: a person would resume."""
        if not project.of_role("scheduler") and not project.of_role("runner"):
            project.run("queue", "resume")
        return bool(project.of_role("scheduler")) or not project.queue()["rounds"]

    while project.queue()["rounds"]:
        if scheduler := project.of_role("scheduler"):
            kills += scheduler[0].kill()
        project.wait("a scheduler, or the end", is_over)
        time.sleep(0.3 * (kills % 4))
    project.wait_until_settled()
    assert kills > 1
    assert project.seeds() == ALL and project.attempts_of_all() == 11
    assert not (project.witness / "overlaps").exists()


@pytest.mark.slow
def test_a_round_waits_for_a_run_that_failed_and_goes_on_once_it_is_repeated(tmp_path: Path) -> None:
    made = designed(tmp_path, behaviour="A2=exit:1@1")
    made.run(*START, code=1)
    queue = wait_for_rounds(made)
    rounds = queue["rounds"]
    assert isinstance(rounds, dict)
    words = "the design waits for A2 (seed 42), which is failed"
    assert words in rounds["small"]["waits"]
    assert "iqa-train relaunch A2 repeats it with its seed" in rounds["small"]["waits"]
    assert words in made.run("status").stdout
    made.run("queue", "clear")
    made.run("queue", "resume")
    assert words in made.wait("a look", lambda: made.queue()["rounds"]["small"]["waits"])  # type: ignore[index]
    made.wait("the end of the scheduler", lambda: not made.of_role("scheduler"))
    made.run("relaunch", "A2")
    assert "A2 (seed 45)" in str(wait_for_rounds(made)["rounds"])  # it fails at first with every seed
    made.run("relaunch", "A2")
    wait_for_rounds(made)
    made.wait_until_settled()
    assert made.seeds() == ALL


@pytest.mark.slow
def test_a_damaged_design_is_named_by_status_and_rounds_go_on_once_it_is_repaired(project: Designed) -> None:
    project.run(*START, "--detach")
    design = project.folder / "runs" / "small" / "design.json"
    whole = project.wait("the design", lambda: design.exists() and design.read_bytes())
    design.write_bytes(whole[:50])
    wait_for_rounds(project)
    shown = project.run("status").stdout
    assert "no further round is queued: " in shown and "design.json is damaged (" in shown
    design.write_bytes(whole)
    project.run("queue", "resume")
    project.wait("the end of the rounds", lambda: not project.queue()["rounds"], 60)
    assert project.seeds() == ALL


@pytest.mark.slow
def test_a_stop_ends_the_rounds_and_the_same_command_goes_on(project: Designed) -> None:
    project.run(*START, "--detach")
    project.wait("the first results", lambda: project.seeds().get("Baseline"))
    stopped = project.run("stop", "--all").stdout
    assert "small: no further round is started; iqa-train --all --until-decided continues" in stopped
    assert not project.queue()["rounds"]
    status = project.wait_until_settled()
    assert not [row for row in status["runs"] if row["state"] in OPEN]
    project.run(*START)
    assert project.seeds() == ALL


@pytest.mark.slow
def test_a_paused_queue_takes_no_look_until_it_is_resumed(project: Designed) -> None:
    project.run(*START, "--detach")
    project.wait("the first runs", lambda: project.seeds().get("A2"))
    project.run("queue", "pause")
    project.wait("what runs to end", lambda: not project.of_role("runner"))
    assert project.queue()["rounds"] and not project.queue()["looks"]
    project.run("queue", "resume")
    wait_for_rounds(project)
    assert project.seeds() == ALL


@pytest.mark.slow
def test_the_budget_ends_the_design_before_a_round_that_would_exceed_it(tmp_path: Path) -> None:
    made = designed(tmp_path, DESIGN + "budget_hours = 1e-4\n", noise="*=12")
    done = made.run(*START)
    assert "the next round does not fit into the budget of 0.0001 hours" in done.stderr
    assert made.seeds() == {name: [42, 43, 44] for name in ("A1", "A2", "Baseline")}
