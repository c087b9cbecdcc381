"""What counts as declared of a study's verdicts: what was sealed before its first result, else what its file says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from iqa_train.files import DamagedFileError
from iqa_train.runs.design_file import SealedDesign, changes, first_result, read_design
from iqa_train.runs.seal_design import design_of_file
from iqa_train.study.design import PRIMARY
from iqa_train.study.model import Study


@dataclass(frozen=True)
class Declared:
    """The primary metric, the margins by metric, and the design where seeds are run until every verdict is decided.

    `exploratory` says why verdicts promise nothing, "" where they do.
    """

    metric: str = PRIMARY
    margins: Mapping[str, float] = field(default_factory=dict)
    design: SealedDesign | None = None
    exploratory: str = ""


def declared_for(runs_dir: Path, name: str, study: Study | None) -> Declared:
    """What counts for the study `name`; `study` is the file that declares it, if one does."""
    now = None if study is None else design_of_file(study, name)
    try:
        sealed = read_design(runs_dir, name)
    except DamagedFileError as error:
        return _of(now, str(error), study)
    if sealed is None and now is None:
        return _of(None, "", study)
    first = first_result(runs_dir, name)
    if sealed is None:
        why = "" if first is None else f"declared after the first result ({first.experiment}, seed {first.seed})"
        return _of(now, why and f"the design was {why}", study)
    if study is not None and (changed := changes(sealed, now)):
        if first is None:
            return _of(now, "", study)
        return _of(sealed, f"the design was changed after the first result: {changed}", study)
    return _of(sealed, sealed.exploratory and f"the design was {sealed.exploratory}", study)


def _of(counts: SealedDesign | None, exploratory: str, study: Study | None) -> Declared:
    if counts is None:
        return Declared((study.primary if study else "") or PRIMARY, exploratory=exploratory)
    return Declared(counts.metric, counts.margins, counts if counts.looks else None, exploratory)
