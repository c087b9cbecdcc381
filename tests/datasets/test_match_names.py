"""Names of images as people have them, matched with those of a data set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iqa_train.datasets.match_names import match_names

KONIQ = ("1024x768/10004473376.jpg", "1024x768/10007357496.jpg", "1024x768/10007903636.jpg")
LIVE = ("jp2k/img1.bmp", "jpeg/img1.bmp", "jpeg/img2.bmp", "wn/img1.bmp")


@pytest.mark.parametrize(
    "name",
    [
        "1024x768/10004473376.jpg",
        "10004473376.jpg",
        "10004473376",
        "images/10004473376",
        "koniq/1024x768/10004473376.JPG",
        "./1024X768/10004473376.Jpeg",
        "/data/koniq10k/1024x768/10004473376.png",
        "D:\\koniq\\512x384\\10004473376.jpg",
        "\u200e10004473376.jpg ",
    ],
)
def test_folder_suffix_and_case_do_not_matter_where_a_name_is_unique(name: str) -> None:
    assert match_names([name], KONIQ).places == (0,)


@pytest.mark.parametrize("name", ["", ".jpg", "1000447337", "10004473376.jpg.npy", "1024x768", "..", "/", "x/"])
def test_other_names_are_unknown(name: str) -> None:
    found = match_names([name, KONIQ[1]], KONIQ)
    assert found.places == (None, 1)
    assert found.unknown == (name,)
    assert found.missing(range(3)) == [KONIQ[0], KONIQ[2]]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("JPEG/img1", 1),
        ("live/wn/img1.png", 3),
        ("databaserelease2/jp2k/img1.bmp", 0),
        ("img2.bmp", 2),
        ("jp2k/img2.bmp", None),  # the folder is one of the set, and has no such image
    ],
)
def test_folders_tell_images_with_one_file_name_apart(name: str, place: int | None) -> None:
    assert match_names([name], LIVE).places == (place,)


@pytest.mark.parametrize(
    ("name", "images", "may_be"),
    [
        ("img1.bmp", LIVE, ("jp2k/img1.bmp", "jpeg/img1.bmp", "wn/img1.bmp")),
        ("a", ("a.jpg", "a.png"), ("a.jpg", "a.png")),
        ("x/a.png", ("y/x/a.jpg", "z/a.png"), None),
        ("A.PNG", ("a.png", "A.png"), ("a.png", "A.png")),
    ],
)
def test_a_name_that_fits_several_images_equally_is_ambiguous(
    name: str, images: tuple[str, ...], may_be: tuple[str, ...] | None
) -> None:
    found = match_names([name], images)
    assert found.ambiguous == ({} if may_be is None else {name: may_be})
    assert found.unknown == ()


@pytest.mark.parametrize(("name", "place"), [("a.png", 1), ("A.jpg", 2), ("b/A", 2), ("A", 2)])
def test_of_several_the_one_that_agrees_in_every_respect_is_meant(name: str, place: int) -> None:
    assert match_names([name], ("a.jpg", "a.png", "A.jpg")).places == (place,)


def test_two_names_of_one_image_are_duplicates() -> None:
    found = match_names(["10004473376.jpg", "x", "images/10004473376", KONIQ[1]], KONIQ)
    assert found.duplicates == {0: (0, 2)}
    assert found.matched == {0, 1}


STEMS = st.text("abcXYZ019_-. é", min_size=1, max_size=6).filter(lambda s: s.strip(" .") == s)


@given(
    stems=st.lists(STEMS, min_size=1, max_size=8, unique_by=str.lower),
    folder=st.sampled_from(["", "images/", "a/b/"]),
    as_people_write=st.sampled_from(
        [str, str.upper, lambda s: "some/where/" + s, lambda s: s.rpartition("/")[2], lambda s: s.rpartition(".")[0]]
    ),
)
def test_every_image_is_found_under_every_spelling(stems: list[str], folder: str, as_people_write) -> None:
    images = [f"{folder}{stem}.jpg" for stem in stems]
    found = match_names([as_people_write(image) for image in images], images)
    assert found.places == tuple(range(len(images)))
    assert not found.unknown
    assert not found.ambiguous
    assert not found.duplicates
