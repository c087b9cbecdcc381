"""The type of intervals: lower and upper end."""

Interval = tuple[float, float]
