"""`iqa-train plan`: what it prints of a study, what it proposes to declare, and what it says where nothing is known."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iqa_train.cli.commands.check import main as check
from iqa_train.cli.commands.plan import main
from iqa_train.errors import UsageError
from iqa_train.files import write_json
from iqa_train.report.plan_text import plan_blocks
from iqa_train.results.plan import make_plan
from iqa_train.results.plan_inputs import plan_inputs
from iqa_train.results.selection import chosen_runs
from iqa_train.study.load import load_study
from iqa_train.study.resolve import resolve_all
from tests.report.finished import NOISE, STUDY, finish, write_study

Out = pytest.CaptureFixture[str]

EVERYONE = ("Baseline", "A1", "Hot", "Cold")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(folder: Path, seeds: Mapping[str, Sequence[int]], *, seconds: Mapping[int, float] | None = None) -> None:
    """Finished runs of these seeds; each takes half an hour, or what `seconds` says for its seed."""
    study = load_study(write_study(folder))
    for name, chosen in seeds.items():
        for spec in resolve_all(study, ids=[name], seeds=chosen):
            made = finish(folder, spec, NOISE[name])
            document = json.loads(made.result.read_text())
            document["rounds"][0]["seconds"] = (seconds or {}).get(spec.seed, 1800.0)
            write_json(made.result, document)


def planned(capsys: Out, *words: str) -> dict[str, Any]:
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    return document


def test_three_seeds_of_everything_are_planned_from(folder: Path, capsys: Out) -> None:
    run(folder, dict.fromkeys(EVERYONE, (1, 2, 3)), seconds={1: 1700, 2: 1800, 3: 1900})
    plan = planned(capsys)
    assert plan["inputs"]["basis"] == "differences"
    assert plan["round_hours"] == pytest.approx(2.0)
    low, high = plan["round_range"]
    assert low < 2.0 < high
    sd = plan["inputs"]["seed"]["variance"] ** 0.5
    assert plan["sd_range"][0] < sd < plan["sd_range"][1]
    rows = plan["rows"]
    assert [row["seeds"] for row in rows] == [3, 4, 5, 7, 10, 15, 20]
    assert [(row["runs"], row["to_do"], row["hours"]) for row in rows][:2] == [(12, 0, 0), (16, 4, pytest.approx(2.0))]
    smallest = [row["smallest"] for row in rows]
    assert smallest == sorted(smallest, reverse=True)
    assert smallest[-1] > plan["floor"] > plan["floor_twice_images"]
    assert all(row["range"][0] <= row["smallest"] <= row["range"][1] for row in rows)
    assert plan["inputs"]["pairs"] == 9 and 0 <= plan["inputs"]["rho"] <= 0.95
    assert {row["experiment"]: row["difference"] for row in plan["effects"]}["A1"] == pytest.approx(0.055)


def test_the_plan_in_words(folder: Path, capsys: Out) -> None:
    run(folder, dict.fromkeys(EVERYONE, (1, 2, 3)))
    assert main(["--hours", "20", "--delta", "0.02"]) == 0
    out = capsys.readouterr()
    text = " ".join(out.out.split())
    for words in (
        "tiny: what SRCC can show of 3 experiments against Baseline, with 80 % power",
        "From seed to seed a difference varies by 0.0",
        "A round, one seed of each experiment, takes 2:00:00 of a device",
        "No number of seeds shows less than 0.0",
        "With 20 hours: 13 seeds of each",
        "Seeds where they add most",
    ):
        assert words in text
    assert "--toml prints the [design]" in out.err and "--toml" not in out.out


def test_hours_are_spent_where_they_add_most(folder: Path, capsys: Out) -> None:
    run(folder, dict.fromkeys(EVERYONE, (1, 2, 3)))
    hours = planned(capsys, "--hours", "6", "--delta", "0.02")["hours"]
    assert hours["seeds"] == 6
    assert hours["spending"]["seconds"] <= 6 * 3600
    assert sum(hours["spending_powers"].values()) >= sum(hours["powers"].values()) - 0.01
    assert min(hours["spending"]["seeds"]) >= 3 and hours["spending"]["baseline"] >= max(hours["spending"]["seeds"])


def test_hours_that_do_not_pay_for_three_seeds(folder: Path, capsys: Out) -> None:
    run(folder, {"Baseline": (1, 2, 3), "A1": (1,)})
    assert main(["--hours", "1"]) == 0
    assert "1 hours do not pay for three seeds of each experiment, which take 4:00:00" in capsys.readouterr().out


def test_three_seeds_of_the_baseline_alone_are_a_pilot(folder: Path, capsys: Out) -> None:
    run(folder, {"Baseline": (1, 2, 3)})
    plan = planned(capsys)
    assert plan["inputs"]["basis"] == "pilot" and plan["inputs"]["images_assumed"]
    assert main([]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "From the runs of Baseline alone: sqrt(2) times their SD" in text
    assert "A1, Hot and Cold not timed yet" in text


@pytest.mark.parametrize("seeds", [{}, dict.fromkeys(EVERYONE, (1,))], ids=["nothing", "one seed each"])
def test_where_there_is_nothing_to_plan_from_a_pilot_is_proposed(
    folder: Path, capsys: Out, seeds: Mapping[str, Sequence[int]]
) -> None:
    run(folder, seeds)
    assert main([]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "There is nothing to plan from" in text and "None" not in text
    assert f"would show it ({'2 runs, about 1:00:00' if seeds else '3 runs'})" in text
    assert "iqa-train --exp Baseline --seeds 1 2 3" in text
    assert planned(capsys)["rows"] == []


def test_the_proposed_design_is_accepted_by_check(folder: Path, capsys: Out) -> None:
    path = write_study(folder)
    assert main(["--toml", "--hours", "30"]) == 0
    table = capsys.readouterr().out
    assert table.startswith("[design]\nmetric = ")
    path.write_text(STUDY + "\n" + table)
    assert check(["--json"]) == 0
    design = load_study(path).design
    assert design is not None
    assert (design.min_seeds, design.max_seeds, design.budget_hours, design.seeds) == (3, 10, 30.0, "1..")


def test_a_design_is_written_once_and_the_rest_of_the_file_is_kept(folder: Path, capsys: Out) -> None:
    path = write_study(folder)
    before = path.read_bytes()
    path.chmod(0o600)
    assert main(["--write"]) == 0
    assert path.read_bytes().startswith(before) and path.stat().st_mode & 0o777 == 0o600
    assert load_study(path).design is not None
    out = capsys.readouterr()
    assert (out.out, "appended to" in out.err) == ("", True)
    after = path.read_bytes()
    with pytest.raises(UsageError, match="has a design already"):
        main(["--write"])
    assert path.read_bytes() == after
    assert main(["--write", "--demo"]) == 0
    assert load_study(path).profiles["demo"].design is not None


def test_a_design_after_results_has_new_seeds_and_a_warning(folder: Path, capsys: Out) -> None:
    run(folder, dict.fromkeys(EVERYONE, (1, 2, 3)))
    assert main(["--toml", "--delta", "0.5"]) == 0
    out = capsys.readouterr()
    assert 'seeds = "4.."' in out.out and "max_seeds = 5" in out.out
    assert "verdicts under a design declared now are exploratory" in out.err


def test_check_offers_five_seeds_of_the_baseline_at_their_measured_cost(folder: Path, capsys: Out) -> None:
    run(folder, {"Baseline": (1,)})
    assert check([]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "five seeds of the baseline (4 further runs of about 30 minutes each)" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--hours", "0"], "0 is not a number above 0"),
        (["--delta", "much"], "much is not a number above 0"),
        (["--json", "--toml"], "--json cannot be combined"),
        (["--study", "unknown"], "there is no study"),
        (["--metric", "ssim"], "invalid choice"),
        (["--metric", "rmse_fit"], "--delta D is needed with rmse_fit"),
    ],
)
def test_bad_usage(folder: Path, words: list[str], says: str) -> None:
    write_study(folder)
    with pytest.raises(UsageError, match=says):
        main(words)


def test_test_images_that_add_nothing_to_be_seen_give_no_floor(folder: Path, capsys: Out) -> None:
    """An estimate of 0 does not say that seeds help without end."""
    run(folder, dict.fromkeys(EVERYONE, (1, 2, 3)))
    assert main([]) == 0
    assert "No number of seeds shows less than 0.0000" not in capsys.readouterr().out
    chosen = chosen_runs(Path("runs"), None, None, None)
    inputs = plan_inputs(chosen, "srcc")
    unseen = {name: replace(spread, shared=0.0) for name, spread in inputs.spreads.items()}
    plan = make_plan(replace(inputs, spreads=unseen))
    assert (plan.floor, plan.floor_twice_images, plan.smallest_margin) == (None, None, None)
    text = " ".join(line for block in plan_blocks(plan, "tiny", 42) if isinstance(block, list) for line in block)
    assert "too small to be seen in these runs" in text and "neither a floor" in text and "0.0000" not in text
