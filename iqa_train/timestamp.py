"""Times as the documents of a run have them."""

from datetime import UTC, datetime


def utc_timestamp(when: datetime | None = None) -> str:
    """`when`, or now, as ISO 8601 in UTC, to the millisecond."""
    return (when or datetime.now(UTC)).isoformat(timespec="milliseconds")
