"""The keys of a log that has the focus. Every one has an id, so that a keymap can change it."""

from textual.binding import Binding

_MOVES = [
    ("up,k", "scroll_up", "Line up", "up"),
    ("down,j", "scroll_down", "Line down", "down"),
    ("pageup", "page_up", "Page up", "page_up"),
    ("pagedown", "page_down", "Page down", "page_down"),
    ("home,g", "scroll_home", "First line", "first"),
    ("left", "scroll_left", "Columns left", "left"),
    ("right", "scroll_right", "Columns right", "right"),
]

LOG: list[Binding] = [
    Binding("slash", "ask('search')", "Search", id="log.search", tooltip="Mark the lines with a text or pattern"),
    Binding("n", "find(1)", "Next", show=False, id="log.next", tooltip="Next hit"),
    Binding("N", "find(-1)", "Previous", show=False, id="log.previous", tooltip="Previous hit"),
    Binding("ampersand", "ask('filter')", "Filter", id="log.filter", tooltip="Show only the lines with a text"),
    Binding("colon", "ask('goto')", "Go to", show=False, id="log.goto", tooltip="Go to a line by its number"),
    Binding("f", "follow", "Follow", id="log.follow", tooltip="Stay at the end as lines come"),
    Binding("end,G", "follow", "End", show=False, id="log.end", tooltip="To the end, and stay there"),
    Binding("w", "wrap", "Wrap", id="log.wrap", tooltip="Break long lines, or scroll sideways"),
    Binding("y", "copy", "Copy", show=False, id="log.copy", tooltip="Copy the marked line, or what is on the screen"),
    Binding("right_curly_bracket", "result(1)", "Result", id="log.next_result", tooltip="Next result of an epoch"),
    Binding("left_curly_bracket", "result(-1)", show=False, id="log.previous_result", tooltip="Result before this one"),
    Binding("right_parenthesis", "trouble(1)", "Trouble", id="log.next_trouble", tooltip="Next warning or error"),
    Binding(
        "left_parenthesis", "trouble(-1)", show=False, id="log.previous_trouble", tooltip="Warning or error before"
    ),
    *(Binding(key, action, says, show=False, id=f"log.{name}", tooltip=says) for key, action, says, name in _MOVES),
]
