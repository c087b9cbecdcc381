"""A pixel cache in which other users could have put files is an error; any other cache is not mentioned."""

import tempfile
from pathlib import Path

from iqa_train.doctor.caches import check_caches


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
