"""Numbers as a person wrote them: 5e7 is echoed as 5e7."""

import re


class WrittenFloat(float):
    """A number that remembers how it was written; for messages. Models keep a plain float of it."""

    text: str

    def __new__(cls, text: str) -> "WrittenFloat":
        """Raises ValueError for what is no number."""
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __str__(self) -> str:
        return self.text


def number_text(value: float) -> str:
    """All digits of `value`, with the exponent as people write it: 5e-7, not 5e-07."""
    if isinstance(value, WrittenFloat):
        return value.text
    return re.sub(r"e([+-])0*", lambda sign: "e-" if sign[1] == "-" else "e", repr(value))
