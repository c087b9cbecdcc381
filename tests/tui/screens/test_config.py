"""~/.config/iqa-tui/config.toml: what it may say, and what is said of what it may not."""

from pathlib import Path

import pytest

from iqa_train.errors import UsageError
from iqa_tui.config import Config, config_path, read_config
from iqa_tui.screens.help import HelpScreen
from iqa_tui.screens.study import StudyScreen
from iqa_tui.terminal_signals import Signals
from tests.tui.screens.console_host import seat


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_the_configuration_is_searched_for_where_configuration_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_path() == tmp_path / "iqa-tui" / "config.toml"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    assert config_path() == Path("/home/ada/.config/iqa-tui/config.toml")


def test_without_a_file_there_is_no_configuration(tmp_path: Path) -> None:
    assert read_config(tmp_path / "config.toml") == Config()


def test_what_the_terminal_is_told_can_be_switched_off(tmp_path: Path) -> None:
    path = written(tmp_path, "[terminal]\nbell = false\n")
    assert read_config(path).signals == Signals(bell=False)


def test_themes_and_keys_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, 'theme = "iqa-light"\n[keys]\n"view.zoom" = "Z"\nlog.search = ["ctrl+f", "/"]\n')
    assert read_config(path) == Config("iqa-light", {"view.zoom": "Z", "log.search": "ctrl+f,/"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("theme = ", "not valid TOML"),
        ("\x00", "not valid TOML"),
        ("[keyz]", 'unknown key "keyz"; did you mean "keys"?'),
        ('theme = "iqa-drak"', 'theme = "iqa-drak" is not a theme; did you mean "iqa-dark"'),
        ("terminal = 3", "terminal is not a table"),
        ("[terminal]\nbel = false", 'unknown key "bel"; did you mean "bell"'),
        ("[terminal]\nbell = 1", "bell = 1 is neither true nor false"),
        ("theme = 3", 'theme = "3" is not a theme; allowed: iqa-dark, iqa-light'),
        ('keys = "x"', "keys is not a table"),
        ('[keys]\n"view.zom" = "Z"', 'unknown name "view.zom"; did you mean "view.zoom"'),
        ('[keys]\n"\\u001b[2J" = "Z"', 'unknown name "\\u001b[2J"; an example is view.zoom'),
        ('[keys]\n"view.zoom" = 3', "view.zoom needs a key"),
        ('[keys]\n"view.zoom" = ""', "view.zoom needs a key"),
        ('[keys]\n"view.zoom" = "ctl+z"', 'unknown key "ctl+z"'),
        ('[keys]\n"view.zoom" = "pagdown"', 'unknown key "pagdown"; did you mean "pagedown"'),
        ('[keys]\n"view.zoom" = "v"', '"v" is used for both view.zoom and view.plot'),
        ('[keys]\n"view.zoom" = "q"', '"q" is used for both view.zoom and app.detach'),
        ('[keys]\n"runs.next" = "space"', '"space" is used for both runs.next and runs.mark'),
        ('[keys]\n"runs.next" = "z"', '"z" is used for both runs.next and view.zoom'),
    ],
)
def test_what_is_wrong_is_one_sentence_that_names_the_file(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        read_config(path)
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_config(tmp_path / "config.toml")
    (tmp_path / "other").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_config(tmp_path / "other")


def test_two_keys_may_change_places_and_panes_may_share_one(tmp_path: Path) -> None:
    text = '[keys]\n"view.zoom" = "v"\n"view.plot" = "z"\n"runs.next" = "n"\n'  # n is the log's next hit, too
    assert read_config(written(tmp_path, text)).keys["view.plot"] == "z"


async def test_changed_keys_work_and_the_usual_ones_no_more(study: Path) -> None:
    config = Config(keys={"runs.next": "n", "view.zoom": "ctrl+t", "app.help": "f1"})
    async with seat(config=config) as console:
        screen = console.app.screen
        assert isinstance(screen, StudyScreen)
        await console.press("n")
        assert screen.selected is not None
        assert screen.selected.experiment == "A1"  # one step, though two keys did this before
        await console.press("j")
        assert screen.selected.experiment == "A1"
        await console.press("ctrl+t")
        assert screen.has_class("-zoom")
        await console.press("z")
        assert screen.has_class("-zoom")
        await console.press("f1")
        assert isinstance(console.app.screen, HelpScreen)
        assert "Select the next run (default: j ↓)" in " ".join((await console.reads()).split())


async def test_the_theme_is_the_one_that_was_chosen(study: Path) -> None:
    async with seat(config=Config("iqa-light")) as console:
        assert console.app.theme == "iqa-light"
        assert not console.app.current_theme.dark
    async with seat() as console:
        assert console.app.theme == "iqa-dark"
