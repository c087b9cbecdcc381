"""A run's settings: differences from the baseline, the origin of each, and settings without effect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from iqa_train.errors import RunError, UserError
from iqa_train.report.run_page.json_fields import contents, value_at
from iqa_train.report.sections import Line, Section, prose
from iqa_train.results.factors import program_of
from iqa_train.runs.imported import Imported, imported_in
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.own_settings import with_own_settings
from iqa_train.runs.revision import revision_label
from iqa_train.runs.seeds import UNKNOWN_SEED
from iqa_train.runs.snapshot import RunSnapshot
from iqa_train.runs.specfile import read_spec, settings_from
from iqa_train.study.harness import HARNESS
from iqa_train.study.inert import inert
from iqa_train.study.messages import shown
from iqa_train.study.model import Study
from iqa_train.study.resolve import resolve_with_origins
from iqa_train.study.setting_fields import SETTINGS

_HEAD = ("Setting", "Value", "Baseline", "From")
_PROGRAM = "built-in default"
_TYPED = "given at start"
_ASSUMED = "assumed: not in the log"


@dataclass(frozen=True)
class Settings:
    """The known settings of a run, with their origins; `inert` says why a setting has no effect."""

    values: Mapping[str, Any] = field(default_factory=dict)
    differs: Mapping[str, Any] = field(default_factory=dict)  # name -> the baseline's value
    origins: Mapping[str, str] = field(default_factory=dict)
    inert: Mapping[str, str] = field(default_factory=dict)
    baseline: str = ""
    experiment: str = ""
    title: str = ""
    purpose: str = ""
    problem: str = ""
    program: str = ""  # the user's own that trains it; "" for this one
    revision: str = ""  # label of an earlier revision of network and losses; "" for this one


def settings_of(found: RunSnapshot, study: Study | None, profile: str | None) -> Settings:
    """From the spec.json of a run read whole, else from the study file; origins always come from the study file."""
    imported = imported_in(found.provenance)
    spec, problem = _spec(found, imported=imported is not None)
    filed, origins = _filed(found.run, study, profile)
    if not spec and filed:
        spec = filed
    spec, declared = with_own_settings(spec), with_own_settings(filed)
    values = value_at(spec, "settings")
    values = values if isinstance(values, dict) else {}
    differs = value_at(spec, "differs")
    return Settings(
        values=values,
        differs={k: v[0] for k, v in differs.items() if isinstance(v, list | tuple) and len(v) == 2}
        if isinstance(differs, dict)
        else {},
        origins=_origins(values, value_at(declared, "settings") or {}, origins, imported),
        inert={} if value_at(spec, "command") else _inert(values),
        program=program_of(spec),
        baseline=str(spec.get("baseline") or ""),
        experiment=str(spec.get("experiment") or found.run.experiment),
        title=str(spec.get("title") or ""),
        purpose=str(spec.get("purpose") or ""),
        problem=problem,
        revision=revision_label(spec, imported=imported is not None) if found.attempts else "",
    )


def differing_section(settings: Settings) -> Section:
    """The settings in which the run differs from the baseline."""
    title = f"Differs from {settings.baseline}" if settings.baseline else "Differs from the baseline"
    if not settings.values:
        return Section(title, (prose(settings.problem or "its settings are unknown", "error"),))
    if settings.experiment == settings.baseline:
        return Section(title, (prose("this is the baseline"),))
    lines = [_line(name, settings) for name in settings.values if name in settings.differs]
    if not lines:
        lines = [prose("no recorded setting differs" if settings.baseline else "it has no baseline")]
    return Section(title, tuple(lines), _HEAD if settings.differs else ())


def settings_sections(settings: Settings) -> list[Section]:
    """All settings, grouped as in --help; those of other versions last."""
    groups: dict[str, list[Line]] = {}
    for name in settings.values:
        group = SETTINGS[name].about.group if name in SETTINGS else "other versions"
        if settings.program and name not in HARNESS:
            group = "parameters of the command"
        groups.setdefault(f"Settings: {group}", []).append(_line(name, settings))
    sections = [Section(title, tuple(lines), _HEAD) for title, lines in groups.items()]
    if settings.inert and sections:
        why = [Line((name, reason), "inert") for name, reason in settings.inert.items()]
        sections.append(Section("Settings that have no effect here", tuple(why)))
    return sections


def _line(name: str, settings: Settings) -> Line:
    mark = "inert" if name in settings.inert else "differs" if name in settings.differs else ""
    other = shown(settings.differs[name]) if name in settings.differs else ""
    origin = settings.origins.get(name, "")
    if mark == "inert":
        origin = f"{origin}; no effect" if origin else "no effect"
    return Line((name, shown(settings.values[name]), other, origin), mark)  # type: ignore[arg-type]


def _spec(found: RunSnapshot, *, imported: bool) -> tuple[Mapping[str, Any], str]:
    """The readable part of spec.json, and what is wrong with it."""
    spec, problem = contents(found.spec)
    if problem or not spec:
        return {}, problem
    try:
        read_spec(found.run)  # all of it, with its hash
    except RunError as error:
        return spec, "" if imported else str(error)
    return spec, ""


def _filed(run: RunFolder, study: Study | None, profile: str | None) -> tuple[dict[str, Any], dict[str, str]]:
    """The run as the study file declares it now, and the layer each setting comes from."""
    if study is None or run.experiment not in study.ids or run.seed == UNKNOWN_SEED:
        return {}, {}
    try:
        resolved = resolve_with_origins(study, run.experiment, profile=profile, seed=run.seed)
    except (UserError, OSError):
        return {}, {}
    return resolved.spec.model_dump(mode="json"), resolved.origins


def _origins(
    values: Mapping[str, Any], filed: Mapping[str, Any], layers: Mapping[str, str], imported: Imported | None
) -> dict[str, str]:
    found = {}
    for name, value in values.items():
        if imported is not None:
            found[name] = _ASSUMED if name in imported.assumed else "log"
        elif name == "seed":
            found[name] = "seed of this run"
        elif filed and filed.get(name) == value:
            found[name] = layers.get(name, _PROGRAM)
        elif filed:
            found[name] = f"{_TYPED}; the study file now says {shown(filed.get(name))}"
    return found


def _inert(values: Mapping[str, Any]) -> dict[str, str]:
    settings = settings_from(values)
    return {} if settings is None else {rule.setting: rule.because for rule in inert(settings)}
