"""One option per setting, made from the declared settings, in the spelling of the script this program replaces."""

import argparse
from collections.abc import Sequence
from typing import Any, get_args

from iqa_train.errors import UsageError, control_complaint, visible
from iqa_train.study.numbers import number_text
from iqa_train.study.setting_fields import SETTINGS, Declared

_GROUPS = ("Data", "Network", "Optimisation", "Protocol", "Machine")
_SPELLINGS = {"multi_scale": ("multi_scale", "multiscale")}  # the script's option had no underscore


class _OnOff(argparse.Action):
    """`--name` for on, `--no_name` for off."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, not (option_string or "").startswith("--no_"))


def add_setting_options(parser: argparse.ArgumentParser) -> None:
    """Add a group of options per group of settings. Only those typed turn up in the namespace."""
    groups = {name: parser.add_argument_group(f"{name} settings") for name in _GROUPS}
    for name, setting in SETTINGS.items():
        group = groups[setting.about.group]
        text = f"{setting.about.description} [{_default(setting.default)}]".replace("%", "%%")
        if setting.kind is bool:
            words = _spelt("--", name) + _spelt("--no_", name)
            group.add_argument(*words, action=_OnOff, nargs=0, dest=name, default=argparse.SUPPRESS, help=text)
        else:
            group.add_argument(
                *_spelt("--", name), dest=name, default=argparse.SUPPRESS, metavar=_metavar(name, setting), help=text
            )
    groups["Optimisation"].add_argument(
        "--no_lr_scheduler", action="store_const", const="none", dest="lr_scheduler", default=argparse.SUPPRESS,
        help="short for --lr_scheduler none",
    )  # fmt: skip


def typed_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings typed on the command line, validated. Raises UsageError."""
    from iqa_train.study.validate import COMMAND_LINE, validate_settings, value_from_text

    values = {name: getattr(options, name) for name in SETTINGS if hasattr(options, name)}
    written = {name: value for name, value in values.items() if isinstance(value, str)}
    values |= {name: value_from_text(name, text) for name, text in written.items()}
    parameters = _parameters(getattr(options, "set", None) or ())
    return validate_settings(values, COMMAND_LINE, written) | ({"parameters": parameters} if parameters else {})


def _parameters(given: Sequence[str]) -> dict[str, str]:
    """The parameters of a command that --set gives, as text."""
    found = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise UsageError(f'--set {visible(word)}: not NAME=VALUE, such as "lr=1e-4"')
        if complaint := control_complaint(value):
            raise UsageError(f"--set {visible(word)} {complaint}")
        found[name] = value
    return found


def as_options(settings: dict[str, Any]) -> list[str]:
    """The words that set `settings` on a command line."""
    from iqa_train.study.messages import shown

    words = []
    for name, value in settings.items():
        if isinstance(value, dict):
            words += [word for key, text in value.items() for word in ("--set", f"{key}={text}")]
        elif isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no_{name}")
        elif isinstance(value, dict):
            words += [f"--{name}", ",".join(f"{key}={shown(option)}" for key, option in value.items())]
        elif isinstance(value, tuple):
            words += [f"--{name}", ",".join(number_text(v) if isinstance(v, float) else str(v) for v in value)]
        else:
            words += [f"--{name}", number_text(value) if isinstance(value, float) else str(value)]
    return words


def _spelt(prefix: str, name: str) -> list[str]:
    return [prefix + spelling for spelling in _SPELLINGS.get(name, (name,))]


def _metavar(name: str, setting: Declared) -> str:
    if isinstance(setting.default, dict):
        return "NAME=VALUE,..."
    if isinstance(setting.default, tuple):
        return {int: "N,...", float: "X,..."}.get(get_args(setting.kind)[0], "NAME,...")
    choices = get_args(setting.kind)
    if choices and all(isinstance(c, str) for c in choices):
        return "|".join(choices)
    return {int: "N", float: "X"}.get(setting.kind, name.rpartition("_")[2].upper())


def _default(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(value) or "none"
    if isinstance(value, dict):
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value) or "empty"
