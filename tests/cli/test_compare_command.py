"""`iqa-train compare`: studies with runs, groups of references, and one of each."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iqa_train.cli.commands.compare import main
from iqa_train.errors import UsageError
from iqa_train.results.comparison import NotComparableError
from tests.results.made_study import MadeStudy, predictions

EXPERIMENTS = ["Baseline", "A1", "A2", "B1", "B2"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def made(name: str, noise: float = 5.0, **changes: Any) -> MadeStudy:
    """A study whose Baseline and A1 were run."""
    study = MadeStudy(Path("runs"), name)
    study.run("Baseline", predictions(1, noise), undeclared=changes)
    study.run("A1", predictions(2, noise + 1), changes={"attention_fusion": False}, undeclared=changes)
    return study


def document(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert main([*argv, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def text(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main([*argv]) == 0
    return capsys.readouterr().out


# The seed study's two learning rates, out of the box.


def test_the_seeds_two_rates_are_compared_as_reported(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "lr5e6", "lr5e7")
    assert set(found) == {"first", "second", "metric", "differs", "notes", "rows"}
    assert (found["first"], found["second"]) == ("lr5e6 (reported)", "lr5e7 (reported)")
    assert [row["experiment"] for row in found["rows"]] == EXPERIMENTS
    assert [round(row["delta"], 4) for row in found["rows"]] == [0.0024, 0.0030, 0.0042, 0.0037, 0.0006]
    for row in found["rows"]:
        assert row["reported"]
        assert (row["p"], row["p_holm"], row["delta_interval"], row["distinguishable"]) == (None,) * 4
        assert row["first_interval"][0] < row["first"] < row["first_interval"][1]
        assert row["source"] == "seed study, EXPERIMENTS_LOG_TRACKER.md"
    assert found["differs"] == {"lr": [5e-6, 5e-7], "epochs": [5, 10]}
    assert "no p and no interval" in found["notes"][0]
    assert "detection limit: about 0.0044 (one seed each, 2,010 images" in found["notes"][1]
    assert "all of these are smaller" in found["notes"][1]


def test_the_same_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    out = text(capsys, "lr5e6", "lr5e7")
    assert "Baseline†   0.9354 [0.9285, 0.9416]  0.9378 [0.9312, 0.9438]  +0.0024" in out
    assert "settings that differ in every experiment: lr (5e-06 and 5e-07), epochs (5 and 10)" in out
    assert "† reported: a value without predictions" in out
    assert "Holm" not in out
    assert max(map(len, out.splitlines())) <= 110


def test_another_metric_is_shown_where_it_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    rows = document(capsys, "lr5e6", "lr5e7", "--metric", "plcc")["rows"]
    assert [row["first"] for row in rows] == [0.9448, 0.9453, 0.9411, 0.9334, 0.9448]
    rows = document(capsys, "lr5e6", "lr5e7", "--metric", "krcc")["rows"]
    assert all(row["first"] is row["second"] is row["delta"] is None for row in rows)


def test_groups_without_experiments_in_common(capsys: pytest.CaptureFixture[str]) -> None:
    rows = document(capsys, "lr-sweep", "losses")["rows"]
    assert len(rows) == 9
    assert {row["notes"][0] for row in rows} == {"only in lr-sweep (reported)", "only in losses (reported)"}
    assert rows[0]["first"] == 0.9364


# Runs.


def test_two_studies_of_runs_are_tested(capsys: pytest.CaptureFixture[str]) -> None:
    made("old", 8.0, lr=5e-6)
    made("new", 5.0, lr=5e-7)
    found = document(capsys, "old", "new")
    assert found["differs"] == {"lr": [5e-6, 5e-7]}
    base = found["rows"][0]
    assert base["experiment"] == "Baseline"
    assert base["delta"] == pytest.approx(base["second"] - base["first"])
    low, high = base["delta_interval"]
    assert 0 < low < base["delta"] < high
    assert base["p_holm"] < 0.05
    assert base["distinguishable"] is True
    assert not base["reported"]
    out = text(capsys, "old", "new")
    assert re.search(r"^Baseline .*<0\.001 +runs differ: new higher$", out, re.MULTILINE)
    assert base["scope"] == "runs"
    assert base["higher"] is True
    assert base["better"] is None
    assert base["holds_to"] > 0
    assert base["covers"] == "two runs: seed 42 of both"
    flat = " ".join(out.split())
    assert f"holds for the component only if the difference varies by less than {base['holds_to']:.4f} (SD)" in flat
    assert not re.search(r"\b(better|worse)\b", out)


def test_a_study_with_one_seed_borrows_the_spread_of_one_with_three(capsys: pytest.CaptureFixture[str]) -> None:
    made("old", 8.0, lr=5e-6)
    new = made("new", 5.0, lr=5e-7)
    for seed in (43, 44):
        new.run("Baseline", predictions(seed, 5.0), seed=seed, undeclared={"lr": 5e-7})
    base, other = document(capsys, "old", "new")["rows"]
    assert (base["scope"], other["scope"]) == ("component", "runs")
    assert base["borrowed"] == "Baseline of new (3 seeds)"
    out = " ".join(text(capsys, "old", "new").split())
    assert "Baseline: seed spread borrowed from Baseline of new (3 seeds)" in out
    assert "different: better \u2021" in out
    assert "\u2021: with a spread between seeds borrowed" in out


def test_runs_against_reported_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    made("mine", lr=5e-7)
    found = document(capsys, "lr5e6", "mine")
    rows = {row["experiment"]: row for row in found["rows"]}
    assert list(rows) == EXPERIMENTS
    base = rows["Baseline"]
    assert base["first"] == 0.9354
    assert base["delta"] == pytest.approx(base["second"] - 0.9354)
    assert (base["delta_interval"], base["p"], base["reported"]) == (None, None, True)
    assert base["second_interval"] is not None
    assert base["differs"]["lr"] == [5e-6, 5e-7]
    assert "lr_floor" not in base["differs"]  # the made runs do not tell it
    assert "on 2,010 and 200 test images" in base["notes"]
    assert rows["B2"]["notes"][0] == "only in lr5e6 (reported)"
    assert any("no p and no interval" in note for note in found["notes"])


def test_own_runs_go_before_recorded_results_of_the_same_name(capsys: pytest.CaptureFixture[str]) -> None:
    made("lr5e6", lr=5e-6)
    found = document(capsys, "lr5e6", "lr5e7")
    assert found["first"] == "lr5e6"
    assert any("lr5e6 means the runs here; reported:lr5e6 means" in note for note in found["notes"])
    assert document(capsys, "reported:lr5e6", "lr5e7")["first"] == "lr5e6 (reported)"
    assert document(capsys, "reported:lr5e6", "lr5e6")["second"] == "lr5e6"


def test_runs_without_a_result_yet_do_not_hide_the_recorded_ones(capsys: pytest.CaptureFixture[str]) -> None:
    MadeStudy(Path("runs"), "lr5e6").run("Baseline", state="lost", epochs=[0.9])
    found = document(capsys, "lr5e6", "lr5e7")
    assert found["first"] == "lr5e6 (reported)"
    assert "no run of lr5e6 has a result yet; its recorded results are shown" in found["notes"]


def test_other_test_images_are_refused_unless_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    made("old")
    MadeStudy(Path("runs"), "new").run("Baseline", predictions(1, 5.0, 150))
    with pytest.raises(NotComparableError, match="different test images"):
        main(["old", "new"])
    found = document(capsys, "old", "new", "--anyway")
    assert found["rows"][0]["delta_interval"] is None


# Sweeps.


def test_the_seeds_sweep_out_of_the_box(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "--sweep", "lr")
    assert set(found) == {"setting", "metric", "notes", "points"}
    assert [(p["setting"], p["value"]) for p in found["points"]] == [
        (1e-7, 0.9375), (5e-7, 0.9378), (1e-6, 0.9370), (1e-6, 0.9374), (3e-6, 0.9364), (5e-6, 0.9354),
    ]  # fmt: skip
    assert all(p["reported"] and p["interval"][0] < p["value"] < p["interval"][1] for p in found["points"])
    assert found["notes"][0] == "the reported points differ in epochs too"
    out = text(capsys, "--sweep", "lr")
    assert "5e-07  0.9378 [0.9312, 0.9438] †  lr5e7-Baseline  –" in out


def test_the_seeds_losses(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "--sweep", "loss_type")
    assert {p["setting"]: p["value"] for p in found["points"]} == {
        "l2": 0.9373, "srcc": 0.9313, "rank": 0.9292, "pairwise": 0.9315,
    }  # fmt: skip
    assert "left out because other settings differ too: loss-l1" in found["notes"]  # it ran at 1e-7 for 15 epochs


def test_sizes_at_5e_6_had_the_baselines_dropouts(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["experiment"]: row["differs"] for row in document(capsys, "lr5e6", "lr5e7")["rows"]}
    assert (rows["B1"]["drop_path_rate"], rows["B1"]["dropout_rate"]) == ([0.3, 0.2], [0.4, 0.3])
    assert (rows["B2"]["drop_path_rate"], rows["B2"]["dropout_rate"]) == ([0.3, 0.25], [0.4, 0.35])
    assert "drop_path_rate" not in rows["A1"]
    assert "B1: differs in drop_path_rate (0.3 and 0.2), dropout_rate (0.4 and 0.3)" in text(capsys, "lr5e6", "lr5e7")


def test_a_sweep_of_runs_beside_references(capsys: pytest.CaptureFixture[str]) -> None:
    for rate in (1e-4, 1e-5, 5e-7):
        MadeStudy(Path("runs"), f"rate{rate:g}").run(
            "Baseline", predictions(1, 5 + 1e5 * rate), undeclared={"lr": rate}
        )
    points = document(capsys, "--sweep", "lr")["points"]
    own = [p for p in points if not p["reported"]]
    assert [p["setting"] for p in own] == [5e-7, 1e-5, 1e-4]
    assert [p["name"] for p in own] == ["rate5e-07/Baseline", "rate1e-05/Baseline", "rate0.0001/Baseline"]
    assert len(points) == 9
    assert [p["setting"] for p in points] == sorted(p["setting"] for p in points)
    alone = document(capsys, "--sweep", "lr", "rate0.0001", "rate5e-07")["points"]
    assert [p["setting"] for p in alone] == [5e-7, 1e-4]
    assert not any(p["reported"] for p in alone)


def test_a_single_run_is_a_point_beside_references(capsys: pytest.CaptureFixture[str]) -> None:
    MadeStudy(Path("runs"), "mine").run("Baseline", predictions(1, 5.0), undeclared={"lr": 1e-5})
    points = document(capsys, "--sweep", "lr", "mine", "lr-sweep")["points"]
    assert [p["setting"] for p in points] == [1e-7, 1e-6, 1e-6, 3e-6, 1e-5]
    assert points[-1]["name"] == "mine/Baseline"


def test_one_value_does_not_make_a_curve() -> None:
    with pytest.raises(NotComparableError, match="lr does not have two values with a result"):
        main(["--sweep", "lr", "lr5e7"])
    with pytest.raises(NotComparableError, match="batch_size does not have two values"):
        main(["--sweep", "batch_size"])


# What cannot be meant.


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "compare takes two studies, not 0, or --sweep SETTING"),
        (["lr5e6"], "compare takes two studies, not 1"),
        (["lr5e6", "lr5e7", "losses"], "compare takes two studies, not 3"),
        (["lr5e6", "lr5e6"], "lr5e6 is named twice"),
        (["lr5e6", "reported:lr5e6"], "lr5e6 is named twice"),
        (
            ["lr5e6", "lr5e"],
            r'there is no study "lr5e" in runs and no such group in .*; did you mean "lr5e7" or "lr5e6"',
        ),
        (["reported:lr5e", "lr5e7"], 'there is no study "reported:lr5e"'),
        (["lr5e6", "\x1b[0m"], r'there is no study "\\u001b\[0m"'),
        (["lr5e6", "lr5e7", "--demo"], 'references of "lr5e6" are on other test images'),
        (["--sweep", "learning_rate"], 'there is no setting "learning_rate"; '),
        (["--sweep", "lrr"], 'there is no setting "lrr"; did you mean "lr"'),
        (["lr5e6", "lr5e7", "--metric", "mse"], "invalid choice"),
    ],
)
def test_contradictory_options_are_reported_in_one_sentence(argv: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        main(argv)
    assert len(str(caught.value).splitlines()) == 1


def test_a_study_with_runs_is_among_the_nearest_names() -> None:
    made("mystudy")
    with pytest.raises(UsageError, match='did you mean "mystudy"'):
        main(["mystdy", "lr5e7"])


def test_through_the_program(empty: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    done = empty("compare", "lr5e6", "lr5e7")
    assert "+0.0024" in done.stdout
    assert done.stderr == ""
    assert empty("compare", "lr5e6", "x", code=2).stderr.startswith('iqa-train: there is no study "x"')
    assert empty("compare", "--sweep", "batch_size", code=1).stderr.startswith(
        "iqa-train: batch_size does not have two"
    )


def test_help_is_quick(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['iqa-train', 'compare', '--help']\n"
        "from iqa_train.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'scipy', 'torch', 'pydantic', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
