"""The part of `check` that runs a study's own losses, each in a process of its own, and says so before."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from iqa_train.cli.text import say
from iqa_train.datasets.catalogue import PUBLISHED
from iqa_train.runner.try_out import TryOut
from iqa_train.runs.code_copy import copy_code
from iqa_train.runs.layout import RunFolder
from iqa_train.study.code_reference import code_reference
from iqa_train.study.findings import Finding, Severity
from iqa_train.study.spec import RunSpec, Span
from iqa_train.text import join_names

_USUAL_RANGE = (0.0, 100.0)


def loss_findings(specs: Sequence[RunSpec], seconds: float) -> list[Finding]:
    """What trying the own losses of these runs finds; those that are the same are tried once.

    `seconds` is how long one may take. Raises RunError if no process can be started.
    """
    alike: dict[str, list[RunSpec]] = {}
    for spec in specs:
        if code_reference(spec.settings.loss_type) is not None and not (spec.code is not None and spec.code.missing):
            settings = spec.settings
            what = (settings.loss_type, settings.loss_options, spec.code, _range(spec), settings.batch_size)
            alike.setdefault(repr(what), []).append(spec)
    found: list[Finding] = []
    for group in alike.values():
        faults = list(_try(group[0], join_names([spec.experiment for spec in group], most=4), seconds))
        found += [
            Finding(code, severity, spec.experiment, ("loss_type",), message)
            for spec in group for code, severity, message in faults
        ]  # fmt: skip
    return found


def _range(spec: RunSpec) -> Span:
    if spec.source.score_range is not None:
        return spec.source.score_range
    facts = PUBLISHED.get(spec.settings.dataset)
    return facts.score_range if facts is not None else _USUAL_RANGE


def _try(spec: RunSpec, of: str, seconds: float) -> Iterator[tuple[str, Severity, str]]:
    """Code, severity and message of each fault."""
    name = spec.settings.loss_type
    say(f"running {name} ({of}) in a process of its own; --no-code leaves it out")
    with tempfile.TemporaryDirectory(prefix="iqa-train-check-") as folder:
        copy = RunFolder(Path(folder))
        copy_code(copy, {"code": spec.code.model_dump() if spec.code is not None else None})
        request = {
            "settings": spec.settings.model_dump(mode="json"), "code": str(copy.code), "score_range": _range(spec),
        }  # fmt: skip
        tried = TryOut("try_loss_worker", request).result(seconds)
    for code, severity, message in tried.faults(ends="loss-ends"):
        yield code, cast(Severity, severity), message if message.startswith(name) else f"{name}: {message}"
