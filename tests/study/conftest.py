"""Study files for the tests: the seed's, and small ones of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from iqa_train.study.load import load_study
from iqa_train.study.model import Study

SEED_FILE = Path(__file__).parents[2] / "experiments.toml"

SMALL = """\
[study]
name = "small"
baseline = "Base"

[defaults]
dataset = "koniq-10k"
model_size = "base"
attention_fusion = true
test_random_crop = true

[[experiments]]
id = "Base"
"""

Write = Callable[[str], Study]


@pytest.fixture(scope="session")
def seed_study() -> Study:
    return load_study(SEED_FILE)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Loads a study file with the given text."""
    monkeypatch.chdir(tmp_path)

    def load(text: str) -> Study:
        path = Path("experiments.toml")
        path.write_text(text, encoding="utf-8")
        return load_study(path)

    return load


@pytest.fixture
def small(write: Write) -> Callable[..., Study]:
    """A study of `Base` and whatever experiments (id, fields as TOML) and defaults (TOML lines) are given."""

    def make(*experiments: tuple[str, str], defaults: str = "", head: str = "", more: str = "") -> Study:
        text = SMALL.replace("[defaults]\n", f"{head}\n[defaults]\n{defaults}\n")
        text += "".join(f'[[experiments]]\nid = "{name}"\n{fields}\n' for name, fields in experiments)
        return write(text + more)

    return make
