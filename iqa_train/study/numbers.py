"""Numbers as they were written: 5e7 is shown as 5e7."""

import re


class WrittenFloat(float):
    """A float that remembers how it was written, for messages. Models convert it to a plain float."""

    text: str

    def __new__(cls, text: str) -> "WrittenFloat":
        """Raises ValueError for text that is not a number."""
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __str__(self) -> str:
        return self.text


def number_text(value: float) -> str:
    """All digits of `value`, with a short exponent: 5e-7, not 5e-07."""
    if isinstance(value, WrittenFloat):
        return value.text
    return re.sub(r"e([+-])0*", lambda sign: "e-" if sign[1] == "-" else "e", repr(value))
