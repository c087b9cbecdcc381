"""A canvas of braille dots, 2 x 4 to a terminal cell; a cell takes the colour of the last curve drawn in it."""

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800
MARK = "●"


class Canvas:
    """`width` x `height` cells; points are given in dots from the top left."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._bits = [[0] * width for _ in range(height)]
        self._owners: list[list[int | None]] = [[None] * width for _ in range(height)]
        self._marks: dict[tuple[int, int], int] = {}

    @property
    def dots(self) -> tuple[int, int]:
        """Dots across and down."""
        return 2 * self.width, 4 * self.height

    def dot(self, x: int, y: int, owner: int) -> None:
        """Set a dot; dots outside the canvas are ignored."""
        column, row = x // 2, y // 4
        if 0 <= column < self.width and 0 <= row < self.height:
            self._bits[row][column] |= _DOTS[y % 4][x % 2]
            self._owners[row][column] = owner

    def mark(self, x: int, y: int, owner: int) -> None:
        """Show `●` in the cell of a dot, over what is drawn there; ignored outside the canvas."""
        column, row = x // 2, y // 4
        if 0 <= column < self.width and 0 <= row < self.height:
            self._marks[column, row] = owner

    def line(self, start: tuple[int, int], end: tuple[int, int], owner: int) -> None:
        """A straight line, both ends included."""
        (x0, y0), (x1, y1) = self._within(start, end), self._within(end, start)
        steps = max(1, round(max(abs(x1 - x0), abs(y1 - y0))))
        for k in range(steps + 1):
            self.dot(round(x0 + (x1 - x0) * k / steps), round(y0 + (y1 - y0) * k / steps), owner)

    def _within(self, point: tuple[int, int], other: tuple[int, int]) -> tuple[float, float]:
        """`point`, moved along the line to `other` if it lies far above or below the canvas."""
        (x, y), (x1, y1) = point, other
        bound = min(max(y, -1), 4 * self.height)
        return (x, y) if y in {bound, y1} else (x + (x1 - x) * (bound - y) / (y1 - y), bound)

    def cell(self, column: int, row: int) -> tuple[str, int | None]:
        """The character of a cell and its owner; None where nothing was drawn."""
        if (column, row) in self._marks:
            return MARK, self._marks[column, row]
        bits = self._bits[row][column]
        return (chr(_BLANK | bits) if bits else " "), self._owners[row][column]
