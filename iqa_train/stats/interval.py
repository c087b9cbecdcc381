"""What every interval is: its two ends, the lower first."""

Interval = tuple[float, float]
