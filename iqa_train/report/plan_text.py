"""A plan in words and tables, for a terminal."""

import textwrap
from collections.abc import Sequence

from iqa_train.report.numbers import NONE
from iqa_train.results.plan import EffectRow, HoursPlan, Plan
from iqa_train.stats.registry import METRICS
from iqa_train.stats.spending import FIRST_SEEDS
from iqa_train.text import format_duration, join_names, plural

_WIDEST = 110

Cells = Sequence[Sequence[str]]


def plan_blocks(plan: Plan, study: str, first_seed: int) -> list[list[str] | tuple[Sequence[str], Cells]]:
    """Blocks from top to bottom: sentences, or the head and the rows of a table."""
    m = len(plan.inputs.experiments)
    head = f"{study}: what {METRICS[plan.inputs.metric].label} can show of {plural(m, 'experiment')} against "
    head += f"{plan.inputs.baseline}, with 80 % power after Holm's correction"
    head += f" ({plan.inputs.units})" if plan.inputs.units else ""
    if plan.spread is None:
        return [[head], pilot(plan, first_seed)]
    blocks: list[list[str] | tuple[Sequence[str], Cells]] = [[head], _known(plan), _table(plan), _limits(plan)]
    blocks.append(_effects(plan))
    if plan.hours is not None:
        blocks += _spending(plan, plan.hours)
    return blocks


def pilot(plan: Plan, first_seed: int) -> list[str]:
    """What to run first, where nothing is known of the spread over seeds."""
    base, done = plan.inputs.baseline, plan.inputs.done.get(plan.inputs.baseline, 0)
    seeds = sorted({*plan.inputs.used, *range(first_seed, first_seed + FIRST_SEEDS)})[: max(FIRST_SEEDS, done)]
    runs = max(0, FIRST_SEEDS - done)
    each = plan.inputs.times.seconds.get(base)
    cost = f", about {format_duration(each * runs)}" if each else ""
    known = "no run of it has finished" if not any(plan.inputs.done.values()) else "no two seeds can be compared"
    return [
        f"There is nothing to plan from: {known}, so it is not known how much a difference varies from seed to seed.",
        f"A pilot of three seeds of the baseline would show it ({plural(runs, 'run')}{cost}); the spread of its runs "
        "times sqrt(2) is about that of a difference:",
        f"iqa-train --exp {base} --seeds {' '.join(map(str, seeds))}",
    ]


def wrapped(lines: Sequence[str], width: int | None) -> list[str]:
    """Sentences within `width`."""
    room = max(40, min(width or _WIDEST, _WIDEST))
    return [
        part
        for line in lines
        for part in textwrap.wrap(line, room, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)
    ]


def _known(plan: Plan) -> list[str]:
    inputs, spread, ends = plan.inputs, plan.spread, plan.sd_range
    assert spread is not None and ends is not None and inputs.seed is not None
    interval = f"95 %: {_size(ends[0])} to {_size(ends[1])}, {plural(round(inputs.seed.degrees), 'degree')} of freedom"
    lines = [f"From seed to seed a difference varies by {_size(inputs.seed.variance**0.5)} (SD; {interval})."]
    if inputs.basis == "pilot":
        lines[0] += f" From the runs of {inputs.baseline} alone: sqrt(2) times their SD, as if pairs did not correlate."
    assumed = "; assumed to be the usual part of what they do to two runs" if inputs.images_assumed else ""
    if spread.shared > 0:
        lines.append(f"Whatever the number of seeds, the test images add {_size(spread.shared**0.5)} (SD{assumed}).")
    else:
        lines.append("What the test images add whatever the number of seeds is too small to be seen in these runs.")
    if (whole := inputs.times.round) is not None:
        range_ = plan.round_range
        between = (
            f" (95 %: {format_duration(range_[0] * 3600)} to {format_duration(range_[1] * 3600)})"
            if range_
            else " (no experiment was timed twice, so it is not known how much this varies)"
        )
        text = f"A round, one seed of each experiment, takes {format_duration(whole)} of a device{between}."
        if inputs.times.assumed:
            text += f" {join_names(inputs.times.assumed)} not timed yet: taken from the others or the study file."
        lines.append(text)
    if plan.runs_saved is None:
        lines.append(
            f"Whether common seeds save runs is not known yet ({plural(inputs.pairs, 'pair')} of runs; from 8 on it is)"
        )
    else:
        lines.append(
            f"Runs with a common seed correlate by {inputs.rho:.2f} ({inputs.pairs} pairs): without common seeds, "
            f"{plan.runs_saved:.1f} times as many runs would be needed. Best number of seeds of {inputs.baseline} for "
            f"each of the others': {plan.baseline_share:.1f}."
        )
    return lines


def _table(plan: Plan) -> tuple[Sequence[str], Cells]:
    head = ["Seeds", "Runs", "To do", "Hours", "Smallest difference", "95 %", "With twice the images"]
    cells = [
        [
            str(row.seeds),
            str(row.runs),
            str(row.to_do),
            NONE if row.hours is None else _hours(row.hours),
            _size(row.smallest),
            f"{_size(row.range[0])} to {_size(row.range[1])}",
            _size(row.twice_images),
        ]
        for row in plan.rows
    ]
    return head, cells


def _limits(plan: Plan) -> list[str]:
    if plan.floor is None or plan.floor_twice_images is None or plan.smallest_margin is None:
        lines = ["So neither a floor below which seeds do not help nor a smallest margin can be given."]
    else:
        lines = [
            f"No number of seeds shows less than {_size(plan.floor)}; with twice the test images, none shows less than "
            f"{_size(plan.floor_twice_images)}. The smallest margin within which equality can be shown is "
            f"{_size(plan.smallest_margin)}."
        ]
    if plan.images_from is None:
        lines.append("Up to 20 seeds, twice the seeds bring more than twice the test images: buy seeds.")
    elif plan.images_from <= FIRST_SEEDS:
        lines.append("From three seeds on, twice the test images bring more than twice the seeds: buy images.")
    else:
        lines.append(
            f"Below {plan.images_from} seeds, twice the seeds bring more than twice the test images; from there on, "
            "images bring more."
        )
    return lines


def _effects(plan: Plan) -> tuple[Sequence[str], Cells]:
    return ["Experiment", "To be found", "Seeds for 80 %", ""], [
        [
            row.experiment,
            _size(row.difference) + ("" if row.declared else " (not declared)"),
            NONE if row.seeds is None else str(row.seeds),
            _remark(row),
        ]
        for row in plan.effects
    ]


def _remark(row: EffectRow) -> str:
    if row.images > 1:
        return f"below the floor of {_size(row.floor)}: needs {row.images:.1f} times the test images"
    return "more than 20 seeds" if row.seeds is None else ""


def _spending(plan: Plan, hours: HoursPlan) -> list[list[str] | tuple[Sequence[str], Cells]]:
    base = plan.inputs.baseline
    if not hours.spending.enough:
        need = format_duration(hours.spending.seconds)
        return [[f"{hours.hours:g} hours do not pay for three seeds of each experiment, which take {need}."]]
    equal = plural(hours.seeds or 0, "seed") + " of each" if hours.seeds else "as many of each"
    lines = [f"With {hours.hours:g} hours: {equal}, or each further seed where it adds most to the sum of the powers."]
    if hours.hours * 3600 - hours.spending.seconds > (plan.inputs.times.round or 0.0):
        lines.append(f"That takes {format_duration(hours.spending.seconds)}; further seeds add nothing.")
    head = ["Experiment", f"Power with {equal}", "Seeds where they add most", "Power then"]
    cells = [[base, "", str(hours.spending.baseline), ""]]
    for name, seeds in zip(plan.inputs.experiments, hours.spending.seeds, strict=True):
        cells.append([name, _percent(hours.powers[name]), str(seeds), _percent(hours.spending_powers[name])])
    return [lines, (head, cells)]


def _size(value: float) -> str:
    return f"{value:.4f}" if value < 1 else f"{value:.3g}"


def _hours(value: float) -> str:
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"
