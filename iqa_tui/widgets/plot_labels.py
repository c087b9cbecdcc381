"""Places labels beside the ends of curves: in the order of the curves, each as near to its end as the others allow."""

from collections.abc import Sequence


def spread(wanted: Sequence[float], rows: int) -> list[int]:
    """A row of its own for each label, of `rows`: in the order of `wanted` (ascending), with the least sum of squares.

    By pooling adjacent violators: labels that would overlap form a block, which stands where its mean wants it.
    Raises ValueError for more labels than rows.
    """
    if len(wanted) > rows:
        raise ValueError(f"{len(wanted)} labels in {rows} rows")
    blocks: list[tuple[float, int]] = []  # where its first label stands, and how many there are
    for row in wanted:
        start, count = row, 1
        while blocks and blocks[-1][0] + blocks[-1][1] > start:
            before, many = blocks.pop()
            start = (before * many + (start - many) * count) / (many + count)
            count += many
        blocks.append((start, count))
    places = [start + k for start, count in blocks for k in range(count)]
    found: list[int] = []
    for k, place in enumerate(places):  # rounded, without leaving the rows or meeting the one above
        lowest = found[-1] + 1 if found else 0
        found.append(max(lowest, min(rows - len(places) + k, round(place))))
    return found
