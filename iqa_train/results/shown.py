"""What tables show of where a row stands (`results.standing`): which difference, and the words in place of a verdict.

Imports nothing slow: the console's first screen uses it.
"""

from iqa_train.results.table import ResultRow, Standing

_EQUAL = 1e-7


def at_epoch(value: float, epoch: int | None) -> str:
    """A value without an interval, to four decimals; `0.8208@5`: at the epoch selected so far."""
    return _number(value) + ("" if epoch is None else f"@{epoch}")


def is_shown(row: ResultRow, base: ResultRow | None) -> bool:
    """Whether the difference is that of the two values that a table shows; otherwise it stands with its own two."""
    if row.delta is None or base is None or row.value is None or base.value is None:
        return False
    return abs(row.value - base.value - row.delta) < _EQUAL


def difference_note(row: ResultRow, base: ResultRow | None) -> str:
    """A difference over other seeds than the values in the table, with its two values; "" where it is in the table."""
    if row.delta is None or row.compared is None or is_shown(row, base):
        return ""
    over = f", over {row.covers}" if row.covers else ""
    mine, theirs = row.compared
    return f"difference of {mine:.4f} and {theirs:.4f}: {signed(row.delta)}{over}"


def standing_words(standing: Standing, *, brief: bool = False) -> str:
    """Both values and the epoch, such as `epoch 6: 0.8235 vs 0.8383 (-0.0148)`; `brief`: `@6: 0.8235 vs 0.8383`."""
    both = f"{_number(standing.value)} vs {_number(standing.baseline)}"
    if brief:
        return f"@{standing.epoch}: {both}"
    seeds = f", {standing.seeds} seeds" if standing.seeds > 1 else ""
    return f"epoch {standing.epoch}{seeds}: {both} ({signed(_shown(standing.value) - _shown(standing.baseline))})"


def signed(value: float) -> str:
    """To four decimals, with a sign; never minus zero."""
    text = f"{abs(value):.4f}"
    return text if float(text) == 0.0 else ("-" if value < 0 else "+") + text


def _number(value: float) -> str:
    return signed(value).removeprefix("+")


def _shown(value: float) -> float:
    """As it is printed, so that the difference beside two numbers is theirs to the last digit."""
    return round(value, 4)


def so_far_words(row: ResultRow, *, brief: bool = False) -> str:
    """`2 of 3 seeds: ` (`2/3: `) before what is said of a row to which further seeds come; else ""."""
    if row.so_far is None:
        return ""
    done, planned = row.so_far
    return f"{done}/{planned}: " if brief else f"{done} of {planned} seeds: "
