"""One argument parser for every command: errors are sentences, and `-` is as good as `_`."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from iqa_train.errors import UsageError, did_you_mean


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError instead of leaving the program."""

    def __init__(self, prog: str, description: str = "", epilog: str = "", usage: str | None = None) -> None:
        super().__init__(
            prog=prog, description=description, epilog=epilog, usage=usage, allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse all of `argv`. Raises UsageError for what is unknown."""
        options: argparse.Namespace
        options, rest = self.parse_known_args(argv)
        if rest:
            hint = "a word too many"
            if rest[0].startswith("-"):
                near = did_you_mean(rest[0].partition("=")[0], self._options())
                hint = near if near.startswith("did") else "no such option"
            raise UsageError(f'"{rest[0]}": {hint}; {self.prog} --help lists what there is')
        return options

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401 (as it is overloaded)
        """Also called for the words of a sub-command."""
        return super().parse_known_args([self._spelling(word) for word in args], namespace)

    def _options(self) -> list[str]:
        """Option strings, those of sub-commands included."""
        found = list(self._option_string_actions)
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                found += [name for parser in action.choices.values() for name in parser._options()]
        return sorted(set(found))

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting."""
        raise UsageError(f"{message}; see {self.prog} --help")

    def _spelling(self, word: str) -> str:
        name, equals, value = word.partition("=")
        if name.startswith("--") and name not in self._option_string_actions:
            for other in ("--" + name[2:].replace("-", "_"), "--" + name[2:].replace("_", "-")):
                if other in self._option_string_actions:
                    return other + equals + value
        return word


def whole_number(least: int) -> Callable[[str], int]:
    """A type of option: a whole number, `least` or more."""

    def number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {least} up")
        return int(text)

    return number


def add_places(parser: argparse.ArgumentParser, *, logs: bool = True) -> None:
    """--runs-dir and --logs-dir."""
    parser.add_argument("--runs-dir", default="runs", metavar="DIR", help="run directories [runs]")
    if logs:
        parser.add_argument("--logs-dir", default="logs", metavar="DIR", help="logs [logs]")


def add_study_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """--experiments, --profile and --demo."""
    parser.add_argument(
        "--experiments",
        type=Path,
        metavar="FILE",
        help="study file (default: ./experiments.toml, else the one that comes along)",
    )
    parser.add_argument("--profile", metavar="NAME", help="lay this profile of the study file over its defaults")
    parser.add_argument("--demo", action="store_true", help="short for --profile demo")


def profile_of(options: argparse.Namespace) -> str | None:
    """The profile that --profile and --demo ask for. Raises UsageError if they disagree."""
    if options.demo and options.profile not in {None, "demo"}:
        raise UsageError(f'--demo is short for --profile demo and cannot stand beside --profile "{options.profile}"')
    return "demo" if options.demo else options.profile
