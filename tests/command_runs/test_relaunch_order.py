"""The console relaunches a run of a user's program as it was started."""

from pathlib import Path

import pytest

from iqa_train.errors import UsageError
from iqa_train.runs.layout import run_folder
from iqa_train.runs.specfile import write_spec
from iqa_train.study.load import load_study
from iqa_train.study.resolve import resolve
from iqa_tui.actions.orders import StartOrder
from iqa_tui.actions.resolve_order import resolve_order
from iqa_tui.state.board import Target
from tests.command_runs.command_project import STUDY


def test_with_its_parameters_also_for_another_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("experiments.toml").write_text(STUDY)
    changed = {"parameters": {"noise": "0.1", "what": "a 'b'"}}
    spec = resolve(load_study(Path("experiments.toml")), "Base", overrides=changed)
    run = run_folder(Path("runs"), spec)
    run.path.mkdir(parents=True)
    write_spec(run, spec)
    target = Target(Path("runs"), Path("logs"), study="small")
    (found,) = resolve_order(target, StartOrder((str(run.path),), seeds=(7,), changes={"epochs": 5}))
    assert found.spec.parameters == {"noise": 0.1, "what": "a 'b'"}
    assert (found.spec.seed, found.spec.settings.epochs) == (7, 5)
    with pytest.raises(UsageError, match=r"--lr is a setting of this program's trainer"):
        resolve_order(target, StartOrder((str(run.path),), changes={"lr": 1e-3}))
