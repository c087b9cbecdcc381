"""A study's own code: which files belong to a run, and what its functions accept, without running any of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from iqa_train.errors import RunError
from iqa_train.runs.code_copy import copy_code, require_copy
from iqa_train.runs.layout import RunFolder
from iqa_train.runs.specfile import spec_document
from iqa_train.study import own_code, own_code_checks
from iqa_train.study.audit import audit
from iqa_train.study.findings import Finding
from iqa_train.study.load import load_study
from iqa_train.study.resolve import resolve
from iqa_train.study.spec import RunSpec

HEAD = """
[study]
name = "own"
baseline = "B"
[defaults]
dataset = "demo"
backbone = "demo"
weights = "none"
network = "{network}"
"""

RAISES = "raise SystemExit('the code of a study was run')\n"

TREE = {
    "nets/mine.py": "import blocks\nfrom . import beside\n"
    "from pkg.deep import wide\nimport json, torch\nimport away.a\n\n"
    "def build(*, depth: int = 2, rate: float = 0.5, kind: 'Literal[\"a\", \"b\"]' = 'a', sides: list[int] = (3, 5), "
    "context):\n    import late\n",
    "nets/__init__.py": "",
    "nets/blocks.py": "import helper\n",
    "nets/beside.py": "from .further import thing\n",
    "nets/further.py": "thing = 1\n",
    "helper.py": "",
    "late.py": "",
    "pkg/__init__.py": "from pkg.base import *\n",
    "pkg/base.py": "",
    "pkg/deep/__init__.py": "",
    "pkg/deep/wide.py": "",
    "away/__init__.py": "",
    "away/a.py": "",
    "unrelated.py": "",
    "json.py": RAISES,
}


def _study(folder: Path, experiments: str, network: str = "nets/mine.py:build") -> Path:
    for name, text in TREE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    path = folder / "experiments.toml"
    path.write_text(HEAD.format(network=network) + experiments)
    return path


def _spec(path: Path, name: str = "B") -> RunSpec:
    return resolve(load_study(path), name)


B = '[[experiments]]\nid = "B"\n'


def test_the_files_are_those_that_python_imports(tmp_path: Path) -> None:
    spec = _spec(_study(tmp_path, B))
    for name in ("json.py",):
        (tmp_path / name).unlink()  # the standard library's is meant
    text = (tmp_path / "nets/mine.py").read_text().replace("torch", "csv")
    (tmp_path / "nets/mine.py").write_text(text)
    code = f"""
import sys
sys.path[:0] = [{str(tmp_path / "nets")!r}, {str(tmp_path)!r}]
import nets.mine, late
print("\\n".join(m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)))
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    imported = {str(Path(p).relative_to(tmp_path)) for p in done.stdout.split() if p.startswith(str(tmp_path))}
    assert spec.code is not None
    assert set(spec.code.files) == imported
    assert not spec.code.missing


def test_an_edit_of_any_of_the_files_makes_another_run_and_of_no_other_file_does(tmp_path: Path) -> None:
    path = _study(tmp_path, B)
    first = _spec(path)
    assert first.code is not None
    for name, text in TREE.items():
        (tmp_path / name).write_text(text + "# edited\n")
        assert (_spec(path).config_hash != first.config_hash) == (name in first.code.files), name
        (tmp_path / name).write_text(text)
    assert _spec(path).config_hash == first.config_hash


def test_the_run_keeps_its_copy_while_the_files_change(tmp_path: Path) -> None:
    path, run = _study(tmp_path, B), RunFolder(tmp_path / "runs" / "own" / "B" / "s42-0123456789")
    spec = _spec(path)
    assert spec.code is not None
    run.path.mkdir(parents=True)
    copy_code(run, spec_document(spec))
    (tmp_path / "helper.py").write_text("broken(")
    (tmp_path / "nets/blocks.py").unlink()
    copy_code(run, spec_document(spec))  # queued again: the copy is complete
    assert (require_copy(run, spec.code) / "nets" / "blocks.py").read_text() == TREE["nets/blocks.py"]
    assert sorted(spec.code.changed()) == ["helper.py", "nets/blocks.py"]
    (run.code / "helper.py").write_text("other = 1")
    with pytest.raises(RunError, match="was changed after the run was queued"):
        require_copy(run, spec.code)
    with pytest.raises(RunError, match=r"nets/blocks\.py|helper\.py"):
        copy_code(run, spec_document(spec))


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ("network_options = { dept = 3 }", "own-code-options", 'no option "dept"; did you mean "depth"?'),
        ("network_options = { depth = 2.5 }", "own-code-options", "depth = 2.5 is not valid for"),
        ("network_options = { depth = true }", "own-code-options", "allowed: a whole number"),
        ('network_options = { kind = "c" }', "own-code-options", 'allowed: "a", "b"'),
        ('network_options = { sides = [1, "x"] }', "own-code-options", "allowed: a list, each a whole number"),
        ('network = "nets/mine.py:biuld"', "own-code-name", 'did you mean "build"?'),
        ('network = "./nets//mien.py:build"', "own-code-missing", 'network = "./nets//mien.py:build": there is no'),
        ('network = "nets/mien.py:build"', "own-code-missing", "no readable file nets/mien.py"),
        ('network = "nowhere.at.all:build"', "own-code-missing", "no readable file nowhere/at/all.py"),
        ("network_options = { rate = 1, sides = [7] }", None, ""),
    ],
)
def test_check_refuses_what_the_source_cannot_take(tmp_path: Path, changes: str, code: str | None, says: str) -> None:
    study = load_study(_study(tmp_path, B + f'[[experiments]]\nid = "C"\nset = {{ {changes} }}\n'))
    errors = [f for f in audit(study) if f.severity == "error"]
    assert [f.code for f in errors] == ([code] if code else [])
    assert not errors or says in errors[0].message


def test_options_add_up_over_the_layers_and_have_the_defaults_of_the_source(tmp_path: Path) -> None:
    path = _study(tmp_path, 'network_options = { rate = 1 }\n' + B + '[[experiments]]\nid = "C"\n'
                  'set = { network_options = { depth = 3 } }\n')  # fmt: skip
    spec = _spec(path, "C")
    assert spec.settings.network_options == {"rate": 1.0, "depth": 3, "kind": "a", "sides": (3, 5)}
    assert spec.differs == {"network_options.depth": (2, 3)}
    assert RunSpec.model_validate_json(spec.model_dump_json()).config_hash == spec.config_hash


def test_resolving_and_auditing_runs_none_of_the_code(tmp_path: Path) -> None:
    path = _study(tmp_path, B)
    for name, text in TREE.items():
        (tmp_path / name).write_text(RAISES + text)
    audit(load_study(path))
    assert _spec(path).code is not None


def test_a_function_of_an_installed_package_is_a_librarys(tmp_path: Path) -> None:
    spec = _spec(_study(tmp_path, B, network="torchvision.models:resnet18"))
    assert spec.code is not None
    assert not spec.code.files
    assert list(spec.code.packages) == ["torchvision"]


def test_a_package_that_python_finds_elsewhere_is_copied_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    away = tmp_path / "src" / "lab_nets"
    away.mkdir(parents=True)
    (away / "__init__.py").write_text("")
    (away / "heads.py").write_text("from lab_nets import parts\n\ndef build(*, depth: int = 1, context): ...\n")
    (away / "parts.py").write_text("")
    (away / "unused.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    path = _study(tmp_path / "study", 'loss_type = "nets/blocks.py:helper"\n' + B, network="lab_nets.heads:build")
    spec, run = _spec(path), RunFolder(tmp_path / "run")
    assert spec.code is not None
    assert [n for n in spec.code.files if n.startswith("lab")] == [
        f"lab_nets/{n}.py" for n in ("__init__", "heads", "parts")
    ]
    copy_code(run, spec_document(spec))
    assert (require_copy(run, spec.code) / "lab_nets" / "parts.py").exists()
    assert (run.code / "helper.py").exists()
    (away / "parts.py").write_text("x = 1")
    assert spec.code.changed() == ["lab_nets/parts.py"]
    assert _spec(path).config_hash != spec.config_hash


@pytest.mark.parametrize("last", ["def build(*, width: int = 1): pass", "build = partial(build)", "helper = 1"])
def test_options_are_those_of_the_last_definition(tmp_path: Path, last: str) -> None:
    path = _study(tmp_path, '[[experiments]]\nid = "B"\nset = { network_options = { width = 2 } }\n')
    (tmp_path / "nets/mine.py").write_text(f"def build(*, depth: int = 1): pass\n{last}\n")
    refused = [f for f in audit(load_study(path)) if f.code == "own-code-options"]
    assert bool(refused) == (last == "helper = 1")


def test_network_and_loss_do_not_get_each_others_modules(tmp_path: Path) -> None:
    path = _study(tmp_path, B + '[[experiments]]\nid = "C"\nset = { loss_type = "losses/own.py:fn" }\n')
    (tmp_path / "losses").mkdir()
    for text, clash in [
        ("import blocks", True),
        ("from .blocks import x", True),
        ("import json, torch, helper", False),
    ]:
        (tmp_path / "losses/own.py").write_text(f"{text}\ndef fn(predicted, scores): pass\n")
        (tmp_path / "losses/blocks.py").write_text("x = 1\n")
        found = [f for f in audit(load_study(path)) if f.severity == "error"]
        assert [(f.code, f.experiment) for f in found] == ([("own-code-modules", "C")] if clash else [])
        assert not found or "nets/blocks.py or losses/blocks.py" in found[0].message


def test_a_module_with_the_name_of_a_library_is_refused(tmp_path: Path) -> None:
    path = _study(tmp_path, B)
    (tmp_path / "timm.py").write_text("")  # imported by nobody: no part of the code
    (tmp_path / "nets/numpy").mkdir()
    (tmp_path / "nets/numpy/__init__.py").write_text("")
    assert not audit_errors(path)
    (tmp_path / "nets/late.py").write_text("import timm, numpy\n")
    found = audit_errors(path)
    assert [f.code for f in found] == ["own-code-modules"] * 2
    assert {word for f in found for word in f.message.split() if "/" in word or word == "timm.py"} >= {
        "nets/numpy/",
        "timm.py",
    }


def audit_errors(path: Path) -> list[Finding]:
    return [f for f in audit(load_study(path)) if f.severity == "error"]


@pytest.mark.parametrize("name", ["../x.py", "nets/../../x.py", "{there}/x.py"])
def test_a_specification_from_elsewhere_writes_only_into_its_runs_folder(tmp_path: Path, name: str) -> None:
    name = name.format(there=tmp_path / "there")
    (tmp_path / "there/nets").mkdir(parents=True)
    for place in (tmp_path / "x.py", tmp_path / "there/x.py"):
        place.write_text("")
    run = RunFolder(tmp_path / "runs/s/e/s1-0")
    with pytest.raises(RunError, match="is no file of a study's own code"):
        copy_code(run, {"code": {"folder": str(tmp_path / "there"), "files": {name: "0" * 16}, "roots": {}}})
    assert not run.path.exists()


def test_code_of_which_not_all_would_be_copied_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _study(tmp_path, B)
    code = _spec(path).code
    assert code is not None
    files = len(code.files)
    for most, codes in [(files, []), (files - 1, ["own-code-large"])]:
        monkeypatch.setattr(own_code, "MOST_FILES", most)
        monkeypatch.setattr(own_code_checks, "MOST_FILES", most)
        assert [f.code for f in audit_errors(path)] == codes
