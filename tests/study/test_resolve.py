"""Layers of settings, hashes, and the specifications that come of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iqa_train.errors import UsageError
from iqa_train.study.profiles import seeds_of, study_name, study_title
from iqa_train.study.resolve import resolve, resolve_all, resolve_by_hand, resolve_with_origins
from iqa_train.study.settings import TrainingConfig
from iqa_train.study.spec import DataSource, RunSpec

SEED_BASELINE_HASH = "8eaf071d96"
SEED_BASELINE_HASH_OF_REVISION_1 = "38e710fc4d"
"""Changes when a hashed setting is added or changes its default: old runs then no longer count as the same."""


def test_the_seeds_baseline(seed_study):
    spec = resolve(seed_study, "Baseline")
    s = spec.settings
    assert (s.dataset, s.model_size, s.multi_scale, s.attention_fusion) == ("koniq-10k", "base", True, True)
    assert (s.lr, s.lr_ratio, s.lr_scheduler, s.lr_floor, s.epochs, s.patience) == (5e-7, 10, "cosine", 0, 10, 3)
    assert (s.batch_size, s.weight_decay, s.drop_path_rate, s.dropout_rate) == (32, 2e-4, 0.3, 0.4)
    assert (s.train_patch_num, s.test_patch_num, s.train_test_num, s.ranking_loss_alpha) == (20, 20, 1, 0)
    assert (s.test_random_crop, s.color_jitter, s.spaq, s.early_stopping, s.seed) == (True, False, False, True, 42)
    assert spec.differs == {}
    assert spec.baseline == "Baseline"


def test_hash_is_stable_and_leaves_out_seed_and_places(seed_study):
    spec = resolve(seed_study, "Baseline")
    assert spec.config_hash == SEED_BASELINE_HASH
    assert spec.model_copy(update={"revision": 1}).config_hash == SEED_BASELINE_HASH_OF_REVISION_1
    places = {"data_dir": "/x", "cache_dir": "/y", "workers": 7, "threads": 3, "compile": True}
    assert resolve(seed_study, "Baseline", overrides=places, seed=1).config_hash == SEED_BASELINE_HASH
    assert resolve(seed_study, "Baseline", overrides={"lr": 1e-6}).config_hash != SEED_BASELINE_HASH


def test_later_layers_win(small):
    study = small(
        ("X", "set = { epochs = 3, lr = 3e-3 }"),
        defaults="lr = 1e-3\nepochs = 1\nbatch_size = 1\npatience = 2",
        more="[profiles.p]\nepochs = 2\nlr = 2e-3\nbatch_size = 2\n",
    )
    run = resolve_with_origins(study, "X", profile="p", overrides={"lr": 4e-3})
    s = run.spec.settings
    assert (s.lr, s.epochs, s.batch_size, s.patience, s.weight_decay) == (4e-3, 3, 2, 2, 5e-4)
    assert run.origins["lr"] == "command line"
    assert run.origins["epochs"] == "experiment X"
    assert run.origins["batch_size"] == "profile p"
    assert run.origins["patience"] == "defaults"
    assert "weight_decay" not in run.explicit
    assert run.spec.differs == {"epochs": (2, 3)}  # the same profile and options lie over the baseline


def test_profile_has_its_own_name_seeds_and_expectations(seed_study, small):
    demo = resolve(seed_study, "A1", profile="demo")
    assert (demo.study, demo.settings.dataset, demo.settings.attention_fusion) == ("demo", "demo", False)
    assert demo.expect.srcc is None
    assert demo.expect.delta is None
    assert study_title(seed_study, "demo") == "The five experiments on the built-in demo set"
    study = small(
        more="[profiles.p]\n[profiles.q]\nstudy = { seeds = [1, 2] }\nexpect = { Base = { srcc = 0.8 } }\n"
        "[profiles.r]\nseed = 9\n"
    )
    assert study_name(study, "p") == "small-p"
    assert seeds_of(study, "p") == (42,)
    assert seeds_of(study, "q") == (1, 2)
    assert seeds_of(study, "r") == (9,)
    assert seeds_of(study, "q", {"seed": 5}) == (5,)
    assert resolve(study, "Base", profile="q").expect.srcc == (0.8, 0.8)


def test_other_data_has_no_expectations(seed_study):
    assert resolve(seed_study, "A1", overrides={"batch_size": 8}).expect.delta is not None
    assert resolve(seed_study, "A1", overrides={"dataset": "livec"}).expect.delta is None


def test_all_runs_come_seed_by_seed_in_the_files_order(small):
    study = small(("X", ""), ("Y", ""), head="seeds = [1, 2]")
    assert [(s.experiment, s.seed) for s in resolve_all(study, ids=["Y", "Base"])] == [
        ("Base", 1), ("Y", 1), ("Base", 2), ("Y", 2),
    ]  # fmt: skip
    assert [s.seed for s in resolve_all(study, ids=["X"], seeds=[7, 8])] == [7, 8]
    assert [s.seed for s in resolve_all(study, ids=["X"], overrides={"seed": 3})] == [3]


def test_unknown_names(seed_study):
    with pytest.raises(UsageError, match=r'unknown experiment "A11" .*did you mean "A1"\?'):
        resolve(seed_study, "A11")
    with pytest.raises(UsageError, match=r'unknown profile "dmeo" .*did you mean "demo"\?'):
        resolve_all(seed_study, profile="dmeo")
    with pytest.raises(UsageError, match="--seed -1 is out of range"):
        resolve(seed_study, "A1", seed=-1)
    with pytest.raises(UsageError, match='unknown experiment "Z"'):
        resolve_all(seed_study, ids=["Z"])


def test_by_hand_starts_from_the_programs_defaults():
    spec = resolve_by_hand({"lr": 1e-6})
    assert (spec.study, spec.experiment, spec.baseline) == ("manual", "livec-tiny", None)
    assert spec.settings == TrainingConfig(lr=1e-6)
    assert resolve_by_hand({"backbone": "resnet50"}).experiment == "livec-resnet50"
    assert resolve_by_hand({"backbone": "demo", "dataset": "demo"}).experiment == "demo-demo-tiny"
    assert resolve_by_hand({"backbone": "hf-hub:a/b"}).experiment == "livec-hf-hub-a-b"
    mine = DataSource(path="/mine", csv="scores.csv", score_range=(0.0, 1.0))
    assert resolve_by_hand({"dataset": "mine"}, {"mine": mine}).source == mine


def test_source_is_the_data_sets(small):
    table = '[datasets.mine]\ncsv = "a.csv"\nscore_range = [0, 5]\n'
    study = small(("X", 'set = { dataset = "mine" }'), more=table)
    assert resolve(study, "X").source.csv == "a.csv"
    assert resolve(study, "Base").source == DataSource()


VALID = st.fixed_dictionaries(
    {},
    optional={
        "lr": st.floats(1e-12, 1),
        "lr_ratio": st.integers(1, 1000) | st.floats(1e-3, 1e3),
        "weight_decay": st.floats(0, 1),
        "epochs": st.integers(1, 100000),
        "patch_size": st.integers(1, 32).map(lambda n: 32 * n),
        "model_size": st.sampled_from(["tiny", "small", "base"]),
        "multi_scale": st.booleans(),
        "data_dir": st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp"]), max_size=20),
        "resize": st.sampled_from(["auto", "none", "512x384", "384"]),
        "seed": st.integers(0, 2**63 - 1),
        "select_on": st.sampled_from(["val", "test"]),
    },
)


@given(values=VALID)
def test_a_spec_survives_json(seed_study, values):
    for spec in (resolve(seed_study, "A2", overrides=values), resolve_by_hand(values)):
        again = RunSpec.model_validate_json(spec.model_dump_json())
        assert again == spec
        assert again.config_hash == spec.config_hash
