"""Words of a command with {placeholders}: which names they hold, and what becomes of them."""

import re
from collections.abc import Iterable, Mapping, Sequence

from iqa_train.study.numbers import number_text

Scalar = bool | int | float | str

_PIECE = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_-]*)\}")

FROM_SETTINGS = ("dataset", "epochs", "seed", "threads")
"""Placeholders that are settings of the run."""

FROM_RUN = {
    "run_dir": "a folder of the run's own, for whatever the program writes",
    "images": "the folder that image names are relative to",
    "split": "a CSV of image,score,split: the images of this run's seed",
    "settings": "a JSON file with every setting and parameter",
    "experiment": "the experiment's id",
    "python": "the interpreter of this program",
}
"""Placeholders that are known once the run has a folder, and their meanings."""


def placeholders(word: str) -> tuple[str, ...]:
    """The names in braces in `word`. Raises ValueError for a brace that belongs to none; {{ and }} stand for braces."""
    names = tuple(found[1] for found in _PIECE.finditer(word) if found[1])
    rest = _PIECE.sub("", word)
    stray = next((brace for brace in "{}" if brace in rest), "")
    if stray:
        raise ValueError(f'"{stray}" opens or closes no placeholder; write {stray * 2} for the brace itself')
    return names


def filled(words: Sequence[str], values: Mapping[str, Scalar]) -> list[str]:
    """`words` with the values in place of their names; a word stays one word, whatever the values hold."""
    return [_filled(word, values) for word in words]


def _filled(word: str, values: Mapping[str, Scalar]) -> str:
    def piece(found: "re.Match[str]") -> str:
        return scalar_text(values[found[1]]) if found[1] else found[0][0]

    return _PIECE.sub(piece, word)


def scalar_text(value: Scalar) -> str:
    """A value as a program's argument: true and false, numbers with all their digits."""
    if isinstance(value, bool):
        return str(value).lower()
    return number_text(value) if isinstance(value, float) else str(value)


def used_names(words: Iterable[str]) -> set[str]:
    """All names in `words`, which are valid."""
    return {name for word in words for name in placeholders(word)}
