"""Names imported runs: the experiment of the study file whose slug or id begins the log's file name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from iqa_train.study.model import Study
from iqa_train.study.resolve import resolve

STUDY = "imported"
"""The default study of imported runs."""

_STAMP = re.compile(r"[_.-]?\d{8}[_-]\d{6}(-\d+)?$")
_LONGEST = 80


@dataclass(frozen=True)
class RunNames:
    """Names of an imported run; `baseline` is None for an experiment that is not in the study file.

    `about` holds the settings in which the experiment may differ from the baseline, with the baseline's values: those
    of the study file, or all for an experiment that is not in it.
    """

    experiment: str
    slug: str
    title: str = ""
    baseline: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def numbered(self, number: int) -> "RunNames":
        """The names for log number `number` with the same settings and seed; the first has no number."""
        if number == 1:
            return self
        title = f"{self.title} ({number})" if self.title else ""
        return replace(self, experiment=f"{self.experiment}-{number}", slug=f"{self.slug}-{number}", title=title)


def names_for(log: Path, study: Study, experiment: str | None = None) -> RunNames:
    """Names for the run in `log`, as the given `experiment` or by the file name.

    `A1_no_attention_lr5e7_20251223_092034.log` is A1 if the study file has that slug or id: the longest that the name
    begins with counts, if a word ends there. Otherwise the experiment is named after the log, without date and time.
    """
    stem = _STAMP.sub("", log.stem)
    for e in sorted(study.experiments, key=lambda e: -max(len(e.slug), len(e.id))):
        if experiment == e.id if experiment else _begins_with(stem, e.slug) or _begins_with(stem, e.id):
            return RunNames(e.id, e.slug, e.title, study.baseline, _about(study, e.id))
    name = experiment or _as_name(stem)
    return RunNames(name, name, about=_about(study, None))


def _about(study: Study, experiment: str | None) -> dict[str, Any]:
    base = resolve(study, study.baseline).settings.model_dump()
    named = set(base) if experiment is None else set(resolve(study, experiment).differs)
    return {name: value for name, value in base.items() if name in named and name != "seed"}


def _begins_with(stem: str, word: str) -> bool:
    return re.match(re.escape(word) + r"(?![A-Za-z0-9])", stem, re.IGNORECASE) is not None


def _as_name(stem: str) -> str:
    """`stem` as a folder name: unsuitable characters become hyphens."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).lstrip("._-")[:_LONGEST]
    return name or "log"
