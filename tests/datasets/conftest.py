"""Small data sets on disk, real files in the published layouts."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from iqa_train.datasets.demo.dataset import make_demo
from tests.datasets.dataset_files import picture, write_csv
from tests.once import made_once


@pytest.fixture(scope="session")
def demo_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = made_once(tmp_path_factory, "demo", lambda folder: make_demo(folder / "data" / "demo"))
    return made / "data" / "demo"


@pytest.fixture
def koniq(tmp_path: Path) -> Path:
    """20 images with KonIQ's official table: 12 train, 3 validate, 5 test."""
    root = tmp_path / "koniq-10k"
    sets = ["training"] * 12 + ["validation"] * 3 + ["test"] * 5
    rows = [(f"{i}.jpg", 0, 1, 2, 1, 0, 4, 10 + 4 * i, 0.5, part) for i, part in enumerate(sets)]
    header = ["image_name", "c1", "c2", "c3", "c4", "c5", "c_total", "MOS", "SD", "set"]
    write_csv(root / "koniq10k_distributions_sets.csv", header, rows)
    for i in range(20):
        picture(root / "1024x768" / f"{i}.jpg", i)
    return root


@pytest.fixture
def seed_layout(tmp_path: Path) -> Callable[..., Path]:
    """The earlier study's layout: train/, test/ and a JSON list for each; `scores` gives each image's, or None."""

    def make(scores: list[float | None], prefix: str = "images/") -> Path:
        root = tmp_path / "study" / "koniq-10k"
        parts: dict[str, list[dict[str, object]]] = {"train": [], "test": []}
        for i, score in enumerate(scores):
            part = "test" if i % 4 == 0 else "train"
            picture(root / part / f"{i}.jpg", i)
            parts[part].append({"image": f"{prefix}{i}.jpg"} | ({} if score is None else {"score": score}))
        for part, entries in parts.items():
            (root / f"koniq_{part}.json").write_text(json.dumps(entries))
        return root

    return make
