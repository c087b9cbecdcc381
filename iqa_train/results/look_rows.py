"""Puts the looks of a design into the rows of a study's results: verdicts, sequential p, intervals for all looks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import StatisticsError, correlation

from iqa_train.results.comparison import values_compared
from iqa_train.results.look_text import progress_text
from iqa_train.results.looks import StudyLooks
from iqa_train.results.table import ResultRow
from iqa_train.results.verdict import is_better
from iqa_train.runs.design_file import SealedDesign
from iqa_train.stats.look_decisions import Track
from iqa_train.text import join_names, plural

_FEWEST_PAIRS = 3

STOPPING = "a difference at which seeds stop is drawn away from zero by stopping"


def with_looks(rows: Sequence[ResultRow], looks: StudyLooks, notes: Sequence[tuple[str, ...]]) -> list[ResultRow]:
    """The rows with the verdicts of the looks; before the first look there is none. `notes` are those to keep."""
    base = next((row.values_by_seed for row in rows if row.experiment == looks.design.baseline), {})
    return [
        row
        if row.experiment not in looks.tracks or row.reported
        else _row(replace(row, notes=(*kept, *_pairing(row, base, looks))), looks)
        for row, kept in zip(rows, notes, strict=True)
    ]


def look_notes(looks: StudyLooks) -> tuple[str, ...]:
    """How p and intervals account for the looks, and where the study is in its design."""
    design = looks.design
    date = design.sealed_at.partition("T")[0]
    some = f"looks at {design.min_seeds} to {design.max_seeds} seeds"
    if design.open_ended:
        some = f"looks from {plural(design.min_seeds, 'seed')} on, without a last one"
    sealed = f"design of {date}, before the first result" if date and not design.exploratory else "design"
    level = f"{100 * (1 - design.alpha):g} %"
    return (
        f"{sealed}: {some}; p counts all looks, and intervals of differences hold at every look ({level})",
        STOPPING,
        progress_text(looks),
    )


def beside_looks(rows: Sequence[ResultRow]) -> tuple[str, ...]:
    """Which external rows are tested beside the looks: nobody can add a seed to them."""
    names = [row.experiment for row in rows if row.external and row.p is not None]
    if not names:
        return ()
    return (f"{join_names(names)}: external and no part of the design; p and interval do not count the looks",)


def beyond_design(rows: Sequence[ResultRow], looks: StudyLooks) -> str:
    """Why verdicts are exploratory although the design was kept: there are more seeds than it has; "" if not."""
    if looks.design.open_ended:
        return ""
    most = max((len(row.seeds) for row in rows if not row.reported), default=0)
    return f"the design ended at {plural(looks.design.max_seeds, 'seed')}" if most > looks.design.max_seeds else ""


def _row(row: ResultRow, looks: StudyLooks) -> ResultRow:
    track, design = looks.tracks[row.experiment], looks.design
    plain = replace(
        row, p=None, p_holm=None, p_williams=None, zou_interval=None, distinguishable=None, higher=None, better=None,
        holds_to=None, at_most=None, p_same=None, p_same_holm=None, same=None, seeds_needed=None, seeds_limit=None,
    )  # fmt: skip
    if row.experiment not in looks.last:
        note = f"no verdict yet: the first look is at {plural(design.min_seeds, 'seed')}"
        return replace(plain, delta_interval=None, notes=(*row.notes, note))
    at, margin = looks.last[row.experiment], design.margins.get(design.metric)
    differs = track.decision in {"different", "both"}
    contrast = at.judgement.contrast
    return replace(
        plain,
        delta=at.difference,
        compared=values_compared(contrast, {seed: row.values_by_seed[seed] for seed in at.seeds}),
        delta_interval=looks.repeated_interval(row.experiment),
        p=at.anytime.p() if design.open_ended else at.law.p(at.difference),
        p_holm=track.q_holm,
        p_sequential=track.q,
        p_same=track.q_within,
        p_same_holm=track.q_within_holm,
        distinguishable=differs,
        scope=at.judgement.scope,
        borrowed="",
        covers=f"the first {plural(len(at.seeds), 'seed')} of the design",
        higher=at.difference > 0 if differs else None,
        better=is_better(at.difference, design.metric) if differs else None,
        margin=margin,
        same=None if margin is None else track.decision in {"same", "both"},
        at_most=looks.at_most(row.experiment),
        look=len(at.seeds),
        decision=track.decision,
        differences_by_seed=dict(zip(contrast.shared, map(float, contrast.differences), strict=True)),
        provisional=False,  # runs of the next round change nothing of this look
        epoch=None,
        standing=None,
        notes=(*row.notes, *_stopped(track, design)),
    )


def _pairing(row: ResultRow, base: Mapping[int, float], looks: StudyLooks) -> tuple[str, ...]:
    """How alike runs with the same seed are: without pairing, 1 / (1 - rho) times the seeds would be needed."""
    at = looks.last.get(row.experiment)
    seeds = [seed for seed in (at.seeds if at else ()) if seed in base and seed in row.values_by_seed]
    if len(seeds) < _FEWEST_PAIRS:
        return ()
    try:
        rho = correlation([row.values_by_seed[seed] for seed in seeds], [base[seed] for seed in seeds])
    except StatisticsError:  # one of them is constant
        return ()
    words = f"runs with the same seed correlate {rho:+.2f} with {looks.design.baseline}'s over {len(seeds)} seeds"
    if 0 < rho < 1:
        return (f"{words}: without pairing, {1 / (1 - rho):.1f} times the seeds would be needed",)
    return (f"{words}: pairing saves no runs",)


def _stopped(track: Track, design: SealedDesign) -> tuple[str, ...]:
    """Why one that was given up gets no more seeds; the verdict says that it was, and at how many."""
    if track.decision != "given up":
        return ()
    return (f"given up since a verdict by {plural(design.max_seeds, 'seed')} was unlikely",)
