"""`iqa-train report`."""

from pathlib import Path

import pytest

from iqa_train.cli.commands.report import main
from iqa_train.errors import RunError, UserError
from iqa_train.report import write
from iqa_train.report.figures import style
from tests.report.finished import whole_study, write_study

TRACKER = "EXPERIMENTS_LOG_TRACKER.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    whole_study(tmp_path)
    return tmp_path


@pytest.fixture
def quick(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Without figures."""
    monkeypatch.setattr(write, "planned_figures", lambda _: [])
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_report_and_a_tracker_and_nothing_else_changes(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "FORMATS", ("pdf",))  # of three, to be quick
    before = files(folder)
    assert main([]) == 0
    said = capsys.readouterr()
    assert said.out == "report/index.html\n"
    assert said.err.startswith("report of tiny: 4 runs; computing")
    assert f"{TRACKER}: created\n" in said.err
    after = files(folder)
    assert {name: after[name] for name in before} == before
    new = set(after) - set(before)
    assert {name.split("/")[0] for name in new} == {"report", TRACKER}
    for figure in ("ablation", "waterfall", "epochs", "sensitivity-lr", "size", "agreement"):
        assert f"report/figures/{figure}-column.pdf" in new
    assert "code 0123456789ab + changes, data 25bfdfa9ba52" in after[TRACKER].decode()


def test_what_becomes_of_the_tracker_is_said(quick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for done in ("created", "nothing new"):
        main([])
        assert f"{TRACKER}: {done}\n" in capsys.readouterr().err
    (quick / TRACKER).write_bytes((quick / TRACKER).read_bytes().replace(b"0.9", b"0.8"))
    main([])
    assert f"{TRACKER}: updated\n" in capsys.readouterr().err


def test_a_study_without_a_run_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path)
    before = files(tmp_path)
    with pytest.raises(RunError, match="there is nothing to report"):
        main([])
    assert files(tmp_path) == before


def test_a_width_that_no_paper_has_is_refused(folder: Path) -> None:
    for width in ("9", "nan", "wide"):
        with pytest.raises(UserError, match=r"not a width of 2\.5 to 5 inches"):
            main(["--column-width", width])
    assert not (folder / "report").exists()


def test_a_second_report_changes_no_byte(quick: Path) -> None:
    main(["--out", "out"])
    first = files(quick)
    main(["--out", "out"])
    assert files(quick) == first


def test_notes_in_the_tracker_are_kept(quick: Path) -> None:
    tracker = quick / "notes" / "T.md"
    tracker.parent.mkdir()
    tracker.write_bytes(b"# Mine\r\n\xff\xfe notes\r\n")
    main(["--tracker", str(tracker)])
    new = tracker.read_bytes()
    assert new.startswith(b"# Mine\r\n\xff\xfe notes\r\n")
    tracker.write_bytes(new + b"more of mine")
    main(["--tracker", str(tracker)])
    assert tracker.read_bytes() == new + b"more of mine"
    assert not (quick / TRACKER).exists()


def test_a_damaged_tracker_is_refused_before_anything_is_written(quick: Path) -> None:
    (quick / TRACKER).write_bytes(b"<!-- iqa-train:begin tiny -->\nmine\n")
    with pytest.raises(UserError, match="the end marker"):
        main([])
    assert (quick / TRACKER).read_bytes() == b"<!-- iqa-train:begin tiny -->\nmine\n"
    assert not (quick / "report").exists()


def test_without_the_tracker(quick: Path) -> None:
    assert main(["--no-tracker"]) == 0
    assert not (quick / TRACKER).exists()


def test_a_folder_that_cannot_be_written_to(quick: Path) -> None:
    (quick / "taken").write_bytes(b"")
    with pytest.raises(UserError, match="the report cannot be written to taken"):
        main(["--out", "taken", "--no-tracker"])
