"""Removes what other programs put before each line of a log: time stamps, levels, names and numbers of tasks.

There are three kinds. Stamps that resemble nothing in the script's output are removed everywhere; labels that could be
part of a table row are removed if (nearly) every line has one; any other prefix is removed if the table's header and
most other lines have it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from iqa_train.log_import.bars import without_bars
from iqa_train.log_import.records import Piece, opened

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?"
_DAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},?[ ]{1,2})?"
_CLOCK = r"\d{1,2}:\d{2}:\d{2}(?:[.,:]\d{1,9})?(?:[ ]?[AaPp]\.?[Mm]\b\.?)?"
_SHORT_CLOCK = r"\d{1,2}:\d{2}(?:[ ]?[AaPp]\.?[Mm]\b\.?)?"
_ZONE = r"(?:[ ]?(?:Z|UTC|GMT|[A-Z]{1,3}[SD]T|CET|[BM]SK)\b|[ ]?[+-]\d{2}:?\d{2}\b)?"
_YEAR = r"(?:[ ](?:19|20)\d{2}(?=[\]\s:]|$))?"
_NUMERIC = r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{2}[-/.]\d{2}[-/.]\d{2}|(?:19|20)\d{6})"
_NAMED = (
    rf"(?:\d{{1,2}}[ /-]{_MONTH}[ /-]\d{{2,4}}|\d{{4}}[ -]{_MONTH}[ -]\d{{1,2}}"
    rf"|{_MONTH}[ ]{{1,2}}\d{{1,2}}(?:,?[ ]\d{{4}}\b)?)"
)
_DATED = rf"{_DAY}(?:{_NUMERIC}|{_NAMED})(?:[T_ :-]|,[ ]|\.{{2}})[ ]?(?:{_CLOCK}|{_SHORT_CLOCK})"
_COMPACT = r"(?:19|20)\d{6}[T_-]?\d{6}(?:[.,]\d{1,9})?"
_SINCE = r"1\d{9}(?:[.,]\d{1,9})?|1\d{12}|1\d{15}|1\d{18}"  # seconds and their parts since 1970
_WHEN = rf"(?P<time>{_DATED}{_ZONE}{_YEAR}|{_COMPACT}{_ZONE}|{_CLOCK}{_ZONE}|{_SINCE})"
_END = r"(?=[\s:|\])>;,]|$)"

_LEVELS = "DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|ERR|CRITICAL|FATAL|TRACE|SUCCESS"
_LEVEL = rf"(?:\[(?:{_LEVELS}|{_LEVELS.lower()})[ ]{{0,4}}\]|(?:{_LEVELS})\b|(?:info|debug|warn|warning|error)\b(?=\t))"
_PLACE = r"(?:[\w.<>-]{1,80}:[\w.<>]{1,80}:\d{1,6}|[\w./-]{1,120}\.py:\d{1,6}|\[[^\]\n]{1,60}\]|\(\w[\w./: -]{0,60}\))"
_META = re.compile(
    rf"[ \t]*(?:[-|:][ \t]+)?(?:{_LEVEL}|{_PLACE}|\d{{1,8}}[ ]+(?=\[?(?:{_LEVELS})\b)"
    rf"|[A-Za-z_][\w.-]{{0,60}}(?=[ \t]*[-|:]?[ \t]+\[?(?:{_LEVELS})\b))(?=[\s:|\-\[(]|$)"
)
_SYSLOG = re.compile(r"[ ][\w.-]{1,100} [\w./@:-]{1,100}(?:\([\w-]+\))?\[\d{1,9}\]: ?")
_RFC5424 = re.compile(r"<\d{1,3}>1 (?P<time>\S{10,40}) \S+ \S+ \S+ \S+ (?:-|\[.{0,200}?\])(?: |$)")
_STAMP = re.compile(
    rf"[ ]{{0,4}}(?:<\d{{1,3}}>)?(?:[\[(<{{]?{_WHEN}{_END}[\])>}}]?|\[[ ]{{0,12}}\d{{1,9}}\.\d{{1,9}}s?\])"
)
_AFTER = re.compile(r"[ ]?[:|;,>](?=\s|$)[ \t]?|[ \t]?-(?=[ \t]|$)[ \t]?|:(?=\D)|[ \t]|")
_GLOG = re.compile(r"[IWEFD]\d{4} (?P<time>\d\d:\d\d:\d\d\.\d{1,9})[ ]+\d{1,9} [^\s\]]{1,120}\] ?")
_BARE = re.compile(
    rf"(?:{_LEVELS}):(?:root|__main__|[a-z_][a-z0-9_.]{{0,60}}):|\[(?:{_LEVELS}|{_LEVELS.lower()})[ ]{{0,4}}\]:?[ ]?"
    rf"|(?:{_LEVELS})[ ]{{0,5}}(?:[-|>][ ]|:[ ]?(?=\S|[ ]{{2}}|$))"
)

_LABELS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\[(?P<task>\d{1,9},\d{1,6})\](?:<(?:stdout|stderr|stddiag)>)?: ?",  # mpirun --tag-output
        # torchrun and mpirun -prepend-rank
        r"\[(?P<task>(?:rank|default|trainer|worker|node|gpu|local|task|proc)?[ _:-]?\d{1,6})\](?: ?:)?[ ]?",
        r"\[(?P<task>pod/[^\]\n]{1,200})\] ?",  # kubectl logs --prefix
        r"\((?P<task>[\w.:]{1,80} pid=\d{1,9}(?:, ip=[\w.:]{1,60})?)\) ?",  # Ray
        r"(?P<task>(?:rank|task|worker|node|gpu|proc)[ _:=-]?\d{1,6}) ?[:|>\]] ?",
        r"[ ]{0,6}(?P<task>(?:P?\d{1,6} )?\d{1,6}):(?: |(?=\S)|$)",  # srun --label
        r"(?P<task>[\w.@/-]{1,100})[ ]{0,60}\|(?: |$)",  # docker compose
        r"(?P<task>[a-z][\w.-]{0,60}\d):(?: |$)",  # pdsh
        r"\d{1,9}\.\d{3,9}s?(?:[ \t]|:[ ]?|$)",  # seconds since the start
    )
)
_NUMBER = re.compile(r"[ ]{0,8}(\d{1,9})(?:\t|[:|] ?|$)")  # cat -n, grep -n, nl
_MOST = 0.9
_MORE = 0.6
_COUNTERS = 0.25  # labels by lines
_LAYERS = 6
_SAMPLE = 5000  # lines


def unwrapped(pieces: Sequence[Piece], header: Callable[[str], object]) -> list[Piece]:
    """The lines without their prefixes; `header` recognises the header of the table."""
    found = list(pieces)
    for _ in range(_LAYERS):
        before = found
        found = [_without_stamp(piece) for piece in opened(found)]
        found = _without_numbers(found)
        for label in _LABELS:
            found = _without(found, label, header, _MOST)
        if found == before:
            learned = _before_header(found, header)
            found = _without(found, learned, header, _MORE) if learned is not None else found
        if found == before:
            break
    return found


def before_header(pieces: Sequence[Piece], header: Callable[[str], object]) -> str:
    """The remaining prefix of the table's header; "" if there is none, or no header."""
    return next((before for piece in pieces if (before := _head(piece.text, header))), "")


def _without_stamp(piece: Piece) -> Piece:
    """Also after a carriage return, where a program overwrote its own line."""
    if "\r" in piece.text:
        first, *others = (_unstamped(replace(piece, text=part)) for part in piece.text.split("\r"))
        return replace(first, text="\r".join([first.text, *(other.text for other in others)]))
    return _unstamped(piece)


def _unstamped(piece: Piece) -> Piece:
    text = piece.text
    found = _RFC5424.match(text) or _GLOG.match(text)
    if found:
        return replace(piece, text=text[found.end() :], time=piece.time or found["time"])
    found = _STAMP.match(text)
    if not found:
        bare = _BARE.match(text)
        return replace(piece, text=text[bare.end() :]) if bare else piece
    syslog = _SYSLOG.match(text, found.end())
    time = piece.time or found["time"] or ""
    if syslog:
        return replace(piece, text=text[syslog.end() :], time=time)
    end = found.end()
    for _ in range(5):
        meta = _META.match(text, end)
        if not meta:
            break
        end = meta.end()
    after = _AFTER.match(text, end)
    return replace(piece, text=text[after.end() if after else end :], time=time)


def _without(pieces: list[Piece], label: re.Pattern[str], header: Callable[[str], object], least: float) -> list[Piece]:
    """Remove the label if at least the share `least` of the lines has it, or if the header has it."""
    lines = [piece for piece in pieces if piece.text.strip()]
    if len(lines) > _SAMPLE:  # in a long log, a sample and the possible headers are enough
        some = lines[:: len(lines) // _SAMPLE + 1]
        lines = [*some, *(piece for piece in lines if "epoch" in piece.text[:400].lower() and "est" in piece.text)]
    hits = [piece for piece in lines if label.match(piece.text)]
    if not hits or (len(hits) < 2 <= len(lines)):
        return pieces
    if len(hits) < least * len(lines) and not any(_is_header_behind(piece.text, label, header) for piece in hits):
        return pieces
    found = [_unlabelled(piece, label) for piece in pieces]
    if _is_counter(pieces, found, header):
        return [replace(new, task=old.task) for old, new in zip(pieces, found, strict=True)]
    return found


def _is_counter(before: Sequence[Piece], after: Sequence[Piece], header: Callable[[str], object]) -> bool:
    """Whether the removed labels count lines, steps or seconds instead of naming tasks.

    Counters only grow, or change every few lines; and most of them have no table, unlike tasks whose logs were
    concatenated.
    """
    labelled = [(old.task, new) for old, new in zip(before, after, strict=True) if new.task != old.task]
    names = {new.task for _, new in labelled}
    if len(names) < 2:
        return False
    tables = {new.task for _, new in labelled if header(new.text)}
    many = len(names) > _COUNTERS * len(labelled)
    if _grows(labelled):
        return many or 2 * len(tables) <= len(names)
    return many and len(tables) < 2


def _grows(labelled: Sequence[tuple[str, Piece]]) -> bool:
    """Whether, within each task, the lines of a label are adjacent and each label is larger than the one before."""
    last: dict[str, tuple[str, list[int]]] = {}
    for task, piece in labelled:
        words = re.sub(r"\d+", "0", piece.task)
        label = words, [int(number) for number in re.findall(r"\d{1,18}", piece.task)]
        known = last.setdefault(task, label)
        if known[0] != words or label[1] < known[1]:
            return False
        last[task] = label
    return True


def _unlabelled(piece: Piece, label: re.Pattern[str]) -> Piece:
    found = label.match(piece.text)
    if not found:
        return piece
    task = (found.groupdict().get("task") or "").strip()
    return replace(piece, text=piece.text[found.end() :], task="/".join(filter(None, (piece.task, task))))


def _is_header_behind(text: str, label: re.Pattern[str], header: Callable[[str], object]) -> bool:
    found = label.match(text)
    return found is not None and not header(text) and bool(header(text[found.end() :]))


def _without_numbers(pieces: list[Piece]) -> list[Piece]:
    """Remove line numbers, which grow by one, or by more where lines were left out."""
    hits = [(piece, _NUMBER.match(piece.text)) for piece in pieces if piece.text.strip()]
    numbers = [int(hit[1]) for _, hit in hits if hit]
    if len(numbers) < 10 or len(numbers) < len(hits) - 1 or any(b <= a for a, b in pairwise(numbers)):
        return pieces
    return [replace(piece, text=_NUMBER.sub("", piece.text, count=1)) for piece in pieces]


def _head(text: str, header: Callable[[str], object]) -> str:
    """The text before a header on the same line."""
    plain, _ = without_bars(text)
    if "rain" not in plain and "est" not in plain.lower():
        return ""
    for found in re.finditer(r"epoch\b", plain[:2000], re.IGNORECASE):
        before = plain[: found.start()].rpartition("\r")[2]
        if before.strip() and header(plain[found.start() :]):
            return before
    return ""


def _before_header(pieces: Sequence[Piece], header: Callable[[str], object]) -> re.Pattern[str] | None:
    """A pattern for the header's prefix before other lines, with other numbers, months and levels."""
    before = before_header(pieces, header)
    if not before or len(before) > 300:
        return None
    return re.compile("".join(_as_pattern(before)))


def _as_pattern(before: str) -> Iterator[str]:
    for part in re.findall(r"\d+|[A-Za-z]+|\s+|.", before, re.DOTALL):
        if part.isdigit():
            yield r"\d+"
        elif part.isspace():
            yield r"\s+" if part != before[-len(part) :] else r"\s?"
        elif re.fullmatch(rf"{_LEVELS}|[A-Z][a-z]{{2}}", part):
            yield r"[A-Za-z]+"
        else:
            yield re.escape(part)
