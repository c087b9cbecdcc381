"""What holds for every command: it is listed, takes the options that name a study, and options in both spellings."""

import argparse
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iqa_train.cli import main as program
from iqa_train.cli.commands import COMMANDS
from iqa_train.cli.parser import Parser, add_study_options, command_first
from iqa_train.errors import UsageError

STUDY_OPTIONS = ("--study", "--experiments", "--profile", "--demo", "--runs-dir", "--logs-dir")
OF_NO_STUDY = {"devices"}


class _Found(Exception):  # noqa: N818 (it carries a parser out of a command)
    def __init__(self, parser: Parser) -> None:
        self.parser = parser


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser of a command, or those of its sub-commands."""
    subs = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in subs:
        for one in action.choices.values():
            yield from parsers(one)
    if not subs:
        yield parser


@pytest.fixture(params=["", *COMMANDS, "iqa-tui"])
def command(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[Parser]]:
    """Each command's name, with the parsers that it makes."""

    def caught(self: Parser, _words: list[str]) -> argparse.Namespace:
        raise _Found(self)

    monkeypatch.setattr(Parser, "read", caught)
    name = str(request.param)
    module = "iqa_tui.cli" if name == "iqa-tui" else f"iqa_train.cli.commands.{(name or 'train').replace('-', '_')}"
    with pytest.raises(_Found) as found:
        getattr(import_module(module), "_run" if name == "iqa-tui" else "main")([])
    return name, [one for one in parsers(found.value.parser) if isinstance(one, Parser)]


def test_options_that_name_a_study_are_taken_by_every_command(command: tuple[str, list[Parser]]) -> None:
    name, made = command
    for parser in made:
        known = set(parser._option_string_actions)
        assert name in OF_NO_STUDY or known >= set(STUDY_OPTIONS), parser.prog


def test_every_option_has_both_spellings_and_is_listed_with_one(command: tuple[str, list[Parser]]) -> None:
    for parser in command[1]:
        text = parser.format_help()
        for option, action in parser._option_string_actions.items():
            for typed in (option[:2] + option[2:].replace("-", "_"), option[:2] + option[2:].replace("_", "-")):
                value = f"{typed}=7" if action.nargs is None else typed
                _, rest = parser.parse_known_args([value]) if _needs_no_more(parser, action) else (None, [])
                assert rest == [], (parser.prog, typed)
                own = typed in parser._option_string_actions
                assert own or f"{typed} " not in text, f"{typed} is a second spelling, and --help lists it"


def _needs_no_more(parser: argparse.ArgumentParser, action: argparse.Action) -> bool:
    """Whether the option can be parsed alone: nothing else is required, and any word will do for its value."""
    others = [one for one in parser._actions if one.required and one is not action]
    takes_any = action.nargs in (None, 0) and action.choices is None and action.type in (None, Path)
    return not others and takes_any and not isinstance(action, argparse._HelpAction)


def test_help_lists_every_command_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["--help"])
    text = capsys.readouterr().out
    for name, line in COMMANDS.items():
        assert f"  {name:<{max(map(len, COMMANDS))}}  {line}\n" in text
        assert hasattr(import_module(f"iqa_train.cli.commands.{name.replace('-', '_')}"), "main")
    commands = Path(program.__file__).parent / "commands"
    files = {
        path for path in (*commands.glob("*.py"), *commands.glob("*/__init__.py")) if "def main(" in path.read_text()
    }
    names = {path.parent.name if path.stem == "__init__" else path.stem for path in files}
    assert names == {name.replace("-", "_") for name in COMMANDS} | {"train"}


WORD = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
NAME = st.lists(WORD, min_size=1, max_size=4)


@given(NAME, st.lists(st.sampled_from("-_"), min_size=4, max_size=4), st.lists(st.sampled_from("-_"), min_size=4))
def test_any_mixture_of_hyphens_and_underscores_is_the_option(
    name: list[str], own: list[str], typed: list[str]
) -> None:
    def spelt(signs: list[str]) -> str:
        return "--" + "".join(word + sign for word, sign in zip(name, signs, strict=False)).rstrip("-_")

    parser = Parser("p")
    parser.add_argument(spelt(own), dest="value")
    parser.add_argument("words", nargs="*")
    assert parser.read([spelt(typed), "a_b-c"]).value == "a_b-c"
    assert parser.read([f"{spelt(typed)}=--x_y"]).value == "--x_y"
    assert parser.read(["--", spelt(typed)]).words == [spelt(typed)]


OPTION = st.sampled_from([["--demo"], ["--runs-dir", "status"], ["--runs_dir=x"], ["--study", "s"], ["--profile=p"]])


@given(st.lists(OPTION, max_size=3), st.sampled_from(["status", "logs"]), st.sampled_from([[], ["A1"], ["--", "--x"]]))
def test_the_command_may_follow_the_options_that_name_the_study(
    before: list[list[str]], name: str, rest: list[str]
) -> None:
    typed = [word for option in before for word in option]
    words = command_first([*typed, name, *rest], COMMANDS)
    assert words[0] == name
    parser = Parser("p")
    add_study_options(parser)
    parser.add_argument("words", nargs="*")
    assert parser.read(words[1:]) == parser.read([*typed, *rest])


@pytest.mark.parametrize("words", [["--exp", "status"], ["--runs-dir", "status"], ["--demo", "--all"], ["A1"], []])
def test_what_is_not_a_command_behind_options_stays_as_it_is(words: list[str]) -> None:
    assert command_first(words, COMMANDS) == words


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["statsu"], '"status"'),
        (["--demo", "--runs_dir", "x", "statsu"], '"status"'),
        (["data", "verfy"], '"verify"'),
        (["queue", "puase"], '"pause"'),
        (["results", "--metric", "srrc"], '"srcc"'),
        (["status", "--dmeo"], '"--demo"'),
        (["stop", "--runs_dri", "x"], '"--runs-dir"'),
    ],
)
def test_a_word_mistyped_is_answered_with_the_nearest(
    words: list[str], near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(words) == 2
    out, err = capsys.readouterr()
    assert near in err
    assert out == ""


def test_study_and_profile_that_disagree_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("check", "status", "stop", "results"):
        words = ["--all"] if name == "stop" else []
        with pytest.raises(UsageError, match="is not the study of --profile demo"):
            import_module(f"iqa_train.cli.commands.{name}").main([*words, "--demo", "--study", "lr5e7"])
