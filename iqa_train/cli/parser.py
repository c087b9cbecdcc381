"""The argument parser of every command: errors are UsageError, and `-` and `_` in options are equivalent."""

import argparse
import shlex
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NoReturn

from iqa_train.cli.text import say, terminal_width
from iqa_train.errors import UsageError, did_you_mean, visible
from iqa_train.limits import LARGEST
from iqa_train.study.find import FILE_NAME, folder_above


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Knows the width from the start: argparse makes a formatter for each option, and asks shutil each time."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=terminal_width() - 2)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError instead of leaving the program."""

    def __init__(self, prog: str, description: str = "", epilog: str = "", usage: str | None = None) -> None:
        super().__init__(
            prog=prog, description=description, epilog=epilog, usage=usage, allow_abbrev=False,
            formatter_class=_HelpFormatter,
        )  # fmt: skip

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse all of `argv`. Raises UsageError for unknown options and arguments."""
        options: argparse.Namespace
        options, rest = self.parse_known_args(argv)
        if rest:
            hint = "unexpected argument"
            if rest[0].startswith("-"):
                near = did_you_mean(rest[0].partition("=")[0], self._options())
                hint = near if near.startswith("did") else "no such option"
            raise UsageError(f'"{visible(rest[0])}": {hint}; {self.prog} --help lists all options')
        _note_wrong_folder(options)
        return options

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401 (as it is overloaded)
        """Normalise the spelling of options; argparse calls this for sub-commands, too."""
        words = list(args)
        end = words.index("--") if "--" in words else len(words)
        known = {_canonical(option): option for option in self._option_string_actions if option.startswith("--")}
        return super().parse_known_args([*(_spelt_as(known, word) for word in words[:end]), *words[end:]], namespace)

    def _options(self) -> list[str]:
        """All option strings, including those of sub-commands."""
        found = list(self._option_string_actions)
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                found += [name for parser in action.choices.values() for name in parser._options()]
        return sorted(set(found))

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401
        """As in argparse, but the message names the nearest choice."""
        if action.choices is not None and value not in action.choices:
            near = did_you_mean(str(value), map(str, action.choices))
            raise argparse.ArgumentError(action, f'invalid choice "{visible(str(value))}"; {near}')

    def _print_message(self, message: str, file: Any = None) -> None:  # noqa: ANN401
        """As in argparse, but a full disk or a closed pipe is an error, as for everything that commands print."""
        if message:
            (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting."""
        raise UsageError(f"{message}; see {self.prog} --help")


def _note_wrong_folder(options: argparse.Namespace) -> None:
    """Say so where the runs of this command, and perhaps its study file, are probably in another folder."""
    file = getattr(options, "experiments", options)
    if file is options or options.demo or Path(options.runs_dir).exists():
        return
    if file is None and (above := folder_above()):
        place = visible(shlex.quote(str(above)))
        say(f"note: this folder has no {FILE_NAME} and no runs, but {place} has a study; for that one: cd {place}")
    elif file is not None and (file.parent / options.runs_dir).is_dir():
        place, runs = visible(shlex.quote(str(file.parent))), visible(options.runs_dir)
        say(f"note: there is no folder {runs} here, but there is one beside the study file: cd {place}")


def _canonical(option: str) -> str:
    return option.replace("-", "_")


def _spelt_as(known: dict[str, str], word: str) -> str:
    """`word` with its option in the parser's spelling, whichever of `-` and `_` was typed."""
    name, equals, value = word.partition("=")
    return known.get(_canonical(name), name) + equals + value if name.startswith("--") else word


def whole_number(least: int, most: int = LARGEST) -> Callable[[str], int]:
    """An option's type: a whole number from `least` to `most`."""
    span = f"of at least {least}" if most == LARGEST else f"from {least} to {most}"

    def number(text: str) -> int:
        known = text.isascii() and text.isdigit()
        if known and (len(text) > 25 or int(text) > LARGEST):  # Python reads no number of some thousand digits
            raise argparse.ArgumentTypeError(f"{text[:25]} is too large; allowed: whole numbers {span}")
        if not known or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number {span}")
        return int(text)

    return number


def _name(text: str) -> str:
    """An option's type: a name that is not empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty; give one or leave the option out")
    return text


def _folder(text: str) -> str:
    """An option's type: a folder, which need not exist yet."""
    if not text or (Path(text).exists() and not Path(text).is_dir()):
        raise argparse.ArgumentTypeError(f'"{visible(text)}" is not a folder; give one that exists or can be created')
    return text


# The options that name a study and the places of its files; True: takes a value.
_STUDY_OPTIONS = {
    "--study": True, "--experiments": True, "--profile": True, "--demo": False, "--runs-dir": True, "--logs-dir": True,
}  # fmt: skip


def add_study_options(parser: argparse.ArgumentParser, *, study: bool = True) -> None:
    """--study, --experiments, --profile, --demo, --runs-dir and --logs-dir.

    Without `study` the command has a --study of its own.
    """
    group = parser.add_argument_group("Which study")
    if study:
        group.add_argument(
            "--study", type=_name, metavar="NAME", help="study by name: one of the study file, or any that has runs"
        )
    group.add_argument(
        "--experiments", type=Path, metavar="FILE",
        help="study file [./experiments.toml, else the one that comes with the program]",
    )  # fmt: skip
    group.add_argument("--profile", metavar="NAME", help="apply this profile of the study file")
    group.add_argument("--demo", action="store_true", help="short for --profile demo")
    group.add_argument("--runs-dir", type=_folder, default="runs", metavar="DIR", help="folder of the runs [runs]")
    group.add_argument("--logs-dir", type=_folder, default="logs", metavar="DIR", help="folder of the logs [logs]")


def leading_options(words: Sequence[str]) -> int:
    """The number of leading `words` that are options of a study, with their values."""
    known, at = {_canonical(name): value for name, value in _STUDY_OPTIONS.items()}, 0
    while at < len(words) and words[at].startswith("--"):
        name, equals, _ = words[at].partition("=")
        if _canonical(name) not in known:
            break
        at += 2 if known[_canonical(name)] and not equals else 1
    return at


def command_first(words: Sequence[str], commands: Collection[str]) -> list[str]:
    """`words` with options of a study that precede the command moved behind it."""
    at = leading_options(words)
    if not 0 < at < len(words) or words[at] not in commands:
        return list(words)
    rest = list(words[at + 1 :])
    end = rest.index("--") if "--" in rest else len(rest)
    return [words[at], *rest[:end], *words[:at], *rest[end:]]


def profile_of(options: argparse.Namespace) -> str | None:
    """The profile that --profile or --demo selects. Raises UsageError if they disagree."""
    if options.demo and options.profile not in {None, "demo"}:
        raise UsageError(
            f'--demo is short for --profile demo and cannot be combined with --profile "{visible(options.profile)}"'
        )
    return "demo" if options.demo else options.profile
