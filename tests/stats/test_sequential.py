"""Looks after every round of seeds: the law of the smallest p, and what a look decides."""

from math import inf

import pytest

from iqa_train.stats.look_decisions import LookRule, Looks, Measured, chance_different, chance_same, next_look, no_looks
from iqa_train.stats.sequential import smallest_p

RULE = LookRule(first=3, last=10)
SHOWN, WEAK = Measured(1e-5), Measured(0.5)


@pytest.mark.parametrize(
    ("first", "last", "sided", "level", "level_of_four"),
    [(3, 10, 2, 0.0173, 0.0048), (2, 5, 2, 0.0236, 0.0076), (3, 10, 1, 0.0168, 0.0045), (2, 5, 1, 0.0226, 0.0066)],
)
def test_nominal_levels_are_those_of_an_independent_simulation(
    first: int, last: int, sided: int, level: float, level_of_four: float
) -> None:
    law = smallest_p(first, last, sided=sided)
    assert law.level(0.05) == pytest.approx(level, rel=0.04)
    assert law.level(0.0125) == pytest.approx(level_of_four, rel=0.04)


@pytest.mark.parametrize(("first", "last", "edge", "power"), [(3, 10, 0.00143, 1.10), (2, 5, 0.00272, 1.29)])
def test_the_tail_is_that_of_an_independent_simulation(first: int, last: int, edge: float, power: float) -> None:
    """The 200th of 60,000 values has a standard error of 7 %."""
    law = smallest_p(first, last)
    assert (law.edge, law.exponent) == (pytest.approx(edge, rel=0.15), pytest.approx(power, rel=0.08))


@pytest.mark.parametrize("sided", [1, 2])
@pytest.mark.parametrize("experiments", [1, 2, 4, 50])
def test_level_and_chance_are_inverse(experiments: int, sided: int) -> None:
    law = smallest_p(3, 6, experiments, sided=sided)
    for chance in (1e-6, 1e-4, 1 / 300, 0.01, 0.05, 0.5):
        assert law.chance(law.level(chance)) == pytest.approx(chance, rel=1e-4)
    levels = [law.chance(p) for p in (0.0, 1e-9, 1e-4, law.edge, 0.01, 0.5, 1.0)]
    assert levels == sorted(levels) and levels[0] == 0 and levels[-1] == 1


def test_a_single_look_at_one_experiment_leaves_p_as_it_is() -> None:
    law = smallest_p(4, 4, 1)
    assert law.chance(0.05) == pytest.approx(0.05, rel=0.03) and law.chance(1e-4) == pytest.approx(1e-4, rel=0.3)


def test_a_single_look_at_several_makes_use_of_what_their_variances_say_together() -> None:
    """Two degrees of freedom for those of three others are few, so that p alone is cautious if all vary alike."""
    assert 0.03 < smallest_p(4, 4, 4).chance(0.05) < 0.045


def test_more_looks_ask_for_more() -> None:
    assert smallest_p(3, 10).level(0.05) < smallest_p(3, 5).level(0.05) < smallest_p(3, 3).level(0.05)


def test_one_experiment_alone_has_nothing_to_borrow_and_other_levels() -> None:
    """Two degrees of freedom at its first look, which later looks resemble less."""
    assert smallest_p(3, 10, 1).level(0.05) < 0.8 * smallest_p(3, 10, 4).level(0.05)


def looked(*rounds: dict[str, Measured], rule: LookRule = RULE) -> Looks:
    looks = no_looks(rule, ["A", "B", "C"])
    for seeds, found in enumerate(rounds, rule.first):
        looks = next_look(looks, seeds, found)
    return looks


def decisions(looks: Looks) -> dict[str, str | None]:
    return {name: track.decision for name, track in looks.tracks.items()}


def test_an_experiment_stops_at_its_verdict_and_keeps_its_p() -> None:
    first = looked({"A": SHOWN, "B": WEAK, "C": WEAK})
    assert decisions(first) == {"A": "different", "B": None, "C": None} and first.open == ["B", "C"]
    second = next_look(first, 4, {"A": WEAK, "B": WEAK, "C": WEAK})
    assert second.tracks["A"].q == first.tracks["A"].q and second.tracks["A"].stopped == 3


def test_the_smallest_p_of_all_looks_counts() -> None:
    looks = looked({"A": WEAK, "B": Measured(0.01), "C": WEAK}, {"A": WEAK, "B": WEAK, "C": WEAK})
    assert looks.tracks["B"].p == 0.01 and looks.tracks["B"].q == pytest.approx(0.028, abs=0.006)


def test_an_experiment_that_is_not_measured_counts_as_one_of_the_family() -> None:
    p = smallest_p(3, 10, 3).level(0.02)
    alone, beside = looked({"A": Measured(p)}), looked({"A": Measured(p), "B": SHOWN, "C": SHOWN})
    assert decisions(alone)["A"] is None and decisions(beside)["A"] == "different"
    assert alone.tracks["B"].q is None


def test_one_that_was_given_up_is_decided_when_others_leave_it_the_level() -> None:
    p, weak = smallest_p(3, 10, 3).level(0.02), Measured(0.5, chance=0.5)
    first = looked({"A": weak, "B": weak, "C": weak}, {"A": Measured(p, chance=0.01), "B": weak, "C": weak})
    assert decisions(first) == {"A": "given up", "B": None, "C": None} and first.tracks["A"].stopped == 4
    after = next_look(first, 5, {"B": SHOWN, "C": SHOWN})
    assert decisions(after) == {"A": "different", "B": "different", "C": "different"} and not after.open


def test_nothing_is_given_up_at_the_first_look_or_with_a_chance() -> None:
    poor, fair = Measured(0.9, chance=0.01), Measured(0.9, chance=0.11)
    assert looked({"A": poor}).open == ["A", "B", "C"]
    assert decisions(looked({"A": poor, "B": fair}, {"A": poor, "B": fair}))["A"] == "given up"
    assert decisions(looked({"A": poor, "B": fair}, {"A": poor, "B": fair}))["B"] is None
    assert looked({"A": poor}, {"A": poor}, rule=LookRule(3, 10, give_up=0.0)).open == ["A", "B", "C"]


def test_the_same_within_the_margin_and_both() -> None:
    looks = looked({"A": Measured(0.6, 1e-5), "B": Measured(1e-5, 1e-5), "C": Measured(0.6, 0.4)})
    assert decisions(looks) == {"A": "same", "B": "both", "C": None}
    assert decisions(looked({"A": Measured(0.6)})) == {"A": None, "B": None, "C": None}


def test_chances_by_the_last_look() -> None:
    assert chance_different(0.0, 1.0, 5, 10, inf) == 0 and chance_different(0.0, 1.0, 5, 10, 0.0) == pytest.approx(1)
    assert chance_different(1.0, 1.0, 5, 10, 1.0) == pytest.approx(0.5, abs=1e-6)
    assert chance_different(-1.0, 1.0, 10, 10, 0.5) == 1 and chance_different(0.2, 0.0, 5, 10, 0.5) == 0
    assert chance_same(0.0, 1.0, 5, 10, 0.5, 0.4) == 0 and chance_same(0.0, 1e-9, 5, 10, 0.5, 0.6) == pytest.approx(1)
    assert chance_same(0.05, 0.0, 5, 10, 0.5, 0.6) == 1 and chance_same(0.2, 0.0, 5, 10, 0.5, 0.6) == 0
