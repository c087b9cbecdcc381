"""`external` in an [[experiments]] table: nothing is run for it, and what it excludes."""

from pathlib import Path

import pytest

from iqa_train.errors import StudyError, UsageError
from iqa_train.runs.kind import kind_of
from iqa_train.runs.specfile import spec_document
from iqa_train.study.audit import audit
from iqa_train.study.load import load_study
from iqa_train.study.model import Study
from iqa_train.study.resolve import resolve, resolve_all

HEAD = '[study]\nname = "s"\nbaseline = "B"\nseeds = [1, 2]\n[defaults]\nlr = 1e-6\ndata_dir = "d"\n'
BASE = '[[experiments]]\nid = "B"\n'
RIVAL = '[[experiments]]\nid = "Q"\nexternal = "KADID-10k"\n'
COMMAND = '[command]\nrun = ["true", "{seed}"]\n[command.predictions]\ntest = "{run_dir}/test.csv"\n'


def study_of(folder: Path, text: str) -> Study:
    path = folder / "experiments.toml"
    path.write_text(text)
    return load_study(path)


def test_it_is_resolved_but_not_run(tmp_path: Path) -> None:
    study = study_of(tmp_path, HEAD + BASE + RIVAL)
    assert study.run_here == ["B"]
    assert [spec.experiment for spec in resolve_all(study)] == ["B", "B"]
    assert [spec.experiment for spec in resolve_all(study, with_external=True)] == ["B", "Q", "B", "Q"]
    with pytest.raises(UsageError, match=r"Q is external in .* and cannot be run; iqa-train import-predictions FILE"):
        resolve_all(study, ids=["Q"])
    assert {finding.experiment for finding in audit(study)} <= {None, "B"}


def test_its_identity_is_that_of_the_images_alone(tmp_path: Path) -> None:
    one = resolve(study_of(tmp_path, HEAD + BASE + RIVAL), "Q")
    text = (HEAD + BASE + RIVAL).replace("1e-6", "1e-5").replace("KADID-10k", "LIVE").replace('"d"', '"elsewhere"')
    other = resolve(study_of(tmp_path, text), "Q")
    assert one.config_hash == other.config_hash
    assert one.config_hash == one.model_copy(update={"revision": one.revision + 1}).config_hash
    assert one.differs == {}
    document = spec_document(one)
    assert document["settings"] == {"dataset": "livec", "data_dir": "d", "seed": 1}
    assert "revision" not in document
    assert kind_of(document).words == "external, trained on KADID-10k"
    other_set = study_of(tmp_path, (HEAD + BASE + RIVAL).replace("lr = 1e-6", 'dataset = "spaq"'))
    assert resolve(other_set, "Q").config_hash != one.config_hash


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD + BASE + RIVAL + "set = { lr = 1 }\n", "external and set cannot be combined"),
        (HEAD + BASE + RIVAL + 'command = "x"\n', "external and command cannot be combined"),
        (HEAD.replace('"B"', '"Q"') + BASE + RIVAL, 'baseline = "Q" is external; allowed: an experiment that is run'),
        (HEAD + BASE + '[[experiments]]\nid = "Q"\nexternal = ""\n', "external"),
        (HEAD + BASE + '[[experiments]]\nid = "Q"\nexternal = true\n', "external"),
        (
            HEAD + BASE + RIVAL + '[[batches]]\nname = "1"\nminutes = 1\ngpus = { 0 = "B", 1 = "Q" }\n',
            'experiment "Q" is external and needs no GPU',
        ),
    ],
)
def test_what_it_excludes(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=says):
        study_of(tmp_path, text)


def test_a_command_of_the_whole_study_does_not_run_it(tmp_path: Path) -> None:
    text = HEAD.replace("lr = 1e-6\n", "") + COMMAND + BASE + RIVAL
    study = study_of(tmp_path, text)
    spec = resolve(study, "Q")
    assert spec.command is None
    assert kind_of(spec_document(spec)).name == "external"
    assert kind_of(spec_document(resolve(study, "B"))).words == "command: true {seed}"


@pytest.mark.parametrize(
    ("spec", "provenance", "words"),
    [
        ({"settings": {"network": "hyperiqa", "loss_type": "l1"}}, None, ""),
        ({"settings": {"network": "linear"}}, None, ""),
        ({"settings": {"network": "nets/mine.py:build"}}, None, "own code: network nets/mine.py:build"),
        ({"settings": {"network": "a.b:c", "loss_type": "l.py:f"}}, None, "own code: network a.b:c, loss l.py:f"),
        (
            {"settings": {"network": "n.py:f", "network_options": {"deep": True, "lr": 0.5}, "loss_options": {"p": 1}}},
            None,
            "own code: network n.py:f with deep true, lr 0.5",
        ),
        (
            {"command": {"run": ["a", "{lr}"]}, "parameters": {"lr": 0.5, "token": "x", "tag": ""}},
            None,
            'command: a {lr} with lr 0.5, token ***, tag ""',
        ),
        ({"settings": {}}, {"imported": {"log": "x.log"}}, "imported log: x.log"),
        (None, None, ""),
    ],
)
def test_the_kind_of_a_run_is_read_from_its_documents(spec: object, provenance: object, words: str) -> None:
    assert kind_of(spec, provenance).words == words  # type: ignore[arg-type]
