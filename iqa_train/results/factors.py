"""Settings in which two runs differ, and the factors that can cause a difference in results."""

import shlex
from collections.abc import Mapping
from typing import Any

from iqa_train.redaction import public_command

Spec = Mapping[str, Any]
"""The content of spec.json."""

COMMAND = "command"
REVISION = "revision"
"""Revision of the network and losses: not a setting, but a possible cause of a difference."""


def settings_that_differ(base: Spec, other: Spec) -> dict[str, tuple[Any, Any]]:
    """Setting -> (value of `base`, value of `other`), without the seed and settings that cannot change a result.

    Settings that only one of them records (from another version, or imported from a log), or that mean nothing for one
    of them (a command, or imported predictions), are not compared; parameters of one command count as settings. Keys of
    `[datasets]` are written `datasets.csv`; `revision` is that of the network and losses. Options of one network or
    loss are written `network_options.depth`, and a file of own code that both use in two versions `code.nets/mine.py`.
    `command` is the user's own program that trained a run, with its words if two of one name differ; imported
    predictions are marked as what they are.
    """
    theirs, ours = (_settings(spec, same_program=_program(base) == _program(other)) for spec in (base, other))
    pairs = {name: (value, ours[name]) for name, value in theirs.items() if name in ours}
    theirs, ours = base.get("source", {}), other.get("source", {})
    pairs |= {f"datasets.{k}": (v, ours[k]) for k, v in theirs.items() if k in ours and k not in {"path", "split"}}
    pairs |= _code(base, other)
    pairs = _each_option(pairs)
    if not (base.get("external") or other.get("external")):
        pairs |= {COMMAND: (program_of(base), program_of(other))}
    if "revision" in base and "revision" in other and not (base.get("command") or other.get("command")):
        pairs[REVISION] = (base["revision"], other["revision"])
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _code(base: Spec, other: Spec) -> dict[str, tuple[Any, Any]]:
    theirs, ours = ((spec.get("code") or {}).get("files", {}) for spec in (base, other))
    return {f"code.{name}": (digest, ours[name]) for name, digest in theirs.items() if name in ours}


def _each_option(pairs: dict[str, tuple[Any, Any]]) -> dict[str, tuple[Any, Any]]:
    """Each option of a network or loss as a pair of its own; none where they are of two networks or losses."""
    from iqa_train.study.setting_fields import OPTIONS_OF

    for table, of in OPTIONS_OF.items():
        one, two = pairs.pop(table, ({}, {}))
        theirs, ours = pairs.get(of, (None, None))
        if theirs == ours:
            pairs |= {f"{table}.{name}": (one.get(name), two.get(name)) for name in (*one, *two)}
    return pairs


def program_of(spec: Spec) -> str:
    """The user's own program that trains a run, as its table in the study file and its words; "" for this one."""
    from iqa_train.study.harness import program_label

    command = spec.get("command")
    if not command:
        return ""
    words = command.get("run")
    text = shlex.join(public_command([str(word) for word in words])) if isinstance(words, list | tuple) else ""
    return f"{program_label(command.get('name', ''))} {text}"


def factors(base: Spec, own: Spec) -> tuple[str, ...]:
    """What can cause a difference between the two: factors as in `study.factors`, data set and revision."""
    from iqa_train.runs.specfile import settings_from
    from iqa_train.study.factors import acting_differences, factors_of

    raw = settings_that_differ(base, own)
    if base.get("command") or own.get("command"):
        return tuple(raw)
    # What only one of them records is assumed for the other, instead of this program's default.
    one = settings_from({**own["settings"], **base["settings"]})
    other = settings_from({**base["settings"], **own["settings"]})
    if one is None or other is None:
        return tuple(raw)
    beside = [name for name in raw if name == REVISION or name.startswith(("datasets.", "code."))]
    return (*factors_of(acting_differences(one, other), one, other), *beside)


def meaningful_settings(spec: Spec) -> dict[str, Any]:
    """What a run is made from: the settings that mean something for its kind, and a command's own parameters."""
    from iqa_train.study.harness import HARNESS

    settings: dict[str, Any] = dict(spec["settings"])
    if not spec.get("command"):
        return settings
    return {name: settings[name] for name in HARNESS if name in settings} | dict(spec.get("parameters", {}))


def _settings(spec: Spec, *, same_program: bool) -> dict[str, Any]:
    """Those that may be compared; `same_program`: parameters too, since the same program trained the other run.

    Epochs of two programs are different things.
    """
    from iqa_train.study.setting_fields import is_local
    from iqa_train.study.settings import TrainingConfig

    local = {name for name in TrainingConfig.model_fields if is_local(name)}
    parameters = set(spec.get("parameters", {}))  # whose names may be those of settings
    left_out = {"seed", *local} - parameters if same_program else {"seed", "epochs", *local, *parameters}
    return {name: value for name, value in meaningful_settings(spec).items() if name not in left_out}


def _program(spec: Spec) -> str | None:
    """The name of the run's command; None for a run of this program."""
    command = spec.get("command")
    return None if not command else str(command.get("name", ""))
