"""The part of `check` that runs a study's own networks, each in a process of its own, and says so before."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from iqa_train.cli.text import say
from iqa_train.runner.try_out import TriedOut, TryOut
from iqa_train.runs.code_copy import copy_code
from iqa_train.runs.layout import RunFolder
from iqa_train.study.code_reference import code_reference
from iqa_train.study.findings import Finding, Severity
from iqa_train.study.setting_fields import SETTINGS
from iqa_train.study.spec import RunSpec
from iqa_train.text import join_names

SECONDS = 300.0
"""How long a network may take to be tried."""

_DECIDING = ("patch_size", "seed")  # beside the settings of the group "Network", what a network is built from


def network_findings(specs: Sequence[RunSpec], seconds: float = SECONDS) -> list[Finding]:
    """What trying the own networks of these runs finds; those that are the same are tried once.

    Raises RunError if no process can be started.
    """
    alike: dict[str, list[RunSpec]] = {}
    for spec in specs:
        if code_reference(spec.settings.network) is not None and spec.code is not None and not spec.code.missing:
            alike.setdefault(_what_is_tried(spec), []).append(spec)
    found: list[Finding] = []
    for group in alike.values():
        faults = list(_try(group[0], join_names([spec.experiment for spec in group], most=4), seconds))
        found += [_finding(spec, *fault) for spec in group for fault in faults]
    return found


def _what_is_tried(spec: RunSpec) -> str:
    names = [name for name, setting in SETTINGS.items() if setting.about.group == "Network"]
    given = {name: getattr(spec.settings, name) for name in (*names, *_DECIDING)}
    return repr((given, spec.code, spec.settings.batch_size == 1))


def _try(spec: RunSpec, of: str, seconds: float) -> Iterator[tuple[str, Severity, str]]:
    """Code, severity and message of each fault."""
    assert spec.code is not None
    say(f"running {spec.settings.network} ({of}) in a process of its own; --no-code leaves it out")
    with tempfile.TemporaryDirectory(prefix="iqa-train-check-") as folder:
        copy = RunFolder(Path(folder))
        copy_code(copy, {"code": spec.code.model_dump()})
        request = {"settings": spec.settings.model_dump(mode="json"), "code": str(copy.code)}
        trials = TryOut("try_network_worker", {**request, "digest": False}, {"PYTHONHASHSEED": "1"})
        try:
            again = TryOut("try_network_worker", {**request, "digest": True}, {"PYTHONHASHSEED": "2"})
            try:
                tried = trials.result(seconds)
                built = again.result(seconds) if tried.of("done") else None
            finally:
                again.kill()
        finally:
            trials.kill()
    yield from _faults(tried, built)


def _faults(tried: TriedOut, built: TriedOut | None) -> Iterator[tuple[str, Severity, str]]:
    for code, severity, message in tried.faults(ends="network-ends"):
        yield code, cast(Severity, severity), message
    for defect in built.of("defect") if built else ():
        raise RuntimeError(f"building a network again failed:\n{defect['trace']}")
    starts = {str(event["digest"]) for one in (tried, built) if one is not None for event in one.of("built")}
    if len(starts) > 1:
        says = "two builds with one seed, each in a process of its own, differ: it must depend on nothing but its "
        says += "options, the seed and the context, and not on the order of a set"
        yield "network-build-differs", "error", says


def _finding(spec: RunSpec, code: str, severity: Severity, message: str) -> Finding:
    network = spec.settings.network
    says = message if message.startswith(network) else f"{network}: {message}"
    return Finding(code, severity, spec.experiment, ("network",), says)
