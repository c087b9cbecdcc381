"""Quiet hours: times of the week, such as "22:00-07:00" or "Mon-Fri 08:00-18:00", in which no run is started.

By this host's local time. When the clock is changed at night, they start at the first moment at which the clock shows
their start, and end at the last at which it shows their end: they are never cut short.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = 24 * 60  # minutes
_TEXT = re.compile(r"\s*(?:(?P<days>[A-Za-z][A-Za-z,\s-]*?)\s+)?(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)\s*", re.ASCII)


@dataclass(frozen=True)
class QuietSpan:
    """From `start` to `end`, minutes after the midnight with which a day of `days` (0: Monday) begins."""

    days: frozenset[int]
    start: int
    end: int


def parse_quiet_hours(text: str) -> QuietSpan:
    """The span that `text` names. Raises ValueError: `text` and what is wrong with it."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError(
            f'"{text:.40}" is not a time of day; allowed: FROM-TO as in "22:00-07:00", also after weekdays, as in '
            '"Sat,Sun 00:00-24:00" or "Mon-Fri 08:00-18:00"'
        )
    _, *digits = found.groups()
    start, end = _minutes(digits[0], digits[1], text), _minutes(digits[2], digits[3], text)
    if start == end:
        raise ValueError(f'"{text:.40}" starts and ends at one time; write 00:00-24:00 for a whole day')
    return QuietSpan(_days(found["days"], text), start, end if end > start else end + _DAY)


def require_some_time(texts: Sequence[str]) -> None:
    """Raise ValueError for one that is not valid, and if together they leave no minute of the week."""
    week: set[int] = set()
    for span in spans_of(tuple(texts)):
        for day in span.days:
            week.update(minute % (7 * _DAY) for minute in range(day * _DAY + span.start, day * _DAY + span.end))
    if len(week) == 7 * _DAY:
        raise ValueError("quiet_hours leave no time of the week in which a run could start")


@lru_cache(maxsize=64)
def spans_of(texts: tuple[str, ...]) -> tuple[QuietSpan, ...]:
    """The spans that `texts` name. Raises ValueError."""
    return tuple(parse_quiet_hours(text) for text in texts)


def quiet_until(texts: tuple[str, ...], at: float) -> float | None:
    """When the quiet hours end that the moment `at` is in; None if it is in none. Both as time.time() counts."""
    if not texts:
        return None
    times = list(_times(spans_of(texts), at))
    end = at
    while (later := max((until for start, until in times if start <= end < until), default=end)) > end:
        end = later
    return end if end > at else None


def quiet_words(until: float, at: float) -> str:
    """`quiet hours until 07:00`; with the weekday where that time of day comes earlier, too."""
    end = datetime.fromtimestamp(until)
    day = "" if until - at < _DAY * 60 else f"{DAYS[end.weekday()]} "
    return f"quiet hours until {day}{end:%H:%M}"


def _times(spans: Sequence[QuietSpan], at: float) -> Iterator[tuple[float, float]]:
    """Start and end of the quiet times around `at`, for longer than a week from there."""
    midnight = datetime.fromtimestamp(at).replace(hour=0, minute=0, second=0, microsecond=0)
    for days in range(-2, 10):
        day = midnight + timedelta(days=days)
        for span in spans:
            if day.weekday() in span.days:
                yield min(_moments(day, span.start)), max(_moments(day, span.end))


def _moments(day: datetime, minutes: int) -> tuple[float, float]:
    """The moments at which the clock shows the time: mostly one, twice; or would, had it not been set forward."""
    shown = day + timedelta(minutes=minutes)
    return shown.replace(fold=0).timestamp(), shown.replace(fold=1).timestamp()


def _minutes(hours: str, minutes: str, text: str) -> int:
    found = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or found > _DAY:
        raise ValueError(f'"{text:.40}": {hours}:{minutes} is no time of day; allowed: 00:00 to 24:00')
    return found


def _days(words: str | None, text: str) -> frozenset[int]:
    """The numbers of days that `words` (`Sat,Sun`, `Mon-Fri`) name; all for None."""
    if words is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in words.split(","):
        ends = [_day(word, text) for word in part.split("-")]
        if len(ends) > 2:
            raise ValueError(f'"{text:.40}": {part.strip()} is not FROM-TO; allowed: as in Mon-Fri')
        found.update((ends[0] + k) % 7 for k in range((ends[-1] - ends[0]) % 7 + 1))
    return frozenset(found)


def _day(word: str, text: str) -> int:
    name = word.strip().capitalize()
    if name not in DAYS:
        raise ValueError(f'"{text:.40}": "{word.strip():.20}" is not a weekday; allowed: {", ".join(DAYS)}')
    return DAYS.index(name)
