"""Prepares a figure's SVG for embedding: no prologue, the page's colours, unique ids."""

import re

from iqa_train.errors import visible
from iqa_train.report.figures.style import BASE, GROUND, INK, PALE, PLAIN

_PROLOGUE = re.compile(r"\A.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_SIZE = re.compile(r'(<svg\b[^>]*?) width="[^"]*"', re.DOTALL)
_HEIGHT = re.compile(r'(<svg\b[^>]*?) height="[^"]*"', re.DOTALL)
_COLOURS = {
    INK: "var(--ink)", GROUND: "var(--card)", BASE.lower(): "var(--mark)", PALE.lower(): "var(--pale)",
    PLAIN.lower(): "var(--plain)",
    "#dddddd": "var(--grid)",
}  # fmt: skip


def inlined(svg: bytes, name: str, label: str) -> str:
    """`svg` for HTML; `name` keeps its ids apart from those of other figures, `label` is the text alternative."""
    text = _METADATA.sub("", _PROLOGUE.sub("", svg.decode()))
    text = _HEIGHT.sub(r"\1", _SIZE.sub(r"\1", text))
    text = re.sub(r'\bid="([^"]*)"', rf'id="{name}-\1"', text)
    text = re.sub(r'href="#([^"]*)"', rf'href="#{name}-\1"', text)
    text = re.sub(r"url\(#([^)]*)\)", rf"url(#{name}-\1)", text)
    for colour, ours in _COLOURS.items():
        text = text.replace(colour, ours)
    label = re.sub(r'["&<>]', " ", visible(label))
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
