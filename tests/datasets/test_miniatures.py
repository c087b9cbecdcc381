"""Every published data set, in miniature, from its files to a table, a split and a step of training."""

import json
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook
from scipy.stats import spearmanr

from iqa_train.cli.options import as_options
from iqa_train.datasets.catalogue import PUBLISHED, READERS, load_table
from iqa_train.datasets.demo.dataset import NAME as DEMO
from iqa_train.datasets.splits import split_table
from iqa_train.datasets.table import ImageTable
from iqa_train.study.loss_checks import WITH_DISTRIBUTION, WITH_SD
from iqa_train.study.resolve import resolve_by_hand
from iqa_train.study.spec import DataSource
from tests.conftest import Project
from tests.datasets.miniatures import COUNT, MINIATURES, QUALITY, SCENES, Miniature, noise_of
from tests.worker_here import train_here

every_set = pytest.mark.parametrize("mini", MINIATURES.values(), ids=MINIATURES.keys())


def loaded(mini: Miniature, root: Path) -> ImageTable:
    mini.build(root)
    return load_table(mini.name, DataSource(path=str(root)))


def test_there_is_a_miniature_of_every_set() -> None:
    assert {mini.name for mini in MINIATURES.values()} == set(READERS) - {DEMO} == set(PUBLISHED)


@every_set
def test_the_table_says_what_the_files_say(tmp_path: Path, mini: Miniature) -> None:
    table = loaded(mini, tmp_path / "set")
    assert len(table) == COUNT
    assert (table.score_range, table.higher_is_better) == (mini.score_range, mini.higher_is_better)
    assert all(table.path(k).is_file() for k in range(COUNT))
    assert (len(set(table.references)) if table.references else None) == mini.references
    assert (table.sd is None) == (mini.sd is None)
    if table.sd is not None:
        assert table.sd.tolist() == pytest.approx([mini.sd] * COUNT)
    assert (table.sd is not None) == (mini.name in WITH_SD)  # which `check` knows without the files
    assert (table.distribution is not None) == (mini.name in WITH_DISTRIBUTION)
    assert (table.splits is not None) == (mini.name == "koniq-10k")
    published = PUBLISHED[mini.name].images
    assert any(f"lists {COUNT} images" in note and f"has {published:,}" in note for note in table.notes)


@every_set
def test_better_pictures_rank_higher_whichever_way_their_scores_were_published(tmp_path: Path, mini: Miniature) -> None:
    table = loaded(mini, tmp_path / "set")
    noise = [noise_of(table.path(k)) for k in range(COUNT)]
    assert spearmanr(table.scores, noise).statistic < -0.97


@every_set
def test_no_reference_is_in_two_splits(tmp_path: Path, mini: Miniature) -> None:
    table = loaded(mini, tmp_path / "set")
    split = split_table(table, 42)
    parts = (split.train, split.val, split.test)
    assert sorted(np.concatenate(parts).tolist()) == list(range(COUNT))
    if table.references is not None:
        seen = [{table.references[k] for k in part} for part in parts]
        assert sum(map(len, seen)) == SCENES


def test_an_archive_may_be_unpacked_with_its_own_folder(tmp_path: Path) -> None:
    MINIATURES["kadid-10k"].build(tmp_path / "data" / "kadid10k")
    table = load_table("kadid-10k", DataSource(path=str(tmp_path / "data")))
    assert table.root == tmp_path / "data" / "kadid10k" / "images"


def test_scores_that_live_realigned_beyond_its_scale_are_kept(tmp_path: Path) -> None:
    table = loaded(MINIATURES["live"], tmp_path / "set")
    assert table.scores.min() == pytest.approx(100 - 110)
    assert table.scores.max() == pytest.approx(100)


def test_grades_of_bid_without_a_header(tmp_path: Path) -> None:
    from tests.datasets.miniatures import workbook

    MINIATURES["bid"].build(tmp_path)
    workbook(tmp_path / "DatabaseGrades.xlsx", [[k + 1, 5 * QUALITY[k]] for k in range(COUNT)])
    table = load_table("bid", DataSource(path=str(tmp_path)))
    assert table.scores.tolist() == pytest.approx((5 * QUALITY).tolist())


SETTINGS = {
    "backbone": "demo", "weights": "none", "model_size": "tiny", "patch_size": 32, "resize": "none", "epochs": 1,
    "train_patch_num": 1, "test_patch_num": 1, "spaq": False, "lr": 1e-3, "lr_ratio": 1, "batch_size": 8,
    "early_stopping": False,
}  # fmt: skip


def uses_every_image(result: Path) -> bool:
    return sum(json.loads(result.read_text())["images"].values()) == COUNT


@pytest.mark.slow
def test_a_set_is_trained_on_by_its_name_alone(tmp_path: Path) -> None:
    mini = MINIATURES["tid2013"]
    mini.build(tmp_path / "data" / mini.name)
    Project(tmp_path).run("--dataset", mini.name, *as_options(SETTINGS))
    (result,) = (tmp_path / "runs").glob("*/*/*/result.json")
    assert uses_every_image(result)


@pytest.mark.slow
@every_set
def test_every_set_is_trained_on(tmp_path: Path, mini: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    mini.build(tmp_path / "data" / mini.name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = train_here(tmp_path, resolve_by_hand(SETTINGS | {"dataset": mini.name}, {}), monkeypatch)
    assert uses_every_image(run.result)


def test_rows_of_a_title_above_the_header(tmp_path: Path) -> None:
    for name, inside in (("bid", "DatabaseGrades.xlsx"), ("spaq", "Annotations/MOS and Image attribute scores.xlsx")):
        root = tmp_path / name
        MINIATURES[name].build(root)
        plain = load_table(name, DataSource(path=str(root)))
        book = load_workbook(root / inside)
        book.active.insert_rows(1, 2)
        book.active["A1"] = "Subjective scores"
        book.create_sheet("notes").append([1, 2, 3])
        book.save(root / inside)
        titled = load_table(name, DataSource(path=str(root)))
        assert titled.images == plain.images
        assert titled.scores.tolist() == plain.scores.tolist()


def test_csiq_in_the_folder_that_earlier_programs_use(tmp_path: Path) -> None:
    MINIATURES["csiq"].build(tmp_path)
    (tmp_path / "dst_imgs").rename(tmp_path / "dst_imgs_all")
    assert load_table("csiq", DataSource(path=str(tmp_path))).root == tmp_path / "dst_imgs_all"
