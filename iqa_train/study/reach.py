"""Findings on what a study can show: expected differences, ranges and margins against what seeds and images allow.

Before anything has run, the variances are assumptions (below); `iqa-train plan` has the measured ones.
"""

from collections.abc import Iterator
from math import sqrt
from statistics import NormalDist

from iqa_train.stats.planning import MOST_SEEDS, POWER, Spread, enough_seeds, floor, power, smallest_margin
from iqa_train.stats.power import ASSUMED_CORRELATION, TEST_IMAGES, difference_variance
from iqa_train.study.findings import Audited, Finding, span_text
from iqa_train.study.resolve import Resolved
from iqa_train.text import join_names, plural

ASSUMED_RUN_SD = 0.0025
"""The SD of a run's SRCC over seeds that is assumed before any has run; published ones are .001 to .004."""

ASSUMED_SHARED = 0.6
"""The part of the images' variance that all seeds have in common: an assumption, until several seeds show it."""

PILOT_SEEDS = 5
"""Seeds of the baseline that are proposed where every experiment has one."""

_DEFAULT_SRCC = 0.9
_FEWEST_INSIDE = 0.8  # of true values in a range, how many should be found in it


def out_of_reach(audited: Audited) -> Iterator[Finding]:
    """Expected differences that the study finds with less than 80 % power."""
    for run in audited.compared:
        delta, spread = run.spec.expect.delta, _assumed(audited, run)
        if delta is None or spread is None:
            continue
        given = _given(audited, run)
        least = floor(spread.shared, len(audited.compared))
        if delta[0] <= 0 <= delta[1]:
            says = (
                f"the expected difference of {run.spec.experiment} may be zero ({span_text(delta)}); no number of "
                f"seeds finds one below {least:.4f} with 80 % power ({given})"
            )
            yield Finding("underpowered", "note", run.spec.experiment, (), says)
        elif says := _weak(audited, run, spread, min(abs(delta[0]), abs(delta[1]))):
            yield Finding("underpowered", "warning", run.spec.experiment, (), f"{says} ({given})")


def narrow_ranges(audited: Audited) -> Iterator[Finding]:
    """Expected differences so narrow that the choice of test images alone leads out of them."""
    narrow = []
    for run in audited.compared:
        delta, spread = run.spec.expect.delta, _assumed(audited, run)
        if delta is None or spread is None:
            continue
        aside = (delta[1] - delta[0]) / 2 / sqrt(spread.shared)
        if 1 - 2 * NormalDist().cdf(-aside) < _FEWEST_INSIDE:
            narrow.append((run.spec.experiment, sqrt(spread.shared)))
    if narrow:
        deviation = max(sd for _, sd in narrow)
        says = (
            f"the expected difference of {join_names([name for name, _ in narrow])} is narrower than what the choice "
            f"of test images does to it (SD {deviation:.4f}, assumed): even in its middle, a true difference would be "
            "found outside in more than 20 of 100 studies, whatever the number of seeds"
        )
        yield Finding("narrow-expectation", "note", narrow[0][0] if len(narrow) == 1 else None, (), says)


def margin_too_small(audited: Audited) -> Iterator[Finding]:
    """A margin within which no number of seeds can show that there is no difference."""
    margin = audited.declared.margins.get("srcc")
    spreads = [spread for run in audited.compared if (spread := _assumed(audited, run)) is not None]
    if margin is None or not spreads:
        return
    least = smallest_margin(max(spread.shared for spread in spreads), len(audited.compared), _alpha(audited))
    if margin < least:
        says = (
            f"margin = {margin:g} is below {least:.4f}, the smallest within which any number of seeds shows with 80 % "
            f"power that there is no difference ({_given(audited, audited.compared[0])})"
        )
        yield Finding("margin-too-small", "warning", None, (), says)


def one_seed(audited: Audited) -> Iterator[Finding]:
    """A study that compares runs, and what would make it compare components."""
    if audited.declared.design or not audited.compared or any(audited.rounds(run) > 1 for run in audited.runs):
        return
    base, first = audited.baseline.spec.experiment, audited.seeds[0]
    seeds = " ".join(str(first + n) for n in range(PILOT_SEEDS))
    minutes = round(audited.minutes or 0)
    each = f" of about {plural(minutes, 'minute')} each" if minutes else ""
    says = (
        "with one seed each, runs can be compared but not components; five seeds of the baseline "
        f"({PILOT_SEEDS - 1} further runs{each}) show how much runs vary, which makes a test of every comparison: "
        f"iqa-train{audited.option} --exp {base} --seeds {seeds}"
    )
    yield Finding("one-seed", "note", None, (), says)


def _weak(audited: Audited, run: Resolved, spread: Spread, difference: float) -> str:
    """Why a difference may not be found; "" if it is found with 80 % power."""
    m, alpha = len(audited.compared), _alpha(audited)
    name, least = run.spec.experiment, floor(spread.shared, m, alpha)
    says = f"the expected difference of {name} may be as small as {difference:g}"
    if difference < least:
        return f"{says}, but no number of seeds finds one below {least:.4f} with 80 % power; more test images do"
    design = audited.declared.design
    seeds = design.max_seeds if design else audited.rounds(run)
    chance = power(difference, seeds, spread, m, level=alpha / m)
    if chance >= POWER:
        return ""
    enough = enough_seeds(difference, spread, m, most=MOST_SEEDS, level=alpha / m)
    needed = f"{enough} seeds find it with 80 % power" if enough else f"more than {MOST_SEEDS} seeds find it"
    if seeds == 1:
        return f"{says}, which one seed cannot show of a component; {needed}"
    return f"{says}, which {plural(seeds, 'seed')} find with a probability of {100 * chance:.0f} %; {needed}"


def _assumed(audited: Audited, run: Resolved) -> Spread | None:
    """The variances of a run's difference from the baseline; None where the test images are not known."""
    spec, expected = run.spec, audited.baseline.spec.expect.srcc
    images = TEST_IMAGES.get(spec.settings.dataset)
    if images is None or spec.source.csv:
        return None
    srcc = (expected[0] + expected[1]) / 2 if expected else _DEFAULT_SRCC
    of_images = difference_variance(srcc, images)
    interaction = (1 - ASSUMED_SHARED) * of_images
    return Spread(ASSUMED_SHARED * of_images, max(interaction, 2 * ASSUMED_RUN_SD**2), interaction)


def _given(audited: Audited, run: Resolved) -> str:
    m = len(audited.compared)
    of = f", {plural(m, 'experiment')}" if m > 1 else ""
    return (
        f"assuming {TEST_IMAGES[run.spec.settings.dataset]} test images, predictions that correlate at "
        f"{ASSUMED_CORRELATION:g}, and runs that vary by {ASSUMED_RUN_SD:g} (SD) over seeds{of}"
    )


def _alpha(audited: Audited) -> float:
    return audited.declared.design.alpha if audited.declared.design else 0.05
