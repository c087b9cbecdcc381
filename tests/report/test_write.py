"""The report as files."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iqa_train.errors import RunError
from iqa_train.report import write
from iqa_train.report.figures import style
from iqa_train.report.report_data import ReportData
from iqa_train.report.write import write_report
from tests.report.samples import MATERIAL, SEED_STUDY

RENDERED = style.rendered
SMALL = ReportData((SEED_STUDY,), findings=MATERIAL.findings)


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take seconds, and a folder does not care."""
    monkeypatch.setattr(write, "planned_figures", lambda _: [])


def rendered(figure: Any, form: str, name: str) -> bytes:
    return RENDERED(figure, form, name) if form == "svg" else f"{form} of {name}".encode()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "deep" / "report"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "rendered", rendered)  # the page needs the SVG
        written = write_report(MATERIAL, out)
    assert written[-1] == out / "index.html"
    assert all(path.stat().st_size for path in written)
    return out


def test_page_tables_and_figures_in_both_widths(report: Path) -> None:
    names = {str(path.relative_to(report)) for path in report.rglob("*.*") if path.is_file()}
    assert {"index.html", "tables/results.csv", "tables/results.md", "tables/srcc.tex", "tables/metrics.tex"} <= names
    for figure in ("ablation", "waterfall", "epochs", "sensitivity-lr", "size", "agreement"):
        for width in ("column", "page"):
            assert {f"figures/{figure}-{width}.{form}" for form in ("pdf", "svg", "png")} <= names


@pytest.mark.usefixtures("without_figures")
def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = write_report(SMALL, tmp_path / "a"), write_report(SMALL, tmp_path / "b")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


@pytest.mark.usefixtures("without_figures")
def test_names_that_are_not_text_are_written(tmp_path: Path) -> None:
    row = replace(SEED_STUDY.rows[0], title="caf\udce9", notes=("caf\udce9",))
    write_report(ReportData((replace(SEED_STUDY, rows=(row,)),)), tmp_path)
    assert "caf?" in (tmp_path / "index.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("without_figures")
def test_files_of_an_earlier_report_are_removed_and_others_stay(tmp_path: Path) -> None:
    write_report(replace(SMALL, cross=(SEED_STUDY,)), tmp_path)
    mine = tmp_path / "tables" / "mine.tex"
    mine.write_text("mine", encoding="utf-8")
    assert (tmp_path / "tables" / "cross.tex").exists()
    write_report(SMALL, tmp_path)
    assert not (tmp_path / "tables" / "cross.tex").exists()
    assert mine.read_text(encoding="utf-8") == "mine"


@pytest.mark.usefixtures("without_figures")
def test_a_list_of_files_that_was_tampered_with_removes_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "report"
    write_report(SMALL, out)
    (tmp_path / "precious.tex").write_text("x", encoding="utf-8")
    (out / ".files").write_text("../precious.tex\n/etc/hostname\ntables/../../precious.tex\n", encoding="utf-8")
    write_report(SMALL, out)
    assert (tmp_path / "precious.tex").exists()


def test_an_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunError, match=r"the report cannot be written to .*file: "):
        write_report(SMALL, tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="Permission denied"):
        write_report(SMALL, tmp_path / "report")
