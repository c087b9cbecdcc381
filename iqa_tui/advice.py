"""Says what the command line advises in the console's own keys: reasons of states are written for both."""

import re

_KEYS = (
    (re.compile(r"--resume continues\b"), "R resumes"),
    (re.compile(r"(repair or remove it, or )?start over with --again"), "R starts the run over"),
    (re.compile(r"--again (starts the run over|runs it from scratch)"), "R starts it over"),
    (re.compile(r"`?iqa-train queue resume`? (starts one|continues|submits it again)"), r"p \1"),
    (re.compile(r"`?iqa-train relaunch \S+( --again)?`? (repeats it|starts the run)"), r"R \2"),
    (re.compile(r"`?iqa-train stop`? ends it"), "x ends it"),
    (
        re.compile(r"name (its|another|an empty)( folder)? with --data_dir"),
        r"name \1\2 with data_dir in the study file",
    ),
    (re.compile(r"`iqa-train results` says why"), "its details (enter) say why"),
)


def by_keys(words: str) -> str:
    """`words` with the keys that do what an option or a command would."""
    for pattern, instead in _KEYS:
        words = pattern.sub(instead, words)
    return words
