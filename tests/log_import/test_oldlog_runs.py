"""Old logs as runs: what their files say, that they are read like any run's, and that an import is whole or nothing."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from iqa_train.errors import RunError
from iqa_train.files import read_json
from iqa_train.log_import import store as store_module
from iqa_train.log_import.naming import RunNames, names_for
from iqa_train.log_import.read_log import read_log
from iqa_train.log_import.store import Stored, require_own_study, store
from iqa_train.report.collect import results_of
from iqa_train.results.selection import chosen_runs
from iqa_train.runs.attempt_facts import log_of
from iqa_train.runs.imported import Imported, imported_from
from iqa_train.runs.layout import RunFolder, run_folder, run_folders
from iqa_train.runs.metrics import epoch_events
from iqa_train.runs.progress import run_progress
from iqa_train.runs.specfile import read_spec
from iqa_train.runs.state import run_state
from iqa_train.scheduler.overview import read_overview
from iqa_train.study.load import load_study
from iqa_train.study.model import Study
from tests.log_import.old_logs import SCORES, Script, old_log

SEED_FILE = Path(__file__).parents[2] / "experiments.toml"


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study(SEED_FILE)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old").mkdir()
    return tmp_path


def put(study: Study, text: str, name: str = "baseline_lr5e7_20251223_092034.log", **changes: Any) -> Stored:
    path = Path("old") / name
    path.write_text(text, encoding="utf-8", newline="")
    return store(read_log(path), names_for(path, study, changes.get("experiment")), "imported", Path("runs"))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_files_of_an_imported_run(place: Path, study: Study) -> None:
    stored = put(study, old_log())
    assert stored.what == "imported"
    run = stored.run
    assert run == run_folder(Path("runs"), read_spec(run))
    assert sorted(tree(run.path)) == [
        "attempt-01/exit.json", "attempt-01/metrics.jsonl", "attempt-01/runner.json", "provenance.json", "result.json",
        "spec.json",
    ]  # fmt: skip
    spec = read_spec(run)
    assert (spec.study, spec.experiment, spec.slug, spec.baseline) == ("imported", "Baseline", "baseline", "Baseline")
    assert (spec.settings.lr, spec.settings.select_on, spec.settings.lr_floor) == (5e-7, "test", 1e-6)
    result = read_json(run.result)
    assert result is not None
    assert (result["imported"], result["srcc"], result["plcc"], result["krcc"]) == (True, 0.9378, 0.9485, None)
    assert result["images"] == {"train": 7046, "val": 0, "test": 2010}
    (round_,) = result["rounds"]
    assert (round_["epochs"], round_["best_epoch"], round_["select_on"]) == (10, 8, "test")
    assert not list(run.path.glob("predictions*"))


def test_the_log_is_named_with_its_hash_and_left_as_it_was(place: Path, study: Study) -> None:
    run = put(study, old_log()).run
    path = Path("old/baseline_lr5e7_20251223_092034.log")
    assert path.read_bytes() == old_log().encode()
    told = imported_from(run)
    assert told is not None
    assert (told.log, told.sha256, told.size) == (str(path), read_log(path).sha256, path.stat().st_size)
    assert told.assumed == ("patch_size", "color_jitter", "loss_type")
    assert told.images == {"train": 7046, "test": 2010}
    (attempt,) = run.attempts()
    assert log_of(attempt) == place / path


def test_settings_missing_from_the_log_are_missing_from_the_specification(place: Path, study: Study) -> None:
    run = put(study, old_log(Script(configuration=False), before="Random seed set to 42\n"), "x.log").run
    known = json.loads(run.spec.read_text())["settings"]
    assert {"lr", "weight_decay", "patch_size", "weights", "precision"}.isdisjoint(known)
    assert {"epochs", "train_test_num", "select_on", "lr_floor", "model_size"} <= set(known)
    assert read_spec(run).settings.lr == 2e-5  # the script's default, for want of another


def test_it_is_read_like_any_run(place: Path, study: Study) -> None:
    run = put(study, old_log()).run
    state = run_state(run)
    assert (state.name, state.finished) == ("completed", True)
    progress = run_progress(run, state)
    assert (progress.epoch, progress.epochs, progress.srcc) == (10, 10, 0.9378)
    events = epoch_events(run)
    assert [(e["epoch"], e["test_srcc"], e["best"]) for e in events][6:] == [
        (7, 0.9374, True), (8, 0.9378, True), (9, 0.9377, False), (10, 0.9376, False),
    ]  # fmt: skip
    assert all(e["val_srcc"] is None and e["round"] == 1 for e in events)
    (row,) = read_overview(Path("runs")).rows
    assert (row.study, row.experiment, row.state, row.attempt, row.seed) == ("imported", "Baseline", "completed", 1, 42)
    assert (row.device, row.pid) == (None, None)


def test_a_log_cut_short_is_a_lost_run_that_shows_how_far_it_came(place: Path, study: Study) -> None:
    run = put(study, old_log(scores=SCORES[:4], ends=False)).run
    state = run_state(run)
    assert (state.name, state.reason) == ("lost", "the log ends after epoch 4 of 10, without its closing line")
    assert not state.can_pass
    assert not run.result.exists()
    progress = run_progress(run, state)
    assert (progress.epoch, progress.epochs, progress.srcc) == (4, 10, 0.9351)


def test_rounds_have_a_median(place: Path, study: Study) -> None:
    text = old_log(Script(rounds=3))
    first, second, third = text.split("Best test SRCC 0.937800")[:3]
    text = f"{first}Best test SRCC 0.931234{second}Best test SRCC 0.939999{third}Best test SRCC 0.937800, PLCC 0.9485\n"
    run = put(study, text).run
    result = read_json(run.result)
    assert result is not None
    assert [r["test"]["srcc"] for r in result["rounds"]] == [0.931234, 0.939999, 0.9378]
    assert (result["srcc"], [r["seed"] for r in result["rounds"]]) == (0.9378, [42, 43, 44])
    assert len(epoch_events(run)) == 30


def test_columns_beyond_the_usual_are_kept_in_the_events(place: Path, study: Study) -> None:
    run = put(study, old_log(Script(alpha=0.3, spaq=True))).run
    event = epoch_events(run)[0]
    assert (event["loss_l1"], event["loss_rank"]) == (8.0, 1.0)
    assert (event["spaq_srcc"], event["spaq_plcc"]) == (0.8591, 0.8533)


def test_the_same_log_changes_nothing(place: Path, study: Study) -> None:
    put(study, old_log())
    before = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in Path("runs").rglob("*")}
    assert put(study, old_log()).what == "unchanged"
    assert put(study, old_log(), "another_name.log").what == "unchanged"
    assert {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in Path("runs").rglob("*")} == before


def test_a_log_that_has_grown_becomes_another_attempt(place: Path, study: Study) -> None:
    short = put(study, old_log().split("\n6\t")[0] + "\n")
    assert run_state(short.run).name == "lost"
    first = tree(short.run.attempts()[0].folder)
    grown = put(study, old_log())
    assert (grown.what, grown.run) == ("updated", short.run)
    assert [a.number for a in grown.run.attempts()] == [1, 2]
    assert tree(grown.run.attempts()[0].folder) == first
    assert run_state(grown.run).name == "completed"
    assert len(epoch_events(grown.run)) == 10
    assert put(study, old_log()).what == "unchanged"


NO_BARS = Script(bars=False)


def test_a_copy_that_has_grown_and_lost_its_bars_is_the_same_run(place: Path, study: Study) -> None:
    short = put(study, old_log(scores=SCORES[:5], ends=False), "baseline.log")
    events = tree(short.run.attempts()[0].folder)
    grown = put(study, old_log(NO_BARS), "baseline.log")
    assert (grown.what, grown.run, grown.spec.experiment) == ("updated", short.run, "Baseline")
    assert grown.note == (
        "its first epochs are those of old/baseline.log, which did not end, so it is taken for the same run"
    )
    assert tree(grown.run.attempts()[0].folder) == events
    assert run_state(grown.run).name == "completed"
    assert len(epoch_events(grown.run)) == 10
    assert put(study, old_log(NO_BARS), "baseline.log").what == "unchanged"


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        (old_log(), old_log(NO_BARS), "baseline.log"),  # the first had ended
        (old_log(scores=SCORES[:5], ends=False), old_log(NO_BARS), "baseline_20251224_092034.log"),  # another day
        (old_log(scores=((0.9, 0.9),), ends=False), old_log(NO_BARS), "baseline.log"),  # another number
        (old_log(scores=SCORES[:5], ends=False), old_log(NO_BARS, scores=SCORES[:4], ends=False), "baseline.log"),
    ],
)
def test_what_may_be_another_run_stays_another(place: Path, study: Study, first: str, second: str, name: str) -> None:
    put(study, first, "baseline_20251223_092034.log" if "2025" in name else "baseline.log")
    stored = put(study, second, name)
    assert (stored.what, stored.spec.experiment) == ("imported", "Baseline-2")
    assert ("(it did not end)" in stored.note) == ("Testing median" not in first)


def test_a_log_that_has_grown_without_epochs_names_the_shorter_one(place: Path, study: Study) -> None:
    """As many epochs as it has are taken as planned, so that its settings change as it grows."""
    script = Script(configuration=False, remarks=False, bars=False)
    short = put(study, old_log(script, SCORES[:4], ends=False), "x.log")
    grown = put(study, old_log(script), "x.log")
    assert grown.what == "imported"
    assert grown.note.startswith(f"{short.run.path} holds the same log when it was shorter")
    assert short.run.path.exists()


def again(k: int) -> str:
    """Another run of the same settings and seed, which came to other numbers."""
    return old_log(scores=[(round(srcc - k / 10_000, 4), plcc) for srcc, plcc in SCORES])


def test_further_logs_of_the_same_settings_become_runs_of_their_own(place: Path, study: Study) -> None:
    """Two runs of one configuration differed, there, as much as the effects that were claimed: none may be lost."""
    stored = [put(study, again(k), f"baseline_lr5e7_20251223_0920{k:02}.log") for k in range(10)]
    names = ["Baseline", *(f"Baseline-{k}" for k in range(2, 11))]
    assert [one.run.path.parent.name for one in stored] == [one.spec.experiment for one in stored] == names
    assert stored[0].note == ""
    assert stored[4].note.startswith("another log of Baseline with the same settings and seed is there")
    chosen = chosen_runs(Path("runs"), "imported", SEED_FILE, None)
    rows = {row.experiment: row.value for row in results_of(chosen, "srcc", resamples=0).rows}
    assert rows == {name: pytest.approx(0.9378 - k / 10_000) for k, name in enumerate(names)}
    assert chosen.notes == ()
    assert [put(study, again(k), f"again{k}.log").what for k in range(10)] == ["unchanged"] * 10


def test_a_further_log_that_has_grown_is_found_again(place: Path, study: Study) -> None:
    put(study, again(0))
    short = put(study, again(1).split("\n6\t")[0] + "\n", "baseline_again.log")
    grown = put(study, again(1), "baseline_again.log")
    assert (grown.what, grown.run, grown.spec.experiment) == ("updated", short.run, "Baseline-2")
    assert run_state(grown.run).name == "completed"


def test_a_run_that_is_numbered_is_not_put_among_runs_with_other_settings(place: Path, study: Study) -> None:
    put(study, again(0))
    put(study, old_log(Script(lr=1e-6)), "other.log", experiment="Baseline-2")
    assert put(study, again(1), "baseline_again.log").run.path.parent.name == "Baseline-3"


def test_a_killed_run_does_not_hide_a_completed_one_of_other_settings(place: Path, study: Study) -> None:
    """Nor does the order of imports matter, or that of files' times."""
    killed = old_log(Script(lr=1e-6), SCORES[:4], ends=False)
    first = put(study, old_log(), "baseline_20251223_092034.log")
    put(study, killed, "baseline_20251224_092034.log")
    later = put(study, old_log(Script(lr=2e-6)), "baseline_20251222_092034.log")
    chosen = chosen_runs(Path("runs"), "imported", SEED_FILE, None)
    assert [run.folder for run in chosen.runs] == [first.run]
    (note,) = chosen.notes
    assert note.startswith("2 of 3 runs are not shown, because their experiments have finished or newer runs")
    assert "(Baseline: " in note
    assert "1 lost" in note
    assert "1 completed" in note
    assert "iqa-train status --study imported lists all; import-log FILE --study NAME" in note
    assert note in results_of(chosen, "srcc", resamples=0).notes
    assert later.run in run_folders(Path("runs"), "imported")


def test_when_a_run_took_place_is_what_the_log_states(place: Path, study: Study) -> None:
    assert told_of(put(study, old_log(), "baseline_20251223_092034.log")).began == "2025-12-23T09:20:34"
    stamped = "".join(f"2025-11-28T10:00:00Z {line}" for line in old_log(Script(lr=1e-6)).splitlines(keepends=True))
    assert told_of(put(study, stamped, "baseline_20251223_092035.log")).began == "2025-11-28T10:00:00"
    named = old_log(Script(lr=2e-6)).replace("logs/swin.log", "logs/swin_20251224_010203.log")
    assert told_of(put(study, named, "x.log")).began == "2025-12-24T01:02:03"
    assert told_of(put(study, old_log(Script(lr=3e-6)), "y.log")).began == ""


def test_an_unknown_seed_is_called_unknown(place: Path, study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    text = old_log(Script(configuration=False, rounds=2)).replace("Random seed set to 42", "")
    run = put(study, text, "x.log").run
    assert re.fullmatch(r"sunknown-[0-9a-f]{10}", run.path.name)
    assert run in run_folders(Path("runs"))
    for path in run.path.rglob("*.json"):
        assert '"seed": 4' not in path.read_text()
    (row,) = read_overview(Path("runs")).rows
    assert (str(row.seed), f"{row.seed}", f"{row.seed:>8}", row.as_json()["seed"]) == (
        "unknown", "unknown", " unknown", None,
    )  # fmt: skip
    chosen = chosen_runs(Path("runs"), "imported", SEED_FILE, None)
    (found,) = results_of(chosen, "srcc", resamples=0).rows
    assert found.value == 0.9378
    assert found.as_json()["seeds"] == [None, None]
    assert "seed 0" not in str(found.notes)
    assert put(study, text, "x.log").what == "unchanged"


def told_of(stored: Stored) -> Imported:
    told = imported_from(stored.run)
    assert told is not None
    return told


@pytest.mark.parametrize("fails", ["_write_attempt", "_write_top"])
def test_nothing_is_half_written(place: Path, study: Study, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store_module, fails, full)
        with pytest.raises(OSError, match="No space left"):
            put(study, old_log())
    assert run_folders(Path("runs")) == []
    assert tree(Path("runs")) == {}
    assert put(study, old_log()).what == "imported"


def test_runs_of_this_program_and_imported_ones_do_not_mix(place: Path, study: Study) -> None:
    put(study, old_log())
    require_own_study("imported", Path("runs"))
    require_own_study("nothing-yet", Path("runs"))
    own = RunFolder(Path("runs/mine/Baseline/s42-0123456789"))
    own.path.mkdir(parents=True)
    with pytest.raises(RunError, match=r"the study mine has runs that were not imported.*give another --study"):
        require_own_study("mine", Path("runs"))


def test_runs_that_were_not_imported_or_do_not_say(place: Path, study: Study) -> None:
    run = put(study, old_log()).run
    for text in ("{}", "[]", "{", '{"imported": 3}', '{"imported": {"log": "x"}}'):
        run.provenance.write_text(text)
        assert imported_from(run) is None
    run.provenance.unlink()
    assert imported_from(run) is None


@pytest.mark.parametrize(
    ("name", "experiment", "slug"),
    [
        ("baseline_lr5e7_20251223_092034.log", "Baseline", "baseline"),
        ("BASELINE.log", "Baseline", "baseline"),
        ("A1_no_attention_lr5e7_20251223_092034.log", "A1", "A1_no_attention"),
        ("A1.log", "A1", "A1_no_attention"),
        ("A1_lr5e7.txt", "A1", "A1_no_attention"),
        ("A10_lr5e7.log", "A10_lr5e7", "A10_lr5e7"),
        ("swin_multiscale_ranking_alpha0_20251223_002225.log", "swin_multiscale_ranking_alpha0", None),
        ("E7_lr1e7_20251223_101658-2.log", "E7_lr1e7", None),
        ("20251223_101658.log", "log", None),
        ("ein Versuch (2).log", "ein-Versuch-2-", None),
        ("..hidden.log", "hidden", None),
        ("实验.log", "log", None),
    ],
)
def test_the_experiment_of_a_log_follows_from_its_name(
    study: Study, name: str, experiment: str, slug: str | None
) -> None:
    names = names_for(Path("logs") / name, study)
    assert (names.experiment, names.slug) == (experiment, slug or experiment)
    assert names.baseline == ("Baseline" if experiment in study.ids else None)


def test_an_experiment_may_differ_in_what_it_is_about_alone(place: Path, study: Study) -> None:
    assert names_for(Path("A1.log"), study).about == {"attention_fusion": True}
    a1 = put(study, old_log(Script(attention=False)), "A1_no_attention_lr5e7.log")
    assert read_spec(a1.run).differs == {"attention_fusion": (True, False)}
    assert read_spec(put(study, old_log()).run).differs == {}
    other = put(study, old_log(Script(lr=1e-6)), "E1.log")
    assert read_spec(other.run).differs["lr"] == (5e-7, 1e-6)


def test_given_names_take_precedence_over_logged_ones(study: Study) -> None:
    assert names_for(Path("A1.log"), study, "B1").slug == "B1_tiny"
    assert names_for(Path("A1.log"), study, "B9") == RunNames("B9", "B9", about=names_for(Path("x.log"), study).about)


def test_files_are_valid_json_with_their_version(place: Path, study: Study) -> None:
    run = put(study, old_log(Script(alpha=0.5), scores=[(float("nan"), float("nan")), (0.9, 0.91)])).run
    for path in run.path.rglob("*.json"):
        assert json.loads(path.read_text())["schema_version"] == 1
    assert epoch_events(run)[0]["test_srcc"] is None
    assert [e["best"] for e in epoch_events(run)] == [False, True]


def test_an_unwritable_runs_folder_is_the_systems_error(place: Path, study: Study) -> None:
    if os.geteuid() == 0:
        Path("runs").write_text("a file where the folder should be")
    else:
        Path("runs").mkdir(mode=0o500)
    with pytest.raises(OSError, match=r"exists|denied"):
        put(study, old_log())
