"""Checks that relate tables of a study file: names that must be unique, and names that must exist."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from iqa_train.errors import did_you_mean
from iqa_train.study.messages import shown
from iqa_train.study.model import Profile, StudyHead
from iqa_train.study.problems import Problems, TomlTable

HEAD, DEFAULTS = TomlTable("study"), TomlTable("defaults")
SEEDS_BELONG = "seeds belong in [study] seeds"


def check_seeds(
    head: StudyHead | None, defaults: Mapping[str, Any], profiles: Mapping[str, Profile], problems: Problems
) -> None:
    """A seed in the settings must not contradict the study's seeds."""
    if head is None:
        return
    for place, values, seeds in (
        (DEFAULTS, defaults, head.seeds),
        *((TomlTable(f"profiles.{n}"), p.set, p.study.seeds or head.seeds) for n, p in profiles.items()),
    ):
        if "seed" in values and seeds is not None and seeds != (values["seed"],):
            says = f"seed = {shown(values['seed'])} contradicts seeds = {shown(list(seeds))}"
            profile = place.table.startswith("profiles.")
            belong = SEEDS_BELONG + (", or in the profile's study = { seeds = [...] }" if profile else "")
            problems.add(place, f"{says}; {belong}", "seed")
        if seeds is not None and len(set(seeds)) < len(seeds) and place is DEFAULTS:
            problems.add(HEAD, f"seeds = {shown(list(seeds))} contains a seed twice; each runs once", "seeds")


def check_references(raw: Mapping[str, Any], profiles: Mapping[str, Profile], problems: Problems) -> None:
    """Check names that must be unique and names that must exist, on the raw tables: a bad table hides no other."""
    tables = [t for t in _listed(raw.get("experiments")) if isinstance(t, dict)]
    ids = list(dict.fromkeys(id_of(table) for table in tables if id_of(table)))
    slugs = [str(table.get("slug", table.get("id", ""))) for table in tables]
    if "experiments" not in raw or raw["experiments"] == []:
        problems.add(None, 'no experiments; add [[experiments]] with at least id = "..."')
    _check_distinct("id", [id_of(table) for table in tables], problems)
    _check_distinct("slug", slugs, problems, unless=[id_of(table) for table in tables])
    head = raw.get("study")
    baseline = head.get("baseline") if isinstance(head, dict) else None
    external = {id_of(table) for table in tables if table.get("external")}
    if isinstance(baseline, str) and ids and baseline not in ids:
        problems.add(HEAD, f'baseline = "{baseline}" is not an experiment; {did_you_mean(baseline, ids)}', "baseline")
    elif isinstance(baseline, str) and baseline in external:
        says = f'baseline = "{baseline}" is external; allowed: an experiment that is run here (`results --against` '
        problems.add(HEAD, f"{says}compares with an external one)", "baseline")
    for name, profile in profiles.items():
        for experiment in profile.expect:
            if experiment not in ids:
                says = f'expect: "{experiment}" is not an experiment; {did_you_mean(experiment, ids)}'
                problems.add(TomlTable(f"profiles.{name}"), says, experiment)
    _check_batches(_listed(raw.get("batches")), ids, external, problems)


def _check_distinct(key: str, values: list[str], problems: Problems, unless: list[str] | None = None) -> None:
    """Names must differ in more than case, which some file systems ignore. `unless`: names already reported."""
    first: dict[str, int] = {}
    known = Counter(name.lower() for name in unless or [])
    for number, value in enumerate(values):
        earlier = first.setdefault(value.lower(), number)
        if not value or earlier == number or known[value.lower()] > 1:
            continue
        if values[earlier] == value:
            says = f'{key} "{value}" is used twice; every experiment needs its own'
        else:
            says = f'{key} "{value}" differs from "{values[earlier]}" only in case, which some file systems ignore'
        problems.add(TomlTable("experiments", number, (unless or values)[number]), says, key)


def _check_batches(tables: list[Any], ids: list[str], external: set[str], problems: Problems) -> None:
    names: set[str] = set()
    batch_of: dict[str, str] = {}
    for number, table in enumerate(tables):
        if not isinstance(table, dict):
            continue
        name = str(table.get("name", ""))
        place = TomlTable("batches", number, name)
        if name in names:
            problems.add(place, "name is used twice; every batch needs its own", "name")
        names.add(name)
        gpus = table.get("gpus")
        for experiment in gpus.values() if isinstance(gpus, dict) else []:
            if not isinstance(experiment, str):
                continue
            if experiment not in ids:
                says = f'gpus names the missing experiment "{experiment}"; {did_you_mean(experiment, ids)}'
                problems.add(place, says, "gpus")
            elif experiment in external:
                says = f'experiment "{experiment}" is external and needs no GPU; take it out of gpus'
                problems.add(place, says, "gpus")
            elif experiment in batch_of:
                where = f'also in batch "{batch_of[experiment]}"' if batch_of[experiment] != name else "there twice"
                problems.add(place, f'experiment "{experiment}" is {where}; each runs in one batch', "gpus")
            batch_of.setdefault(experiment, name)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def id_of(table: Mapping[str, Any]) -> str:
    """The id of an [[experiments]] table, "" where it has none."""
    name = table.get("id", "")
    return name if isinstance(name, str) else ""
