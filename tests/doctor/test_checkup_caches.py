"""A pixel cache in which other users could have put files is an error; any other cache is not mentioned."""

import tempfile
from pathlib import Path

import pytest

from iqa_train.doctor.caches import check_caches
from iqa_train.doctor.check_result import CheckScope
from tests.doctor.checkup_world import found, put


def test_a_cache_that_any_user_can_write_to_is_an_error() -> None:
    with tempfile.TemporaryDirectory() as name:  # not pytest's folder, which keeps other users out
        Path(name).chmod(0o755)
        folder = Path(name, "cache", "pixels")
        folder.mkdir(parents=True)
        assert list(check_caches([folder.parent])) == []
        folder.chmod(0o777)
        (found,) = check_caches([folder.parent])
    assert found.verdict == "error"
    assert str(folder) in found.message
    assert "cache_dir" in found.cure


def test_a_cache_that_is_not_there_is_not_mentioned(tmp_path: Path) -> None:
    assert list(check_caches([tmp_path / "missing"])) == []


def test_a_cache_that_each_node_names_is_not_looked_for_here(
    where: CheckScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NODE_DISK", raising=False)
    put(
        Path("experiments.toml"),
        '[study]\nname = "s"\nbaseline = "B"\nseeds = [1]\n[defaults]\ndataset = "demo"\n'
        'cache_dir = "$NODE_DISK/iqa"\n[[experiments]]\nid = "B"\nslug = "b"\ntitle = "b"\npurpose = "b"\n',
    )
    assert next(c.message for c in found(where, "study")).endswith("1 experiment")
    (note,) = found(where, "cache")
    assert (note.verdict, '"$NODE_DISK/iqa"' in note.message) == ("note", True)
    assert not [c for c in found(where, "disk-space") if "pixel cache" in c.message]
