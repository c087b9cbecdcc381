"""The HTML page is complete, self-contained and safe from injected markup."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from iqa_train.report.figures import ablation, style
from iqa_train.report.html.page import PageFigure, page
from iqa_train.report.report_data import ReportData
from tests.report.samples import ALL, MATERIAL, SEED_STUDY


@pytest.fixture(scope="module")
def figures() -> list[PageFigure]:
    with style.styled():
        svg = style.rendered(ablation.draw(SEED_STUDY, style.TWO_COLUMNS), "svg", "ablation")
    return [PageFigure("ablation", 'Says "this" & <that>', svg), PageFigure("again", "The same", svg)]


def words(text: str) -> str:
    body = re.sub(r"<(style|svg)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_it_says_everything(figures: list[PageFigure]) -> None:
    text = words(page(MATERIAL, figures))
    for wanted in (
        "Ablations at learning rate 5e-7", "Test-set uncertainty only", "−0.0025 [−0.0047, −0.0003]",
        "runs not distinguished", "A2 lower (one seed: runs, not components)", "Changes 2 factors together",
        "Contributions", "+0.0025 [+0.0003, +0.0047]", "KRCC", "RMSE after logistic fit",
        "Reported elsewhere", "lr5e6", "On other data sets", "spaq", "B1 differs in &lt;3&gt; factors", "multi_scale",
        "c40ae93f96d7 + changes", "25bfdfa9ba52", "numpy 2.4.6",
        "Torch differs between runs: 2.13.0 for Baseline (seed 42); 2.12.0 for A1 (seed 42)",
    ):  # fmt: skip
        assert wanted in text.replace("&nbsp;", " "), wanted


def test_it_needs_nothing_else(figures: list[PageFigure]) -> None:
    text = page(MATERIAL, figures)
    assert "<script" not in text
    for reference in re.findall(r'(?:src|action)\s*=\s*"([^"]*)"', text):
        assert reference.startswith(("#", "data:"))
    for reference in re.findall(r'href\s*=\s*"([^"]*)"', text):
        assert reference.startswith(("#", "figures/", "tables/"))
    for reference in re.findall(r"url\(([^)]*)\)", text):
        assert reference.startswith("#")
    assert "@import" not in text


def test_every_tag_is_closed_and_every_id_is_one(figures: list[PageFigure]) -> None:
    text = page(MATERIAL, figures)
    open_tags: list[str] = []
    ids: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            ids.extend(value or "" for name, value in attrs if name == "id")
            if tag not in {"meta", "br", "img"}:
                open_tags.append(tag)

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            ids.extend(value or "" for name, value in attrs if name == "id")

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Reader().feed(text)
    assert open_tags == []
    assert len(ids) == len(set(ids))


def test_nothing_in_a_title_becomes_markup(figures: list[PageFigure]) -> None:
    evil = "</title><script>alert(1)</script>\u202e\x07"
    row = replace(SEED_STUDY.rows[1], title=evil, notes=(evil,))
    results = replace(SEED_STUDY, title=evil, rows=(SEED_STUDY.rows[0], row), notes=(evil,))
    settings = {"Baseline": {"weights": "a"}, evil: {"weights": evil}}
    text = page(replace(MATERIAL, results=(results,), settings=settings), [replace(figures[0], caption=evil)])
    assert "<script" not in text
    assert not set(text) & {"\u202e", "\x07"}


@pytest.mark.parametrize("results", ALL.values(), ids=list(ALL))
def test_it_can_be_made_of_little(results: object) -> None:
    assert page(ReportData((results,)), []).startswith("<!DOCTYPE html>")  # type: ignore[arg-type]


def test_light_and_dark(figures: list[PageFigure]) -> None:
    text = page(MATERIAL, figures)
    assert "prefers-color-scheme: dark" in text
    assert style.INK not in text.partition("</style>")[2]  # figures take the page's colours
    assert "var(--ink)" in text.partition("</style>")[2]


def test_the_same_bytes(figures: list[PageFigure]) -> None:
    assert page(MATERIAL, figures) == page(MATERIAL, figures)


def test_it_begins_with_the_conclusion_and_leads_to_everything(figures: list[PageFigure]) -> None:
    text = page(MATERIAL, [replace(figures[0], widths=("column", "page"))], ["results.csv", "srcc.tex"])
    assert text.index('id="conclusion"') < text.index('id="results"')
    ids = set(re.findall(r'\bid="([^"]*)"', text))
    contents = re.findall(r'href="#([^"]*)"', text.partition("</nav>")[0])
    assert set(contents) <= ids
    assert {"conclusion", "results", "figures", "worst", "cost", "provenance", "files"} <= set(contents)
    for address in ("figures/ablation-column.pdf", "figures/ablation-page.png", "tables/srcc.tex"):
        assert f'href="{address}"' in text


def test_what_it_cost(figures: list[PageFigure]) -> None:
    text = words(page(MATERIAL, figures))
    assert "Baseline 1 2 10 1:00:00 1:06:40 1.11" in text
    assert "All 2 3 20 1:30:00 1:38:20 1.11" in text


def test_the_largest_errors_with_a_picture_where_there_is_one(figures: list[PageFigure]) -> None:
    text = page(MATERIAL, figures)
    assert text.count('<img src="data:image/jpeg;base64,') == 1
    assert "b.jpg Score 65.0 Predicted 29.5 Error −35.5" in words(text)


def test_sentences_begin_with_a_capital_letter_and_end(figures: list[PageFigure]) -> None:
    text = page(MATERIAL, figures)
    for said in re.findall(r"<p(?: class=\"(?:note|legend|lead)\")?>(?:<b>[^<]*</b>: )?([^<]+)", text):
        first = said.split()[0]
        assert not first[0].islower() or first == "p" or "_" in first, said
        assert said.strip().endswith((".", ":")), said
