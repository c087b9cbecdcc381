"""Verdicts as text: the headline above a table, and each experiment's verdict with its reasons."""

from dataclasses import dataclass

from iqa_train.report.columns import DAGGER, is_baseline, metric_name, verdict_cell
from iqa_train.report.numbers import given_span, measured, p_words, span
from iqa_train.results.contribution import contributions
from iqa_train.results.table import ResultRow, StudyResults
from iqa_train.results.verdict import verdict_text
from iqa_train.text import join_names, plural

DASH = "\u2013"
SECONDARY = "secondary, not adjusted for the number of metrics"
OF_RUNS = "one seed: runs, not components"


@dataclass(frozen=True)
class VerdictText:
    """An experiment's verdict with its reasons, a sentence each."""

    experiment: str
    title: str
    sentences: tuple[str, ...]
    notes: tuple[str, ...] = ()  # the sentences that are neither verdict nor test

    @property
    def name(self) -> str:
        """The experiment with its title."""
        return f"{self.experiment}, {self.title}" if self.title else self.experiment


def headline(results: StudyResults) -> str:
    """Study, title, metric, test images; what is compared with, if not the baseline; and whether it is secondary."""
    named = f"{results.study}: {results.title}" if results.title else results.study
    counts = {row.images for row in results.rows if row.images is not None and not row.reported}
    on = results.dataset
    if len(counts) == 1:
        count = counts.pop()
        on = plural(count, "test image") + (f" of {on}" if on else "")
    text = f"{named} {DASH} {metric_name(results.metric)}" + (f" on {on}" if on else "")
    text += f", differences from {results.against}" if results.against else ""
    return f"{text} ({SECONDARY})" if is_secondary(results) else text


def is_secondary(results: StudyResults) -> bool:
    """Whether verdicts are of another metric than the primary one."""
    return results.secondary and any(row.p is not None for row in results.rows)


def all_reasons(results: StudyResults) -> list[VerdictText]:
    """Verdicts in table order; reported values come last, grouped by source."""
    rows = [row for row in results.rows if not row.reported]
    found = [VerdictText(row.experiment, row.title, tuple(_sentences(row, results)), row.notes) for row in rows]
    sources: dict[tuple[str, ...], list[str]] = {}
    for row in results.rows:
        if row.reported:
            name = row.experiment + DAGGER + (f" ({row.title})" if row.title else "")
            sources.setdefault((f"reported: {row.source}" if row.source else "reported", *row.notes), []).append(name)
    found += [VerdictText(", ".join(names), "", sentences, sentences[1:]) for sentences, names in sources.items()]
    return [reasons for reasons in found if reasons.sentences]


def of_runs(results: StudyResults) -> str:
    """Which differences are of runs only, for the head of contributions; "" where none is."""
    names = [row.experiment for row in results.rows if row.scope == "runs"]
    tested = [row for row in results.rows if row.scope is not None]
    if not names:
        return ""
    return OF_RUNS if len(names) == len(tested) else f"{OF_RUNS} ({join_names(names)})"


def what_is_gained(results: StudyResults) -> str:
    """The explanation above the contributions."""
    only, name = of_runs(results), metric_name(results.metric)
    effect = (
        f"Effect on {name} of what each experiment changes: positive, the baseline scores higher with it; negative, "
    )
    return f"{effect}lower." + (f" {capitalised(only)}." if only else "")


def capitalised(text: str) -> str:
    """`text` as the start of a sentence; a p value and the name of a setting keep their small letters."""
    first = text.partition(" ")[0]
    return text if first == "p" or "_" in first else text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """`text` as a sentence, with its full stop."""
    return capitalised(text) + ("" if text.endswith((".", "!", "?", ":")) else ".")


@dataclass(frozen=True)
class ContributionText:
    """A contribution as text: factor, experiment, size, and a remark."""

    label: str
    experiment: str
    gain: str
    remark: str


def gains(results: StudyResults) -> list[ContributionText]:
    """The contributions of all experiments, single-factor ones first."""
    found = []
    for one in contributions(results):
        remarks = [_which_is_better(results.row(one.experiment))]
        gain = measured(one.gain, one.interval, signed=True)
        found.append(ContributionText(one.label, one.experiment, gain, ", ".join(filter(None, remarks))))
    return found


def _which_is_better(row: ResultRow) -> str:
    """The verdict with the experiment's name, since beside it stands what the baseline gains."""
    return verdict_cell(row).replace("different: ", f"different: {row.experiment} ") or "not tested"


def second_opinion(row: ResultRow) -> str:
    """The analytic tests, beside the bootstrap."""
    parts = [p_words(row.p_williams, "Williams' p")]
    if row.zou_interval is not None:
        parts.append(f"Zou's interval {span(row.zou_interval, signed=True)}")
    parts.append(p_words(row.p_delong, "DeLong's p (takes pairs of images as independent)"))
    return "; ".join(filter(None, parts))


def why(row: ResultRow) -> str:
    """Why the difference counts as significant or not."""
    if row.distinguishable is None or row.p_holm is None:
        return ""
    p = f"{p_words(row.p_holm)} after Holm's correction"
    if row.distinguishable:
        return p
    low, high = row.delta_interval or (0.0, 0.0)
    return f"{p}, and the interval of the difference contains zero" if low <= 0 <= high else p


def seeds_covered(row: ResultRow, results: StudyResults) -> str:
    """Which seeds the difference is over, where rows differ in that."""
    tested = [one for one in results.rows if one.p is not None]
    mixed = len({one.covers for one in tested}) > 1 or len({one.seeds for one in (*tested, *_base(results))}) > 1
    return f"over {row.covers}" if row.covers and row.p is not None and mixed else ""


def pairs_won(row: ResultRow) -> str:
    """With how many shared seeds the value is higher: a description, not a test (as Agarwal et al. 2021 show it)."""
    pairs = list(row.differences_by_seed.values())
    if len(pairs) < 2 or row.p is None or row.scope != "component":
        return ""
    return f"higher with {sum(one > 0 for one in pairs)} of {len(pairs)} seeds"


def _base(results: StudyResults) -> list[ResultRow]:
    return [] if results.baseline_row is None else [results.baseline_row]


def look_words(row: ResultRow) -> str:
    """What the last look of a design decided; "" without a design."""
    if row.look is None:
        return ""
    what = "still open" if row.decision is None else "given up" if row.decision == "given up" else "decided"
    return f"{what} at {plural(row.look, 'seed')}"


def expectation(row: ResultRow) -> str:
    """The expectation declared in the study file, and the position of the difference; nothing before there is one."""
    parts = []
    if row.standing is not None or row.epoch is not None:
        return ""
    if row.expected is not None:
        parts.append(given_span(row.expected))
    if row.expected_delta is not None:
        lies = f" ({row.delta_position})" if row.delta_position else ""
        parts.append(f"a difference of {given_span(row.expected_delta, signed=True)}{lies}")
    return f"expected: {', '.join(parts)}" if parts else ""


def factors(row: ResultRow) -> str:
    """A warning if several factors change together."""
    if len(row.factors) < 2 or row.reported:
        return ""
    return f"changes {len(row.factors)} factors together: {', '.join(row.factors)}"


def _sentences(row: ResultRow, results: StudyResults) -> list[str]:
    base = is_baseline(row, results)
    verdict = verdict_text(row, results.baseline)
    verdict += f", with the seed spread borrowed from {row.borrowed}" if row.borrowed and row.p is not None else ""
    texts = [
        "what the others are compared with" if results.against else "the baseline",
        *([verdict] if row.expected or row.value is None or row.epoch is not None else []),
    ]
    if not base:
        texts = [
            verdict,
            "" if row.decision == "given up" else look_words(row),  # of which a note says why
            seeds_covered(row, results),
            pairs_won(row),
            expectation(row),
            why(row),
            second_opinion(row),
            factors(row),
        ]
    return [sentence for sentence in (*texts, *row.notes) if sentence]
