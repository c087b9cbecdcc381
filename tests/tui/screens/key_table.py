"""The table of keys in docs/console.md, made from the bindings: `.venv/bin/python tests/tui/screens/key_table.py`."""

from itertools import groupby
from pathlib import Path

from iqa_tui.keys import every_key, shown_keys

PAGE = Path(__file__).parents[3] / "docs" / "console.md"
BEGIN, END = "<!-- keys: made by tests/tui/screens/key_table.py -->", "<!-- end of keys -->"


def table() -> str:
    parts = []
    for group, keys in groupby(every_key(), lambda key: key.group):
        rows = "".join(f"| `{shown_keys(key.keys)}` | `{key.id}` | {key.words} |\n" for key in keys)
        parts.append(f"**{group}**\n\n| Key | Name | |\n|---|---|---|\n{rows}")
    return "\n" + "\n".join(parts) + "\n"


def kept() -> str:
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0].removeprefix("\n")


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table()}{END}{rest.partition(END)[2]}")
