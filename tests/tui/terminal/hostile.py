"""What a log, a title or a file name may hold that a terminal or Textual's markup would obey."""

MARKUP = ("[/]", "[/usr/bin/python]", "[bold red]", "[@click=app.bell]x[/]", "[link=http://x]", "\\[", "[", "{}%s")
ESCAPES = (
    b"\x1b]0;owned\x07", b"\x1b]2;owned\x1b\\", b"\x1b]8;;http://owned/\x1b\\click\x1b]8;;\x1b\\",
    b"\x1b]52;c;b3duZWQ=\x07", b"\x1b[2J", b"\x1b[77;77H", b"\x1b[3J", b"\x1b[?1049l", b"\x1b[?1000h", b"\x1b[6n",
    b"\x1bc", b"\x1b[5;10r", b"\x1b[8;10;10t", b"\x1bP+q544e\x1b\\", b"\x1b_Gowned\x1b\\", b"\x1b^owned\x1b\\",
    b"\x1b(0", b"\x1b[21t", b"\x1b[?25h", b"\x1b[4h", b"\x1b[20l",
)  # fmt: skip
C1 = tuple(chr(code).encode() for code in range(0x80, 0xA0)) + tuple(bytes([code]) for code in range(0x80, 0xA0))
C0 = (*(bytes([code]) for code in range(32) if code not in b"\n"), b"\x7f")
OTHERS = (
    b"\xff\xfe invalid \xc3\x28 \xed\xa0\x80 \xf4\x90\x80\x80 cut \xe6\x97",
    "bidi \u202eabc\u2066def\u2069 \u200f\u061c \u2028 \u2029 \ufeff \u200b\u200d".encode(),
    b"marks Z" + "\u0363\u0489".encode() * 300,
    "日本語の記録 損失 0.123 한국어 👩‍👩‍👧 🇩🇪 ﷽ ａｂｃ".encode(),
    b"\t\t\ttabs\t\x08\x08back\rspace\r",
)  # fmt: skip
TEXTS = (
    *MARKUP,
    "日本語 👩‍👩‍👧",
    "\u202ebidi\u202c",
    "\u0080\u009b2J",
    "\x1b[2J\x1b]52;c;eA==\x07",
    "a\x00b",
    "\n[/]\n",
)


def log() -> bytes:
    """A log of all of it, each on a line of its own and all on one; a line of 10 MB near the end."""
    parts = [text.encode() for text in MARKUP] + [*ESCAPES, *C1, *C0, *OTHERS, b"\x1b[31mred\x1b[0m", b"\x1b[38;5;1"]
    head = b"".join(b"%d %b end\n" % (k, part) for k, part in enumerate(parts))
    return head + b"".join(parts) + b"\n" + b"long " + b"0123456789" * 1_000_000 + b"\n" + head + b"the last line \x1b["
