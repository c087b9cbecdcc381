"""The study file's [[references]]: results known only as numbers, and everything that can be wrong with one."""

import subprocess
import sys

import pytest

from iqa_train.errors import StudyError, UsageError
from iqa_train.results.reported import FROM_N_ALONE, NO_INTERVAL, reference_row, reported_interval
from iqa_train.study.literature import dataset_of, groups_of, known_settings, references_of
from iqa_train.study.model import Reference

ONE = 'id = "paper"\nsrcc = 0.906\nsource = "a paper"\n'

# mission.md: recorded test SRCC, one run each
RECORDED = {
    "lr5e6": {"Baseline": 0.9354, "A1": 0.9323, "A2": 0.9296, "B1": 0.9212, "B2": 0.9332},
    "lr5e7": {"Baseline": 0.9378, "A1": 0.9353, "A2": 0.9338, "B1": 0.9249, "B2": 0.9338},
}
RATES = {5e-6: [0.9354], 3e-6: [0.9364], 1e-6: [0.9370, 0.9374], 5e-7: [0.9378], 1e-7: [0.9375]}
LOSSES = {"l1": 0.9375, "l2": 0.9373, "srcc": 0.9313, "rank": 0.9292, "pairwise": 0.9315}
ACROSS = {"spaq": 0.8698, "kadid-10k": 0.5412, "agiqa-3k": 0.6484}


def test_the_seeds_recorded_results_come_along(seed_study):
    for group, values in RECORDED.items():
        assert {r.experiment: r.srcc for r in references_of(seed_study, group=group)} == values
    rates: dict[float, list[float]] = {}
    for r in seed_study.references:
        told = known_settings(seed_study, r)
        if r.experiment == "Baseline" and r.dataset == "koniq-10k" and "loss_type" not in told:
            rates.setdefault(told["lr"], []).append(r.srcc)
    assert rates == RATES
    losses = references_of(seed_study, group="losses")
    assert {r.settings["loss_type"]: r.srcc for r in losses} == LOSSES
    assert {r.dataset: r.srcc for r in seed_study.references if r.study == "cross-dataset"} == ACROSS
    assert len(seed_study.references) == 22
    assert groups_of(seed_study) == ("lr5e6", "lr5e7", "lr-sweep", "losses", "cross-dataset")
    assert all(r.source for r in seed_study.references)
    assert {r.n for r in references_of(seed_study)} == {2010}  # 40,200 forwards of 20 crops each


def test_the_original_studys_floor_and_choice_on_test_are_stated(seed_study):
    for r in seed_study.references:
        told = known_settings(seed_study, r)
        assert (told["lr_floor"], told["lr_step"], told["select_on"]) == (1e-6, "epoch", "test")


def test_runs_that_differed_in_more_than_their_experiment_say_so(seed_study):
    told = {r.id: known_settings(seed_study, r) for r in seed_study.references}
    for id_, dropouts in (
        ("lr5e6-B1", (0.3, 0.4)), ("lr5e6-B2", (0.3, 0.4)), ("lr5e7-B1", (0.2, 0.3)), ("lr5e7-B2", (0.25, 0.35)),
    ):  # fmt: skip
        assert (told[id_]["drop_path_rate"], told[id_]["dropout_rate"]) == dropouts
    assert (told["loss-l1"]["lr"], told["loss-l1"]["epochs"]) == (1e-7, 15)
    assert {told[f"loss-{name}"]["lr"] for name in LOSSES if name != "l1"} == {5e-7}
    assert (told["lr-1e-6"]["epochs"], told["lr-1e-6"]["train_test_num"]) == (50, 10)
    sources = {r.study: r.source for r in seed_study.references}
    assert sources["cross-dataset"] == "seed study, its README and its paper"
    assert sources["lr5e7"] == "seed study, EXPERIMENTS_LOG_TRACKER.md"


def test_known_settings_are_those_of_the_experiment_with_the_references_own(small):
    study = small(
        ("A1", "set = { attention_fusion = false, lr = 1e-4 }"),
        more=f'[[references]]\n{ONE}experiment = "A1"\nsettings = {{ lr = 5e-6, lr_ratio = 10 }}\n',
    )
    told = known_settings(study, study.references[0])
    assert told == {"attention_fusion": False, "lr": 5e-6, "lr_ratio": 10.0}
    assert "model_size" not in told  # the study's defaults are not those of somebody else's table


def test_a_reference_needs_only_an_id_a_number_and_a_source(small):
    (reference,) = small(more=f"[[references]]\n{ONE}").references
    assert reference == Reference(id="paper", srcc=0.906, source="a paper", dataset="koniq-10k")
    assert small().references == ()


def test_they_do_not_appear_under_a_profile_of_other_data(seed_study, small):
    assert len(references_of(seed_study)) == 19
    assert references_of(seed_study, "demo") == ()
    text = f'[[references]]\n{ONE}dataset = "demo"\n[profiles.demo]\ndataset = "demo"\n[profiles.long]\nepochs = 20\n'
    study = small(more=text)
    assert references_of(study) == references_of(study, "long") == ()
    assert [r.id for r in references_of(study, "demo")] == ["paper"]
    assert (dataset_of(study), dataset_of(study, "demo")) == ("koniq-10k", "demo")
    with pytest.raises(UsageError, match=r'unknown profile "dmeo".*did you mean "demo"'):
        references_of(study, "dmeo")


BAD = [
    ('srcc = 0.9\nsource = "s"\n', '"id" is missing; allowed: letters, digits'),
    ('id = "x"\nsrcc = 0.9\n', '[[references]] "x": "source" is missing; allowed: text that says where the numbers'),
    ('id = "x"\nsource = "s"\n', '[[references]] "x": no result is given; give srcc, plcc or both'),
    (ONE + "srocc = 0.9\n", '[[references]] "paper": unknown key "srocc"; did you mean "srcc"'),
    (ONE + "lr = 5e-6\n", 'unknown key "lr"; known: id, study, experiment, title, dataset, srcc, plcc, n, settings, '
     "source; a setting stands in settings = { lr = ... }"),
    (ONE.replace("0.906", "1.2"), "srcc = 1.2 is out of range; allowed: at least -1, at most 1"),
    (ONE.replace("0.906", "90.6"), "srcc = 90.6 is out of range"),
    (ONE.replace("0.906", '"0.906"'), 'srcc = "0.906" is not a number; allowed: at least -1, at most 1'),
    (ONE.replace("0.906", "[0.9, 0.91]"), "srcc = [0.9, 0.91] is not a number"),
    (ONE.replace("0.906", "nan"), "srcc = nan is not a finite number"),
    (ONE + "n = 0\n", "n = 0 is out of range; allowed: at least 1"),
    (ONE + "n = 2010.5\n", "n = 2010.5 is not a whole number"),
    (ONE + 'experiment = "Bse"\n', 'experiment = "Bse" is not in this file; did you mean "Base"?'),
    (ONE + "experiment = 1\n", "experiment = 1 is not text; allowed: the id of an experiment"),
    (ONE + "settings = { lrr = 1e-6 }\n", 'settings: unknown setting "lrr"; did you mean "lr"'),
    (ONE + "settings = { lr = 2 }\n", "settings: lr = 2 is out of range; allowed: more than 0, at most 1"),
    (ONE + "settings = 5e-6\n", "settings = 5e-6 is not valid; allowed: a table of settings, such as { lr = 1e-6 }"),
    (ONE + 'dataset = "../x"\n', 'dataset = "../x" is not valid; allowed: letters, digits'),
    (ONE + 'study = "a b"\n', 'study = "a b" is not valid; allowed: letters, digits'),
    (ONE.replace("a paper", ""), 'source = "" is empty'),
    (ONE.replace("a paper", "a\\nb"), "holds the control character U+000A"),
    (ONE + "[[references]]\n" + ONE, '[[references]] "paper": id "paper" is used twice; every reference needs its own'),
    (ONE + "[[references]]\n" + ONE.replace("paper", "Paper", 1), '"Paper" is used twice'),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "says"), BAD, ids=[b[1][:40] for b in BAD])
def test_what_is_wrong_is_reported_in_one_sentence(small, lines, says):
    with pytest.raises(StudyError) as caught:
        small(more=f"[[references]]\n{lines}")
    message = str(caught.value)
    assert message.startswith("experiments.toml: [[references]] ")
    assert says in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("references = 3\n", "references is not a list of tables; write [[references]] in double brackets for each"),
        ("[references]\nid = 'x'\n", "references is not a list of tables"),
        ("references = [3]\n", "[[references]] number 1: 3 is not a table; allowed: a table"),
        ("[[refrences]]\nid = 'x'\n", '[refrences]: unknown table; did you mean "references"?'),
    ],
)
def test_it_is_a_list_of_tables(write, small, text, says):
    small()
    with open("experiments.toml", encoding="utf-8") as file:  # noqa: PTH123
        whole = file.read()
    with pytest.raises(StudyError) as caught:
        write(text + whole if text.startswith("ref") else whole + text)
    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


# As rows of a table.


def test_a_row_is_marked_and_never_tested(seed_study):
    rows = [reference_row(seed_study, reference) for reference in references_of(seed_study, group="lr5e7")]
    assert [row.experiment for row in rows] == seed_study.ids
    for row in rows:
        assert row.reported
        assert row.source == "seed study, EXPERIMENTS_LOG_TRACKER.md"
        assert (row.p, row.p_holm, row.delta, row.delta_interval, row.distinguishable, row.zou_interval) == (None,) * 6
        assert row.notes == (FROM_N_ALONE,)
    assert (rows[0].value, rows[0].title) == (0.9378, "Full model")


def test_a_metric_that_is_not_reported_has_no_value(small):
    study = small(more=f"[[references]]\n{ONE}")
    row = reference_row(study, study.references[0], "plcc")
    assert (row.value, row.interval, row.notes) == (None, None, ())


def test_without_a_number_of_images_there_is_no_interval(small):
    study = small(more=f"[[references]]\n{ONE}")
    row = reference_row(study, study.references[0])
    assert (row.experiment, row.value, row.interval, row.notes) == ("paper", 0.906, None, (NO_INTERVAL,))


def test_the_interval_is_fishers():
    # By hand: z = 1.71947, 1.96 sqrt((1 + 0.9378^2 / 2) / 2007) = 0.05249
    assert reported_interval(0.9378, 2010) == pytest.approx((0.93115, 0.94383), abs=1e-5)
    assert reported_interval(0.0, 103, "plcc") == pytest.approx((-0.19349, 0.19349), abs=1e-4)
    wide = reported_interval(0.5, 50)
    narrow = reported_interval(0.5, 50, "plcc")  # a rank correlation varies more
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


@pytest.mark.parametrize(("value", "images"), [(None, 100), (0.9, None), (0.9, 3), (1.0, 100), (-1.0, 100)])
def test_where_there_can_be_no_interval(value, images):
    assert reported_interval(value, images) is None


def test_the_program_starts_without_them(tmp_path):
    code = (
        "import sys; sys.argv = ['iqa-train', '--help']\n"
        "from iqa_train.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "bad = {m for m in sys.modules if m.startswith(('iqa_train.results', 'iqa_train.log_import', "
        "'iqa_train.report', 'iqa_train.study.literature'))}; sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
