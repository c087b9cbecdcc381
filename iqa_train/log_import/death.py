"""Recognises logs of the original training script that never reached an epoch, and the error that they end with."""

import re
from collections.abc import Sequence

from iqa_train.log_import.epoch_table import header_of
from iqa_train.log_import.log_lines import Line

_MARKS = re.compile(
    r"Training and testing on \S+ dataset for \d+ rounds|EXPERIMENT CONFIGURATION|Training log will be saved to:"
    r"|Using Swin Transformer backbone|Model checkpoints will be saved to:|Loading Swin Transformer (?:TINY|SMALL|BASE)"
    r"|usage: \S*train\w*\.py|train\w*\.py: error:|File \".*?\btrain\w*\.py\", line \d+"
    r"|can't open file '.*?train\w*\.py'"
    r"|\bpython[\d.]*\s(?:-\w+\s)*\S*\btrain\w*\.py\b"
)
_EPOCHS = re.compile(r"Test[_ ]SRCC|Best test SRCC|New best model saved|checkpoint_epoch_\d", re.IGNORECASE)
_TRACEBACK = "Traceback (most recent call last):"
_LAST = re.compile(r"(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning)?(?::.*)?")
_OTHER = re.compile(
    r"train\w*\.py: error: .+|.*can't open file '.+|.*[Oo]ut [Oo]f [Mm]emory.*|.*\b(?:Killed|Terminated|Aborted)\b.*"
    r"|(?:.*\b)?(?:Segmentation fault|Bus error|core dumped|command not found|No module named|Permission denied"
    r"|No space left on device|No such file or directory).*|slurmstepd: error: .+|srun: error: .+|.*\bCANCELLED AT\b.*"
    r"|(?:ERROR|FATAL|Error|RuntimeError|ModuleNotFoundError|ImportError)\b.*"
)


def is_of_the_script(lines: Sequence[Line]) -> bool:
    """Whether the lines are from the script, although there is no table among them."""
    return any(_MARKS.search(line.text) for line in lines)


def word_of_an_epoch(lines: Sequence[Line], *, table: bool) -> str:
    """A line that only a log with epochs has, "" if there is none. With `table`, the header does not count."""
    found = (line.text for line in lines if _EPOCHS.search(line.text) and not (table and header_of(line.text)))
    return next(found, "")


def error_of(lines: Sequence[Line]) -> str:
    """The last line of the last traceback, else the last line that names an error; "" if there is neither."""
    error, within, head = "", False, 0
    for line in lines:
        text = line.text
        if text.rstrip().endswith(_TRACEBACK):
            within, head = True, len(text) - len(text.lstrip())
        elif within and len(text) - len(text.lstrip()) <= head and _LAST.fullmatch(text.strip()):
            error, within = text.strip(), False
    if error:
        return error
    return next((line.text.strip() for line in reversed(lines) if _OTHER.fullmatch(line.text.strip()[:1000])), "")
