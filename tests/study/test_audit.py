"""The audit: each code raised where it should be, and not where it should not."""

import pytest

from iqa_train.stats.power import critical_difference
from iqa_train.study.audit import audit
from iqa_train.study.inert import COMPARING, RULES, effective
from iqa_train.study.settings import TrainingConfig


def found(study, code, experiment="*", **options):
    return [f for f in audit(study, **options) if f.code == code and experiment in ("*", f.experiment)]


def test_the_seed(seed_study):
    findings = audit(seed_study)
    assert {(f.code, f.experiment) for f in findings} == {
        ("inert-setting", "A2"),
        ("several-factors", "B1"),
        ("several-factors", "B2"),
        ("underpowered", "A1"),
        ("underpowered", "A2"),
        ("underpowered", "B1"),
        ("underpowered", "B2"),
        ("narrow-expectation", None),
        ("one-seed", None),
    }
    assert {f.code for f in findings if f.severity == "note"} == {"narrow-expectation", "one-seed"}
    (a2,) = [f for f in findings if f.experiment == "A2" and f.code == "inert-setting"]
    assert a2.settings == ("attention_fusion", "multi_scale")
    assert "A2 removes attention and multi-scale together" in a2.message
    for size in ("B1", "B2"):
        (factors,) = [f for f in findings if f.code == "several-factors" and f.experiment == size]
        assert factors.settings == ("model_size", "drop_path_rate", "dropout_rate")
        assert "ms_in22k_ft_in1k" in factors.message
    power = {f.experiment: f.message for f in findings if f.code == "underpowered"}
    assert "no number of seeds finds one below 0.0055 with 80 % power" in power["A1"]
    assert "which one seed cannot show of a component; 3 seeds find it with 80 % power" in power["B1"]
    assert "2015 test images, predictions that correlate at 0.97" in power["B2"]
    (one_seed,) = [f.message for f in findings if f.code == "one-seed"]
    assert "4 further runs of about 20 minutes each" in one_seed
    assert one_seed.endswith("iqa-train --exp Baseline --seeds 42 43 44 45 46")


def test_the_demo_has_no_errors_and_no_expectations(seed_study):
    findings = audit(seed_study, "demo")
    assert {f.code for f in findings} == {"inert-setting", "several-factors", "one-seed"}


INERT = [
    ("attention_fusion = true", "multi_scale = false", "multi_scale = true"),
    ('model_size = "base"', 'backbone = "resnet50"', 'backbone = "demo"'),
    ("lr_floor = 1e-7", 'lr_scheduler = "none"', 'lr_scheduler = "cosine"'),
    ('lr_step = "epoch"', 'lr_scheduler = "step"', 'lr_scheduler = "cosine"'),
    ("lr_step_epochs = 2", 'lr_scheduler = "cosine"', 'lr_scheduler = "step"'),
    ("lr_step_gamma = 0.5", 'lr_scheduler = "none"', 'lr_scheduler = "step"'),
    ("patience = 3", "early_stopping = false", "early_stopping = true"),
    ("ranking_loss_alpha = 0.3", "batch_size = 1", "batch_size = 2"),
    ('lr_scheduler = "step"', "epochs = 6", "epochs = 7"),
    ("ranking_loss_margin = 0.2", "ranking_loss_alpha = 0.0", 'loss_type = "margin_rank"'),
    ("ranking_loss_margin = 0.2", "ranking_loss_alpha = 0.0", 'loss_type = "ranknet"'),
    ("ranking_loss_margin = 0.2", 'loss_type = "rank"\nranking_loss_alpha = 0', 'loss_type = "rank"'),
    ("test_patch_num = 5", "test_random_crop = false", "test_random_crop = true"),
    ("taps = [1, 2, 3, 4]", 'backbone = "swin"', 'backbone = "vit_small_patch14_dinov2"'),
    ("drop_path_rate = 0.1", 'freeze = "backbone"', 'freeze = "stages:3"'),
    ("layer_decay = 0.8", 'freeze = "backbone"', 'freeze = "stages:3"'),
    ("micro_batch_size = 8", "batch_size = 8", "batch_size = 9"),
    ("multi_scale = false", 'network = "linear"', 'network = "hyperiqa"'),
    ("attention_fusion = true", 'network = "linear"', 'network = "hyperiqa"'),
    ("hyper_channels = 28", 'network = "nets/mine.py:build"', 'network = "hyperiqa"'),
    ("dropout_rate = 0.1", 'network = "nets/mine.py:build"', 'network = "linear"'),
]


def test_settings_of_another_network_are_mentioned_only_where_they_are_set_for_it(small):
    study = small(
        ("L", 'set = { network = "linear" }'),
        ("M", 'set = { network = "linear", hyper_channels = 56 }'),
        defaults="hyper_channels = 28",
    )
    (warning,) = found(study, "inert-setting")
    assert (warning.experiment, warning.severity, warning.settings[0]) == ("M", "warning", "hyper_channels")
    (same,) = found(study, "duplicate-settings")
    assert "they differ in hyper_channels alone, which makes no difference" in same.message


@pytest.mark.parametrize(("setting", "blocking", "harmless"), INERT)
def test_inert_settings(write, setting, blocking, harmless):
    def of(*lines):
        body = "\n".join(lines)
        return write(f'[study]\nname = "s"\nbaseline = "B"\n[defaults]\n{body}\n[[experiments]]\nid = "B"\n')

    name = setting.split()[0]
    (finding,) = [f for f in found(of(setting, blocking), "inert-setting") if f.settings[0] == name]
    assert (finding.severity, finding.experiment) == ("note", "B")
    assert finding.message.startswith(f"{name} = ")
    assert not [f for f in found(of(setting, harmless), "inert-setting") if f.settings[0] == name]
    only_default = found(of(blocking), "inert-setting")
    assert not [f for f in only_default if f.settings[0] == name]  # what nobody set is no finding


def test_every_rule_is_tried():
    assert {rule.setting for rule in RULES} == {setting.split()[0] for setting, _, _ in INERT}


def test_inert_for_all_is_one_note_and_a_change_without_effect_is_a_warning(small):
    study = small(
        ("X", "set = { lr = 1e-6 }"),
        ("Y", "set = { test_patch_num = 9 }"),
        defaults="early_stopping = false\npatience = 2",
        more="[profiles.centre]\ntest_random_crop = false\ntest_patch_num = 4\n",
    )
    (note,) = found(study, "inert-setting")
    assert (note.experiment, note.severity, note.settings[0]) == (None, "note", "patience")
    (y,) = found(study, "inert-setting", "Y", profile="centre")
    assert y.severity == "warning"
    assert "so Y does not differ from Base in this" in y.message
    assert effective(TrainingConfig(multi_scale=False, attention_fusion=True)).attention_fusion is False


def test_several_factors(small):
    study = small(
        ("one", "set = { lr = 1e-6 }"),
        ("two", "set = { lr = 1e-6, epochs = 3 }"),
        ("local", 'set = { lr = 1e-6, workers = 0, data_dir = "x" }'),
        ("inert", "set = { multi_scale = false, attention_fusion = true }"),
        ("inert2", "set = { lr = 1e-6, lr_step_gamma = 0.5 }"),
        ("net", 'set = { backbone = "resnet50" }'),
        ("scratch", 'set = { backbone = "resnet50", weights = "none" }'),
        ("weights", 'set = { weights = "none" }'),
    )
    findings = {f.experiment: f for f in found(study, "several-factors")}
    assert set(findings) == {"two", "net", "scratch"}
    assert findings["two"].settings == ("lr", "epochs")
    assert "backbone and pre-training" in findings["net"].message
    untrained = {"weights": "none"}
    assert "net" not in {f.experiment for f in found(study, "several-factors", overrides=untrained)}


@pytest.mark.parametrize(
    ("base", "change", "factors"),
    [
        ("ranking_loss_alpha = 0", 'loss_type = "margin_rank", ranking_loss_margin = 0.2', []),
        ("ranking_loss_alpha = 0", "ranking_loss_alpha = 0.5, ranking_loss_margin = 0.2", []),
        ("early_stopping = false", "early_stopping = true, patience = 3", []),
        ("early_stopping = true\npatience = 4", "early_stopping = false, patience = 3", []),
        ("test_random_crop = false", "test_random_crop = true, test_patch_num = 10", []),
        ("", 'lr_scheduler = "step", lr_step_epochs = 3, lr_step_gamma = 0.5', []),
        ('lr_scheduler = "none"', 'lr_scheduler = "cosine", lr_floor = 1e-7', []),
        ("", 'lr_scheduler = "step", lr_step_epochs = 3, lr = 1e-6', ["lr", "lr_scheduler"]),
        ("early_stopping = true", "patience = 3, lr = 1e-6", ["lr", "patience"]),
        ("multi_scale = false\nattention_fusion = false", "multi_scale = true, attention_fusion = true", None),
        (
            'loss_type = "margin_rank"\nranking_loss_alpha = 0',
            'loss_type = "l1", ranking_loss_alpha = 0.5',
            ["loss_type", "ranking_loss_alpha"],
        ),
        ("", 'weights = "ms_in22k_ft_in1k", lr = 1e-6', []),
    ],
)
def test_a_detail_of_what_is_switched_on_is_not_a_factor_of_its_own(write, base, change, factors):
    """Components, which an ablation could be about, are."""
    if factors is None:
        factors = ["multi_scale", "attention_fusion"]
    experiments = f'[[experiments]]\nid = "B"\n[[experiments]]\nid = "X"\nset = {{ {change} }}\n'
    study = write(f'[study]\nname = "s"\nbaseline = "B"\n[defaults]\n{base}\n{experiments}')
    assert [list(f.settings) for f in found(study, "several-factors")] == ([factors] if factors else [])


def test_a_step_schedule_that_never_steps(small):
    study = small(
        ("never", 'set = { lr_scheduler = "step", lr_step_epochs = 10 }'),
        ("constant", 'set = { lr_scheduler = "none" }'),
        ("once", 'set = { lr_scheduler = "step", lr_step_epochs = 9 }'),
        defaults="epochs = 10",
    )
    (finding,) = found(study, "inert-setting")
    assert (finding.experiment, finding.severity) == ("never", "warning")
    assert finding.settings == ("lr_scheduler", "lr_step_epochs", "epochs")
    assert finding.message.endswith('so the rate stays as with lr_scheduler = "none"')
    (same,) = found(study, "duplicate-settings")
    assert same.experiment == "constant"
    assert "constant and never do the same" in same.message


@pytest.mark.parametrize("loss", COMPARING)
def test_a_loss_that_compares_needs_two_crops(small, loss):
    study = small(
        ("one", f'set = {{ loss_type = "{loss}", batch_size = 1 }}'),
        ("two", f'set = {{ loss_type = "{loss}", batch_size = 2 }}'),
        ("l1", "set = { batch_size = 1, ranking_loss_alpha = 0 }"),
    )
    (finding,) = [f for f in found(study, "inert-setting") if f.severity == "error"]
    assert (finding.experiment, finding.settings) == ("one", ("loss_type", "batch_size"))
    assert "nothing is learned" in finding.message


def test_one_tag_of_weights_under_two_names(small):
    study = small(("tag", 'set = { weights = "ms_in22k_ft_in1k" }'), ("other", 'set = { weights = "ms_in1k" }'))
    (finding,) = found(study, "duplicate-settings")
    assert (finding.experiment, finding.settings) == ("tag", ("weights",))


def test_a_tag_in_the_name_of_a_backbone_means_the_same_as_in_weights(small):
    """swin.TAG is swin: it comes in sizes, and its tag is that of its weights."""
    study = small(
        ("pinned", 'set = { backbone = "swin.ms_in22k_ft_in1k" }'),
        ("tag", 'set = { backbone = "swin.ms_in1k" }'),
        ("weights", 'set = { weights = "ms_in1k" }'),
        ("small", 'set = { backbone = "swin.ms_in1k", model_size = "small" }'),
        ("scratch", 'set = { backbone = "swin.ms_in1k", weights = "none" }'),
        ("untagged", 'set = { weights = "none" }'),
    )
    assert not [finding for finding in found(study, "inert-setting") if "model_size" in finding.settings]
    duplicates = {finding.experiment: finding.message for finding in found(study, "duplicate-settings")}
    assert duplicates.keys() == {"pinned", "weights", "untagged"}
    assert "pinned and Base do the same" in duplicates["pinned"]
    assert "weights and tag do the same" in duplicates["weights"]
    assert "untagged and scratch do the same" in duplicates["untagged"]


def test_what_the_baseline_never_had_is_not_called_removed(small):
    study = small(
        ("X", "set = { multi_scale = false, attention_fusion = true }"),
        defaults="",
    )
    plain = study.model_copy(update={"defaults": study.defaults | {"attention_fusion": False}})
    (finding,) = found(plain, "inert-setting")
    assert "so X does not differ from Base in this" in finding.message


def test_a_component_that_wakes_or_falls_silent_with_another(small):
    study = small(("multi", "set = { multi_scale = true }"), defaults="multi_scale = false")
    (finding,) = found(study, "several-factors")
    assert finding.settings == ("multi_scale", "attention_fusion")
    study = small(
        ("one", "set = { batch_size = 1 }"),
        ("on", "set = { early_stopping = false }"),
        defaults="ranking_loss_alpha = 0.3\npatience = 2",
    )
    (lost,) = found(study, "inert-setting", "one")
    assert lost.severity == "warning"
    assert "the effect of batch_size and ranking_loss_alpha together" in lost.message
    (detail,) = found(study, "inert-setting", "on")
    assert detail.severity == "note"


def test_rising_schedules(small):
    study = small(
        ("floor", "set = { lr_floor = 1e-6, lr = 5e-7 }"),
        ("flat", "set = { lr_floor = 5e-7, lr = 5e-7 }"),
        ("steps", 'set = { lr_scheduler = "step", lr_step_gamma = 2.0 }'),
        ("falls", 'set = { lr_scheduler = "step", lr_step_gamma = 0.5 }'),
        ("warm", 'set = { warmup_epochs = 4, epochs = 4, lr_scheduler = "none" }'),
        ("warmer", "set = { warmup_epochs = 3, epochs = 4 }"),
    )
    findings = found(study, "rising-schedule")
    assert {f.experiment for f in findings} == {"floor", "steps", "warm"}
    assert {f.severity for f in findings} == {"error"}
    assert audit(study)[0].severity == "error"
    assert "lr_floor = 1e-6 is above its peak lr = 5e-7" in findings[0].message


def test_the_originals_rising_schedule_can_be_requested(small):
    study = small(
        ("original", 'set = { lr_floor = 1e-6, lr = 5e-7, lr_step = "epoch" }'),
        ("rest", "set = { lr_floor = 1e-6, lr = 5e-6, lr_ratio = 0.1 }"),
        ("falls", "set = { lr_floor = 1e-6, lr = 5e-6, lr_ratio = 0.2 }"),
    )
    findings = {f.experiment: f for f in found(study, "rising-schedule")}
    assert set(findings) == {"original", "rest"}
    assert findings["original"].severity == "warning"
    assert findings["original"].message.endswith('original script, whose schedule lr_step = "epoch" asks for')
    assert findings["rest"].severity == "error"
    assert "above lr_ratio x lr = 5e-07, the peak of all but the backbone" in findings["rest"].message


def test_losses_that_had_another_meaning_are_noted(small):
    study = small(
        *((loss, f'set = {{ loss_type = "{loss}" }}') for loss in ("srcc", "rank", "pairwise", "soft_srcc", "l2"))
    )
    findings = {f.experiment: f for f in found(study, "renamed-loss")}
    assert set(findings) == {"srcc", "rank", "pairwise"}
    assert {f.severity for f in findings.values()} == {"note"}
    assert "1 - Pearson's correlation" in findings["srcc"].message
    assert findings["srcc"].message.endswith("trained under this name is soft_srcc")


def test_selection_on_test(small):
    assert not found(small(), "selects-on-test")
    (finding,) = found(small(("X", ""), defaults='select_on = "test"'), "selects-on-test")
    assert finding.experiment is None
    (finding,) = found(small(("X", 'set = { select_on = "test" }')), "selects-on-test")
    assert finding.experiment == "X"


@pytest.mark.parametrize(
    ("lines", "idle"),
    [
        ("epochs = 10\npatience = 10", True),
        ("epochs = 10\npatience = 9", True),
        ("epochs = 10\npatience = 8", False),
        ("epochs = 10\npatience = 10\nearly_stopping = false", False),
    ],
)
def test_idle_patience(small, lines, idle):
    assert bool(found(small(defaults=lines), "idle-patience")) is idle


def test_duplicates(small):
    study = small(
        ("same", ""),
        ("local", "set = { workers = 0 }"),
        ("single", "set = { multi_scale = false }"),
        ("single2", "set = { multi_scale = false, attention_fusion = false }"),
        ("other", "set = { lr = 1e-6 }"),
    )
    findings = {f.experiment: f for f in found(study, "duplicate-settings")}
    assert set(findings) == {"same", "local", "single2"}
    assert "same and Base have the same settings" in findings["same"].message
    assert findings["single2"].settings == ("attention_fusion",)
    assert "single2 and single do the same" in findings["single2"].message


def expecting(small, srcc, delta, base="0.938", head="", defaults="train_test_num = 1"):
    study = small(
        ("X", f"set = {{ lr = 1e-6 }}\nexpect = {{ srcc = {srcc}, delta = {delta} }}"), head=head, defaults=defaults
    )
    expect = study.experiments[0].expect.model_copy(update={"srcc": (float(base), float(base))})
    first = study.experiments[0].model_copy(update={"expect": expect})
    return study.model_copy(update={"experiments": (first, *study.experiments[1:])})


@pytest.mark.parametrize(
    ("srcc", "delta", "wrong"),
    [
        ("[0.932, 0.935]", "[-0.006, -0.003]", False),
        ("[0.9325, 0.9345]", "[-0.006, -0.003]", False),
        ("[0.932, 0.936]", "[-0.006, -0.003]", True),
        ("[0.941, 0.944]", "[-0.006, -0.003]", True),
    ],
)
def test_expectations_agree(small, srcc, delta, wrong):
    findings = found(expecting(small, srcc, delta), "expectation-mismatch")
    assert bool(findings) is wrong
    if srcc == "[0.941, 0.944]":
        assert "one says better than the baseline, the other worse" in findings[0].message


def test_a_baseline_does_not_differ_from_itself(write):
    head = '[study]\nname = "s"\nbaseline = "B"\n[[experiments]]\nid = "B"\nexpect = { delta = '
    assert found(write(head + "0.01 }\n"), "expectation-mismatch", "B")
    assert not found(write(head + "0 }\n"), "expectation-mismatch", "B")


@pytest.mark.parametrize(("correlation", "smallest"), [(0.95, 0.0052), (0.97, 0.0042), (0.99, 0.0025)])
def test_the_smallest_difference_koniq_shows(correlation, smallest):
    assert round(critical_difference(0.938, 2015, correlation), 4) == smallest


def test_predictions_that_agree_entirely_differ_by_nothing():
    assert critical_difference(0.938, 2015, 1.0) == pytest.approx(0, abs=1e-6)


def test_underpowered(small):
    def findings(delta, head="seeds = [1, 2, 3]", **options):
        return found(expecting(small, "0.93", delta, head=head, **options), "underpowered")

    (below,) = findings("[-0.008, -0.003]")
    assert below.severity == "warning"
    assert "no number of seeds finds one below 0.0046 with 80 % power" in below.message
    (few,) = findings("[0.006, 0.008]")
    assert "which 3 seeds find with a probability of 32 %; 9 seeds find it with 80 % power" in few.message
    assert findings("[0.006, 0.008]", head=f"seeds = {list(range(9))}") == []
    assert findings("[0.006, 0.008]", head="", defaults="train_test_num = 9") == []
    assert findings("[-0.030, -0.020]") == []
    (zero,) = findings("[-0.008, 0.004]")
    assert (zero.severity, "may be zero" in zero.message) == ("note", True)
    study = expecting(small, "0.93", "[-0.008, -0.003]")
    assert found(study, "underpowered", overrides={"dataset": "livec"}) == []


def test_a_study_with_one_seed_is_offered_five_of_the_baseline(small):
    once = "train_test_num = 1"
    (finding,) = found(small(("X", "set = { lr = 1e-6 }"), defaults=once), "one-seed")
    assert (finding.severity, finding.experiment) == ("note", None)
    assert "4 further runs)" in finding.message, "nothing is known of their time"
    (timed,) = (f for f in audit(small(("X", ""), defaults=once), minutes=95.0) if f.code == "one-seed")
    assert "4 further runs of about 95 minutes each" in timed.message
    assert not found(small(("X", "set = { lr = 1e-6 }"), head="seeds = [1, 2]", defaults=once), "one-seed")
    assert not found(small(("X", ""), defaults=once), "one-seed", seeds=[1, 2]), "seeds of a start count"
    assert not found(small(("X", ""), defaults="train_test_num = 2"), "one-seed")
    assert not found(small(("X", ""), more="[design]\n", defaults=once), "one-seed")
    assert not found(small(defaults=once), "one-seed"), "nothing is compared"


def test_a_margin_that_no_seeds_could_show(small):
    (finding,) = found(small(("X", "set = { lr = 1e-6 }"), head="margin = 0.002"), "margin-too-small")
    assert finding.severity == "warning"
    assert finding.message.startswith("margin = 0.002 is below 0.0062, the smallest within which any number of seeds")
    assert not found(small(("X", ""), head="margin = 0.0065"), "margin-too-small")
    assert found(small(("X", ""), ("Y", ""), head="margin = 0.0065"), "margin-too-small"), "two experiments need more"
    unknown = {"dataset": "livec"}
    assert not found(small(("X", ""), head="margin = 0.002"), "margin-too-small", overrides=unknown)


def test_an_expected_range_that_images_alone_lead_out_of(small):
    (finding,) = found(expecting(small, "0.93", "[-0.006, -0.003]"), "narrow-expectation")
    assert (finding.severity, finding.experiment) == ("note", "X")
    assert "narrower than what the choice of test images does to it (SD 0.0017, assumed)" in finding.message
    assert not found(expecting(small, "0.93", "[-0.010, -0.005]"), "narrow-expectation")
