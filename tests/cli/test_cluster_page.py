"""docs/cluster.md: its batch script is the one written for its study file, and it names every key of [slurm]."""

import json
import re
import sys
from pathlib import Path

from iqa_train.study.slurm_table import RESERVED, SlurmTable
from tests.conftest import Project

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cluster.md").read_text()
FOLDER = "/home/me/parts"


def block(language: str) -> str:
    """The page's only block of code in a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_the_script_in_the_page_is_that_of_its_study_file(tmp_path: Path) -> None:
    (tmp_path / "experiments.toml").write_text(block("toml"))
    found = Project(tmp_path).run("--all", "--backend", "slurm", "--dry-run", "--json").stdout
    first, second = (array["script"] for array in json.loads(found)["arrays"])
    here = first.replace(sys.executable, f"{FOLDER}/.venv/bin/python").replace(str(tmp_path), FOLDER)
    assert here == block("bash")
    assert second == first.replace(".out\n", ".out\n#SBATCH --dependency=afterany:ARRAY1\n")


def test_check_finds_nothing_to_say_of_the_jobs_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "experiments.toml").write_text(block("toml"))
    found = json.loads(Project(tmp_path).run("check", "--json").stdout)["findings"]
    assert [finding for finding in found if finding["severity"] != "note"] == []
    assert not [finding for finding in found if finding["code"].startswith("slurm-")]


def test_the_page_names_every_key_of_the_table() -> None:
    rows = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert named == set(SlurmTable.model_fields)
    assert not any(f'["--{name}' in PAGE for name in RESERVED)
