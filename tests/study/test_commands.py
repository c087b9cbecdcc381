"""[command] and [commands.NAME] in a study file: what is refused, what a run is made of, what tells runs apart."""

from pathlib import Path
from typing import Any

import pytest

from iqa_train.errors import StudyError, UsageError
from iqa_train.runs.layout import run_folder
from iqa_train.runs.specfile import read_spec, write_spec
from iqa_train.study.audit import audit
from iqa_train.study.load import load_study
from iqa_train.study.model import Study
from iqa_train.study.placeholders import filled, placeholders
from iqa_train.study.resolve import resolve, resolve_with_origins
from iqa_train.study.resolve_command import refuse_idle

STUDY = """
[study]
name = "own"
baseline = "Base"

[command]
run = ["{python}", "train.py", "--lr", "{lr}", "{flip}", "{name}"]
epochs = 'epoch (?P<epoch>\\d+) (?P<srcc>\\S+)'

[defaults]
dataset = "demo"
epochs = 4
lr = 1e-4
depth = 2
flip = true
name = "a b"

[[experiments]]
id = "Base"

[[experiments]]
id = "Deep"
set = { depth = 4 }

[[experiments]]
id = "Longer"
set = { epochs = 8, lr = 1 }

[profiles.quick]
epochs = 1
depth = 1
"""

MIXED = """
[study]
name = "mixed"
baseline = "Ours"

[commands.mine]
run = ["{python}", "mine.py", "{lr}"]
defaults = { lr = 0.5 }

[defaults]
dataset = "demo"
backbone = "demo"
weights = "none"
lr = 1e-5
epochs = 3
threads = 2

[[experiments]]
id = "Ours"

[[experiments]]
id = "Mine"
command = "mine"
set = { lr = 0.25 }
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").touch()
    (tmp_path / "mine.py").touch()
    return tmp_path


def _study(folder: Path, text: str = STUDY) -> Study:
    file = folder / "experiments.toml"
    file.write_text(text)
    return load_study(file)


def test_parameters_settings_and_differences(here: Path) -> None:
    study = _study(here)
    spec = resolve(study, "Longer")
    assert spec.parameters == {"lr": 1.0, "depth": 2, "flip": True, "name": "a b"}
    assert type(spec.parameters["lr"]) is float
    assert (spec.settings.epochs, spec.settings.train_test_num, spec.settings.lr) == (8, 1, 2e-5)
    assert spec.differs == {"epochs": (4, 8), "lr": (1e-4, 1.0)}
    assert resolve(study, "Deep").differs == {"depth": (2, 4)}
    quick = resolve(study, "Deep", profile="quick")
    assert (quick.settings.epochs, quick.parameters["depth"]) == (1, 4)
    assert resolve(study, "Base", profile="quick").parameters["depth"] == 1
    origins = resolve_with_origins(study, "Deep", overrides={"parameters": {"lr": "1"}}).origins
    assert origins == {
        "dataset": "defaults", "epochs": "defaults", "lr": "command line", "depth": "experiment Deep",
        "flip": "defaults", "name": "defaults",
    }  # fmt: skip


def test_a_mixed_study(here: Path) -> None:
    study = _study(here, MIXED)
    ours, mine = resolve(study, "Ours"), resolve(study, "Mine")
    assert ours.command is None
    assert (ours.settings.lr, ours.differs) == (1e-5, {})
    assert (mine.parameters, mine.settings.threads) == ({"lr": 0.25}, 2)
    assert mine.differs == {"command": ("iqa-train", "[commands.mine]")}
    assert resolve(study, "Mine", overrides={"lr": 1e-3}).parameters == {"lr": 0.25}  # that is our trainer's
    assert resolve(study, "Ours", overrides={"parameters": {"lr": "3"}}).settings.lr == 1e-5


def test_the_hash_follows_what_decides_the_result(here: Path) -> None:
    def of(text: str, name: str = "Base", **overrides: Any) -> str:
        return resolve(_study(here, text), name, overrides=overrides).config_hash

    base = of(STUDY)
    assert of(STUDY, "Deep") != base
    assert of(STUDY, "Deep") == of(STUDY, parameters={"depth": "4"})
    assert of(STUDY.replace('"train.py"', '"other.py"')) != base
    assert of(STUDY.replace("(?P<srcc>", "srcc (?P<srcc>")) == base  # how epochs are read decides no prediction
    assert of(STUDY.replace("[command]", '[command]\nresume = ["{python}", "train.py"]')) == base
    assert of(STUDY.replace("[command]", "[command]\nhigher_is_better = false")) != base
    assert of(STUDY, threads=4) == base


def test_spec_json_keeps_all_of_it(here: Path) -> None:
    spec = resolve(_study(here), "Longer", overrides={"parameters": {"name": '"{x}" $HOME; é'}})
    run = run_folder(here / "runs", spec)
    run.path.mkdir(parents=True)
    write_spec(run, spec)
    assert read_spec(run) == spec


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('"{lr}"', '"{lrr}"'), r'run: \{lrr\} is no parameter; did you mean "lr"\?'),
        (('"{lr}"', '"{lr"'), r'"\{" opens or closes no placeholder; write \{\{'),
        (("depth = 4", "depht = 4"), r'unknown parameter "depht"; did you mean "depth"\?'),
        (("depth = 4", "depth = 4.5"), r"depth = 4.5 is not a whole number; its default is 2"),
        (("depth = 4", 'lr = "high"'), r'lr = "high" is not a number; its default is 0.0001'),
        (("depth = 4", "flip = 1"), r"flip = 1 is not true or false; its default is true"),
        (("depth = 4", "epochs = 0"), r"epochs = 0 is out of range"),
        (("depth = 2", "depth = [2]"), r"depth = \[2\] is not a parameter's value"),
        (("depth = 2", "run_dir = 2"), r"run_dir is the name of a placeholder"),
        (("(?P<epoch>", "(?P<epoche>"), r'the group "epoche" in epochs is not known; did you mean "epoch"\?'),
        (("(?P<srcc>", "(?P<srcc"), "is not a regular expression"),
        (("[command]", "[command]\nruns = []"), r'unknown key "runs"; did you mean "run"\?'),
        (('run = ["{python}"', 'run = [""'), "the first word of run is empty"),
        (('id = "Deep"', 'id = "Deep"\ncommand = "mine"'), r'unknown command "mine"; write'),
        (("[command]", '[command]\npredictions = { train = "x.csv" }'), "predictions"),
        (("[command]", '[command]\npredictions = { test = "/tmp/x.csv" }'), r"outside \{run_dir\}"),
        (("[command]", '[command]\npredictions = { test = "{run_dir}/../x.csv" }'), r"outside \{run_dir\}"),
    ],
)
def test_what_is_refused_by_name(here: Path, change: tuple[str, str], says: str) -> None:
    assert change[0] in STUDY
    with pytest.raises(StudyError, match=says):
        _study(here, STUDY.replace(*change))


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"parameters": {"dept": "1"}}, r'unknown parameter "dept"; did you mean "depth"\?'),
        ({"parameters": {"depth": "1.5"}}, r'"1.5" does not fit its default 2'),
        ({"parameters": {"lr": "nan"}}, r'"nan" does not fit'),
        ({"parameters": {"epochs": "1"}}, r"write --epochs VALUE"),
        ({"lr": 1e-3}, r"write --set lr=VALUE"),
        ({"backbone": "swin"}, r"a run of \[command\] has no such setting"),
    ],
)
def test_overrides_that_mean_nothing_are_refused(here: Path, overrides: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        resolve(_study(here), "Base", overrides=overrides)


@pytest.mark.parametrize("name", ["../../other", "/tmp/x", "sub/../../x"])
def test_predictions_never_leave_the_runs_folder_by_a_parameters_value(here: Path, name: str) -> None:
    text = STUDY.replace("[defaults]", 'predictions = { test = "{name}.csv" }\n[defaults]', 1)
    assert not any(f.code == "predictions-outside" for f in audit(_study(here, text)))
    bad = text.replace("set = { depth = 4 }", f'set = {{ depth = 4, name = "{name}" }}')
    (found,) = [f for f in audit(_study(here, bad)) if f.code == "predictions-outside"]
    assert (found.severity, found.experiment) == ("error", "Deep")
    assert f"{name}.csv" in found.message


def test_an_empty_word_is_an_empty_argument(here: Path) -> None:
    spec = resolve(_study(here, STUDY.replace('"--lr", ', '"", ')), "Base")
    assert spec.command is not None
    assert spec.command.run[2] == ""


def test_check_finds_missing_programs_and_parameters_that_do_not_arrive(here: Path) -> None:
    found = {(f.code, f.experiment) for f in audit(_study(here))}
    assert ("parameter-not-passed", "Deep") in found
    assert ("several-factors", "Longer") in found
    assert not any(code == "missing-program" for code, _ in found)
    (here / "train.py").unlink()
    (missing,) = [f for f in audit(_study(here)) if f.code == "missing-program"]
    assert (missing.severity, missing.experiment) == ("error", None)
    assert "train.py" in missing.message
    nowhere = STUDY.replace('"{python}", "train.py"', '"./no-such-program"')
    (missing,) = [f for f in audit(_study(here, nowhere)) if f.code == "missing-program"]
    assert "no-such-program" in missing.message


def test_check_finds_a_parameter_that_does_not_arrive_beside_a_baseline_of_another_kind(here: Path) -> None:
    text = MIXED.replace("defaults = { lr = 0.5 }", "defaults = { lr = 0.5, deep = false, wide = false }")
    study = _study(here, text.replace("set = { lr = 0.25 }", "set = { lr = 0.25, deep = true }"))
    found = [(f.experiment, f.settings) for f in audit(study) if f.code == "parameter-not-passed"]
    assert found == [("Mine", ("deep",))]


@pytest.mark.parametrize("line", ["options = client.settings(depth=2)", "open(os.environ['IQA_TRAIN_SETTINGS'])"])
def test_a_script_that_reads_the_parameters_itself_needs_none_on_its_command_line(here: Path, line: str) -> None:
    (here / "train.py").write_text(line)
    assert not [f for f in audit(_study(here)) if f.code == "parameter-not-passed"]


def test_set_is_refused_where_no_command_runs(here: Path) -> None:
    study = _study(here, MIXED)
    overrides = {"parameters": {"lr": "0.5"}}
    ours = resolve(study, "Ours", overrides=overrides)
    with pytest.raises(UsageError, match="iqa-train trains Ours; write --SETTING VALUE"):
        refuse_idle([ours], overrides)
    refuse_idle([ours, resolve(study, "Mine", overrides=overrides)], overrides)
    refuse_idle([ours], {"lr": 1.0})


def test_a_value_never_becomes_two_words() -> None:
    nasty = ["a b", "$(rm -rf /)", "'; x", "{lr}", "*", "", "é\u2009x"]
    for value in nasty:
        assert filled(["--name={name}", "{{name}}"], {"name": value}) == [f"--name={value}", "{name}"]
    assert filled(["{flip}", "{lr}"], {"flip": True, "lr": 1e-7}) == ["true", "1e-7"]
    assert placeholders("{a}-{b-c}{{d}}") == ("a", "b-c")
    with pytest.raises(ValueError, match="write }}"):
        placeholders("}")
