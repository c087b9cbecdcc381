"""A form for settings, one `setting = value` a line, with completion and checks while typing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from textual.containers import Vertical
from textual.suggester import Suggester
from textual.widgets import Input

if TYPE_CHECKING:
    from textual.app import ComposeResult

_FIRST = "setting = value, such as lr = 1e-6; → completes a name"
_NEXT = "another setting, or leave empty"


class SettingsForm(Vertical):
    """Lines for settings; the last one is always empty."""

    DEFAULT_CSS = """
    SettingsForm { height: auto; width: 1fr; }
    SettingsForm > Input { width: 100%; background: $boost; }
    """

    def compose(self) -> ComposeResult:
        yield self._line(_FIRST)

    def on_input_changed(self) -> None:
        """Add a line once the last is used; the event continues to the dialog."""
        lines = list(self.query(Input))
        if lines and lines[-1].value.strip():
            self.mount(self._line(_NEXT))

    def read(self) -> tuple[dict[str, Any], list[str]]:
        """The valid settings, and a sentence for each line that is not valid."""
        from iqa_train.study.validate import check_settings, value_from_text

        values: dict[str, Any] = {}
        errors: list[str] = []
        for line in self.query(Input):
            name, equals, text = (part.strip() for part in line.value.partition("="))
            if not name and not equals:
                continue
            complaint = _line_error(name, text, values)
            if complaint:
                errors.append(complaint)
                continue
            values[name] = value_from_text(name, _unquoted(text))
        valid, complaints = check_settings(values)
        return valid, errors + [sentence for _, sentence in complaints]

    @staticmethod
    def _line(placeholder: str) -> Input:
        return Input(placeholder=placeholder, suggester=_SettingSuggester(), compact=True)


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text


def _line_error(name: str, text: str, earlier: dict[str, Any]) -> str:
    """Why a line is incomplete or wrong; empty if it is fine."""
    from iqa_train.errors import did_you_mean, visible
    from iqa_train.study.messages import allowed
    from iqa_train.study.setting_fields import SETTINGS
    from iqa_train.study.settings import TrainingConfig

    fields = TrainingConfig.model_fields
    if name == "seed":
        return "seed: enter it above, under Seeds"
    if name in earlier:
        return f"{visible(name)} is given twice"
    if name in fields and not text:
        return f"{name} = ? {SETTINGS[name].about.description}; allowed: {allowed(name, fields[name])}"
    if name not in fields:
        return f'unknown setting "{visible(name)}"; {did_you_mean(name, fields)}'
    return ""


class _SettingSuggester(Suggester):
    """Completes the names of settings, and values that are one of a few."""

    def __init__(self) -> None:
        super().__init__(use_cache=True, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        from iqa_train.study.settings import TrainingConfig

        name, equals, text = value.partition("=")
        if not equals:
            names = (n for n in TrainingConfig.model_fields if n != "seed" and n.startswith(value.lstrip()))
            match = next(names, None) if value.strip() else None
            return f"{match} = " if match else None
        field = TrainingConfig.model_fields.get(name.strip())
        kind = field.annotation if field else None
        words = ("true", "false") if kind is bool else tuple(str(choice) for choice in get_args(kind))
        rest = text.lstrip()
        match = next((word for word in words if rest and word.startswith(rest) and word != rest), None)
        return value[: len(value) - len(rest)] + match if match else None
