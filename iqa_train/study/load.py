"""Reads a study file and checks all of it."""

import re
import tomllib
from pathlib import Path
from typing import Any

from iqa_train.errors import StudyError, visible
from iqa_train.study.control_characters import check_controls
from iqa_train.study.find import FILE_NAME
from iqa_train.study.model import Study
from iqa_train.study.numbers import WrittenFloat
from iqa_train.study.parse import parse_study
from iqa_train.study.problems import Problems

_TWICE = re.compile(r"Duplicate inline table key '(\d+)'|Cannot overwrite a value")


def load_study(path: Path) -> Study:
    """The study in the file at `path`. Raises StudyError with a line for each problem."""
    name = _shown(path)
    text = _read(path, name)
    problems = Problems(name, text)
    try:
        raw = _toml(text, name)
        check_controls(raw, problems)
        problems.stop_if_any()
        study = parse_study(raw, path, problems)
    except RecursionError:
        raise StudyError(f"{name}: tables or lists are nested too deeply to be read") from None
    problems.stop_if_any()
    assert study is not None
    return study


def _shown(path: Path) -> str:
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _read(path: Path, name: str) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise StudyError(f"{name}: no such study file; give one with --experiments FILE") from None
    except IsADirectoryError:
        raise StudyError(f"{name}: a folder, not a study file; give --experiments {name}/{FILE_NAME}?") from None
    except OSError as error:
        raise StudyError(f"{name}: cannot be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise StudyError(f"{name}: line {line}, column {column}: not UTF-8 text; save the file as UTF-8") from None


def _toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=WrittenFloat)
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", str(error), re.DOTALL)
        if found is None:
            raise StudyError(f"{name}: not valid TOML: {error}") from None
        lines = text.split("\n")
        line = int(found[2] or len(lines))
        column = int(found[3] or len(lines[-1]) + 1)
        what = found[1][:1].lower() + found[1][1:]
        twice = _TWICE.fullmatch(found[1])
        if twice and twice[1] and "gpus" in lines[line - 1]:
            what = f"a batch names GPU {twice[1]} twice; a GPU runs one experiment at a time"
        elif twice:
            what += "; the key is given a second time"
        else:
            what = re.sub(r"\('([^']*)',\)", r"[\1]", what)
        raise StudyError(f"{name}: line {line}, column {column}: {visible(what)}") from None
    except ValueError:
        raise StudyError(f"{name}: not valid TOML: a whole number has thousands of digits") from None
