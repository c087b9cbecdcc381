"""Studies whose experiments a script of the user's own trains."""

import shutil
from pathlib import Path

from tests.conftest import Project, write_small_study

SCRIPT = Path(__file__).with_name("train.py")

STUDY = r"""
[study]
name = "small"
baseline = "Base"

[datasets.small]
csv = "scores.csv"
score_range = [-20, 120]
reference_column = "reference"

[command]
run = ["{python}", "train.py", "{noise}", "{what}"]
resume = ["{python}", "train.py", "{noise}", "{what}"]
epochs = 'epoch (?P<epoch>\d+): loss (?P<loss>\S+), val_srcc (?P<val_srcc>\S+), srcc (?P<srcc>\S+)'

[defaults]
dataset = "small"
epochs = 3
noise = 5.0
what = ""

[[experiments]]
id = "Base"
"""


def experiment(name: str, **parameters: object) -> str:
    """An [[experiments]] table with these parameters."""
    pairs = ", ".join(
        f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in parameters.items()
    )
    return f'\n[[experiments]]\nid = "{name}"\nset = {{ {pairs} }}\n'


def command_project(folder: Path, study: str = STUDY) -> Project:
    """A project of such a study, with its script and pictures."""
    project = write_small_study(folder, study)
    shutil.copy(SCRIPT, folder / "train.py")
    return project
