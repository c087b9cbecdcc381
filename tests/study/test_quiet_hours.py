"""Quiet hours: when they are, until when, also in the nights in which the clock is changed."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_train.study.quiet_hours import (
    DAYS,
    QuietSpan,
    parse_quiet_hours,
    quiet_until,
    quiet_words,
    require_some_time,
    spans_of,
)

FORWARD, BACK = datetime(2026, 3, 29), datetime(2026, 10, 25)  # nights in which Berlin's clock is changed


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


def until(at: str, *texts: str) -> str:
    """The end as the clock shows it, or "" if it is not quiet."""
    end = quiet_until(texts, datetime.fromisoformat(at).timestamp())
    return "" if end is None else f"{datetime.fromtimestamp(end):%m-%d %H:%M}"


def test_over_midnight() -> None:
    night = "22:00-07:00"
    assert until("2026-11-30 21:59:59", night) == ""
    assert until("2026-11-30 22:00", night) == "12-01 07:00"
    assert until("2026-12-01 06:59:59", night) == "12-01 07:00"
    assert until("2026-12-01 07:00", night) == ""


def test_several_that_touch_are_one() -> None:
    texts = ("22:00-07:00", "07:00-08:00", "Sat, sun 00:00-24:00")
    assert until("2026-11-30 23:00", *texts) == "12-01 08:00"
    assert until("2026-12-04 21:00", *texts) == ""  # a Friday
    assert until("2026-12-04 23:00", *texts) == "12-07 08:00"


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    assert until("2026-12-05 03:00", "Fri 22:00-07:00") == "12-05 07:00"
    assert until("2026-12-04 03:00", "Fri 22:00-07:00") == ""
    assert parse_quiet_hours("Fri-Mon 01:00-02:00") == QuietSpan(frozenset({4, 5, 6, 0}), 60, 120)


def test_in_words() -> None:
    at = datetime(2026, 12, 4, 23).timestamp()
    assert quiet_words(at + 8 * 3600, at) == "quiet hours until 07:00"
    assert quiet_words(at + 56 * 3600, at) == "quiet hours until Mon 07:00"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("22-7", "is not a time of day; allowed: FROM-TO"),
        ("22:00", "is not a time of day"),
        ("24:01-07:00", "24:01 is no time of day; allowed: 00:00 to 24:00"),
        ("22:60-07:00", "22:60 is no time of day"),
        ("07:00-07:00", "write 00:00-24:00 for a whole day"),
        ("Sunday 07:00-08:00", '"Sunday" is not a weekday; allowed: Mon, Tue'),
        ("Mon-Tue-Wed 07:00-08:00", "Mon-Tue-Wed is not FROM-TO"),
    ],
)
def test_what_is_no_span_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_quiet_hours(text)


def test_some_time_must_be_left() -> None:
    require_some_time(["00:00-12:00", "12:00-23:59"])
    with pytest.raises(ValueError, match="leave no time of the week"):
        require_some_time(["00:00-12:00", "Mon-Sun 12:00-24:00"])


def test_the_clock_is_changed() -> None:
    assert until("2026-03-29 01:59", "22:00-02:30") == "03-29 03:30"  # 02:30 does not come
    assert until("2026-03-29 03:30", "22:00-02:30") == ""
    at = datetime(2026, 10, 25, 1, 59).timestamp()  # 02:30 comes twice, an hour apart
    assert quiet_until(("22:00-02:30",), at) == datetime(2026, 10, 25, 2, 30, fold=1).timestamp()
    assert quiet_until(("02:30-04:00",), datetime(2026, 10, 25, 2, 10, fold=1).timestamp()) is not None


_minutes = st.integers(0, 95).map(lambda quarter: quarter * 15)
_texts = st.builds(
    lambda days, start, end: f"{','.join(days)} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}",
    st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True), _minutes, _minutes.map(lambda m: m + 15),
).filter(lambda text: text[-11:-6] != text[-5:])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(_texts, min_size=1, max_size=3),
    st.sampled_from([FORWARD, BACK, datetime(2026, 12, 2)]),
    st.integers(-26 * 60, 50 * 60),
)
def test_quiet_whenever_the_clock_shows_it(texts: list[str], day: datetime, minutes: int) -> None:
    try:
        require_some_time(texts)
    except ValueError:
        return
    at = day.timestamp() + 60 * minutes
    end = quiet_until(tuple(texts), at)
    changes = any(abs((datetime.fromtimestamp(at) - d) / timedelta(days=1)) < 2.5 for d in (FORWARD, BACK))
    if _shown_quiet(texts, at):
        assert end is not None
    if not changes:
        assert (end is not None) == _shown_quiet(texts, at)
    if end is not None:
        assert end > at
        assert quiet_until(tuple(texts), end) is None
        assert not _shown_quiet(texts, end)
        assert quiet_until(tuple(texts), (at + end) / 2) == end


def _shown_quiet(texts: list[str], at: float) -> bool:
    """What somebody says who looks at a clock and a calendar."""
    shown = datetime.fromtimestamp(at)
    now, today = shown.hour * 60 + shown.minute, shown.weekday()
    return any(
        (today in span.days and span.start <= now < span.end)
        or ((today - 1) % 7 in span.days and now + 24 * 60 < span.end)
        for span in spans_of(tuple(texts))
    )
