"""Matches image names as people have them, in files made elsewhere, with the images of a data set.

The folder, the suffix, and upper and lower case may differ or be missing: `10004473376`, `koniq/10004473376.JPG` and
`1024x768/10004473376.jpg` are one image, if the set has no other of that name.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from iqa_train.datasets.image_files import IMAGE_SUFFIXES
from iqa_train.datasets.spelling import clean, folded
from iqa_train.escape import unescaped


@dataclass(frozen=True)
class NameMatch:
    """Which images of a data set the N given `names` mean.

    `places` holds for each name the index of its image, or None: it is `unknown`, or `ambiguous`, which holds the
    images that it may be. The names in a list of `duplicates` (of two or more) all mean the same image.
    """

    names: tuple[str, ...]
    images: tuple[str, ...]
    places: tuple[int | None, ...]
    ambiguous: dict[str, tuple[str, ...]]

    @cached_property
    def matched(self) -> frozenset[int]:
        """The indices of the images that some name means."""
        return frozenset(place for place in self.places if place is not None)

    @cached_property
    def unknown(self) -> tuple[str, ...]:
        """Names that mean no image of the set."""
        found = zip(self.names, self.places, strict=True)
        return tuple(name for name, place in found if place is None and name not in self.ambiguous)

    @cached_property
    def duplicates(self) -> dict[int, tuple[int, ...]]:
        """Index of an image -> the indices of the names that mean it, where there are several."""
        found: dict[int, list[int]] = defaultdict(list)
        for at, place in enumerate(self.places):
            if place is not None:
                found[place].append(at)
        return {place: tuple(of) for place, of in found.items() if len(of) > 1}

    def missing(self, wanted: Iterable[int]) -> list[str]:
        """The images with the indices `wanted` that no name means, in that order."""
        return [self.images[place] for place in wanted if place not in self.matched]


def match_names(names: Sequence[str], images: Sequence[str]) -> NameMatch:
    """Match `names` with `images`, which are unique paths with forward slashes.

    A name means the image of exactly that path. Else the images with its file name, in any spelling and with any
    suffix, come into question; of several, the one that agrees best in each of three respects: in its folders from the
    last on, in the suffix, and letter by letter. If no image is best in all of them, the name is ambiguous. A name in a
    folder of the set does not mean an image in another folder.
    """
    index = _Index(images)
    places: list[int | None] = []
    ambiguous: dict[str, tuple[str, ...]] = {}
    known: dict[str, list[int]] = {}
    for name in names:
        found = known[name] if name in known else known.setdefault(name, index.find(name))
        places.append(found[0] if len(found) == 1 else None)
        if len(found) > 1:
            ambiguous[name] = tuple(images[place] for place in found)
    return NameMatch(tuple(names), tuple(images), tuple(places), ambiguous)


@dataclass(frozen=True)
class _Parts:
    """A name taken apart; folders, stem and suffix in the form that all spellings share."""

    folders: tuple[str, ...]
    stem: str
    suffix: str
    base: str  # as written

    def agreement(self, other: "_Parts") -> tuple[int, bool, int]:
        """How many folders agree, from the last on; whether the suffix does; and how exactly the names do."""
        folders = 0
        for mine, theirs in zip(reversed(self.folders), reversed(other.folders), strict=False):
            if mine != theirs:
                break
            folders += 1
        # A name without a suffix agrees letter by letter if what it has does.
        exact = 2 if self.base == other.base else int(not self.suffix and other.base.startswith(self.base + "."))
        return folders, self.suffix == other.suffix, exact


class _Index:
    """Images by the stem of their file names."""

    def __init__(self, images: Sequence[str]) -> None:
        self._exact = {image: place for place, image in enumerate(images)}
        self._parts = [_parts(image) for image in images]
        self._folders = {parts.folders[-1] for parts in self._parts if parts.folders}
        self._by_stem: dict[str, list[int]] = defaultdict(list)
        for place, parts in enumerate(self._parts):
            self._by_stem[parts.stem].append(place)

    def find(self, name: str) -> list[int]:
        """The images that `name` may mean: one if it is clear, none if it is unknown."""
        if name in self._exact:
            return [self._exact[name]]
        given = _parts(name)
        found = self._by_stem.get(given.stem, [])
        if given.folders and given.folders[-1] in self._folders:
            found = [place for place in found if self._parts[place].folders[-1:] == given.folders[-1:]]
        if len(found) < 2:
            return found
        agreements = [given.agreement(self._parts[place]) for place in found]
        best = tuple(map(max, zip(*agreements, strict=True)))
        chosen = [place for place, one in zip(found, agreements, strict=True) if one == best]
        return chosen if len(chosen) == 1 else found


def _parts(name: str) -> _Parts:
    *folders, base = clean(unescaped(name)).replace("\\", "/").rstrip("/").split("/")
    stem, suffix = _stem_and_suffix(folded(base), IMAGE_SUFFIXES)
    return _Parts(tuple(folded(one) for one in folders if one not in {"", "."}), stem, suffix, base)


def _stem_and_suffix(base: str, suffixes: Collection[str]) -> tuple[str, str]:
    """The file name without its suffix, and that; a point that begins no image suffix is part of the name."""
    stem, point, suffix = base.rpartition(".")
    return (stem, point + suffix) if stem and point + suffix in suffixes else (base, "")
