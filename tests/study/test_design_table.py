"""[design], [study] margin and primary: what a study declares of its verdicts, and everything that can be wrong."""

import pytest

from iqa_train.errors import StudyError
from iqa_train.study.profiles import declaration_of
from iqa_train.study.resolve import resolve


def test_without_any_declaration_srcc_is_primary_and_there_is_no_margin(small):
    found = declaration_of(small())
    assert (found.metric, found.margins, found.design, found.is_made) == ("srcc", {}, None, False)


def test_the_margin_is_that_of_the_primary_metric_or_by_metric(small):
    assert declaration_of(small(head="margin = 0.002")).margins == {"srcc": 0.002}
    assert declaration_of(small(head='primary = "plcc"\nmargin = 0.003')).margins == {"plcc": 0.003}
    by_metric = declaration_of(small(head="margin = { srcc = 0.002, rmse_fit = 1 }"))
    assert by_metric.margins == {"srcc": 0.002, "rmse_fit": 1.0} and by_metric.is_made


def test_a_design_has_defaults(small):
    found = declaration_of(small(more="[design]\n"))
    design = found.design
    assert (design.min_seeds, design.max_seeds, design.alpha, design.give_up, design.budget_hours) == (
        3,
        10,
        0.05,
        0.1,
        0,
    )
    assert found.seeds == tuple(range(42, 52)) and found.metric == "srcc" and found.is_made


@pytest.mark.parametrize(
    ("head", "line", "seeds"),
    [
        ("", "", (42, 43, 44)),
        ("seeds = [7, 3]", "", (7, 3, 8)),
        ("seeds = [7, 3]", 'seeds = "5.."', (5, 6, 7)),
        ("", "seeds = [9, 1, 4, 2]", (9, 1, 4)),
    ],
)
def test_seeds_are_taken_in_order(small, head, line, seeds):
    study = small(head=head, more=f"[design]\nmax_seeds = 3\n{line}\n")
    assert declaration_of(study).seeds == seeds


def test_a_design_is_of_the_studys_primary_metric(small):
    found = declaration_of(small(head='primary = "plcc"', more="[design]\nmargin = 0.1\n"))
    assert (found.metric, found.margins) == ("plcc", {"plcc": 0.1})


def test_the_designs_margin_is_that_of_its_metric(small):
    study = small(head="margin = { srcc = 0.001 }", more='[design]\nmetric = "krcc"\nmargin = 0.004\n')
    assert declaration_of(study).margins == {"srcc": 0.001, "krcc": 0.004}
    assert declaration_of(study).metric == "krcc"


def test_a_profile_changes_what_it_names(small):
    study = small(
        head="margin = 0.002",
        more="[design]\nmax_seeds = 8\n[profiles.demo]\nepochs = 2\nstudy = { margin = 0.01 }\n"
        "design = { min_seeds = 4, max_seeds = 5 }\n[profiles.plain]\nepochs = 3\n",
    )
    demo, plain = declaration_of(study, "demo"), declaration_of(study, "plain")
    assert (demo.design.min_seeds, demo.design.max_seeds, demo.margins) == (4, 5, {"srcc": 0.01})
    assert (plain.design.max_seeds, plain.margins) == (8, {"srcc": 0.002})


def test_a_declaration_changes_no_settings_hash(small):
    declared = small(head='primary = "plcc"\nmargin = 0.002', more='[design]\nmetric = "plcc"\n')
    assert resolve(declared, "Base").config_hash == resolve(small(), "Base").config_hash


BAD_DESIGNS = [
    ("min_seed = 3", '[design]: unknown key "min_seed"; did you mean "min_seeds"'),
    ("min_seeds = 1", "min_seeds = 1 is out of range; allowed: at least 2, at most 100"),
    ("max_seeds = 2.5", "max_seeds = 2.5 is not a whole number; allowed: at least 2, at most 100"),
    ("min_seeds = 12", "max_seeds = 10 is less than min_seeds = 12, so there is no look"),
    ('metric = "scc"', '"scc" is not a metric; did you mean "srcc"'),
    ("metric = 3", "metric = 3 is not text; allowed: the name of a metric, such as srcc"),
    ("alpha = 0", "alpha = 0 is out of range; allowed: more than 0, at most 0.5"),
    ("margin = -0.1", "margin = -0.1 is out of range; allowed: at least 0"),
    ("give_up = 1", "give_up = 1 is out of range; allowed: at least 0, less than 1"),
    ("budget_hours = inf", "budget_hours = inf is not a finite number"),
    ('seeds = "42"', 'seeds = "42" is not an order of seeds; allowed: "42..", or a list of numbers'),
    ("seeds = [1, 2, 3]", "seeds lists 3 for max_seeds = 10; list one for each round"),
    ("seeds = [1, 1]", "seeds contains a seed twice; each runs once"),
    ("seeds = [-1]", "seeds = [-1] is not valid; allowed: a list of whole numbers"),
]


@pytest.mark.parametrize(("line", "words"), BAD_DESIGNS)
def test_a_bad_design_is_refused_in_a_sentence(small, line, words):
    with pytest.raises(StudyError) as raised:
        small(more=f"[design]\n{line}\n")
    assert words in str(raised.value) and len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("head", "more", "words"),
    [
        ("margin = 0", "", "[study]: margin = 0 is not valid; allowed: a number more than 0, or a table"),
        ("margin = { scc = 0.1 }", "", '[study]: "scc" is not a metric; did you mean "srcc"'),
        ("margin = { srcc = -0.1 }", "", "allowed: a number more than 0, or a table of such numbers by metric"),
        ('primary = "acc"', "", '[study]: "acc" is not a metric'),
        ("margn = 0.1", "", '[study]: unknown key "margn"; did you mean "margin"?'),
        ("", "[desing]\nalpha = 0.1", 'unknown table; did you mean "design"?'),
        ('primary = "plcc"', '[design]\nmetric = "srcc"', 'metric = "srcc" contradicts [study] primary = "plcc"'),
        ("margin = 0.1", "[design]\nmargin = 0.2", "margin = 0.2 contradicts [study] margin = 0.1"),
        ("", "[profiles.demo]\ndesign = { alpha = 2 }", "[profiles.demo]: design: alpha = 2 is out of range"),
        ('primary = "plcc"', '[profiles.demo]\ndesign = { metric = "krcc" }', "[profiles.demo]: design: metric"),
        ("", "[profiles.demo]\nstudy = { margin = 0 }", "[profiles.demo]: study: margin = 0 is not valid"),
    ],
)  # fmt: skip
def test_a_bad_declaration_is_refused_in_a_sentence(small, head, more, words):
    with pytest.raises(StudyError) as raised:
        small(head=head, more=f"{more}\n")
    assert words in str(raised.value)
