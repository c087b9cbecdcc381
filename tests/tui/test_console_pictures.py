"""The README's pictures of the console fetch nothing and do not reveal the machine they were made on."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = sorted((ROOT / "docs" / "pictures").glob("*.svg"))
NAMESPACES = {"http://www.w3.org/2000/svg", "https://www.textualize.io"}


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_fetches_nothing(picture: Path) -> None:
    svg = picture.read_text()
    assert set(re.findall(r"https?://[^\"'\s<>]+", svg)) <= NAMESPACES
    assert "@font-face" not in svg
    assert "@import" not in svg
    assert not re.search(r"/(?:home|root|Users|tmp)/", svg)


def test_the_readme_shows_pictures_that_are_there() -> None:
    shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert {path for path in shown if "console" in path} >= {"docs/pictures/console.svg"}
    assert [path for path in shown if not (ROOT / path).exists()] == []
    assert PICTURES
