"""The user's home folder, which may be unknown: in a container or a service, without HOME or an entry in passwd."""

from pathlib import Path

from iqa_train.errors import UsageError


def home() -> Path | None:
    """None if it is unknown."""
    try:
        return Path.home()
    except (RuntimeError, KeyError):
        return None


def expanded(path: str | Path) -> Path:
    """`path` with "~" or "~name" at its start expanded. Raises UsageError if that home folder is unknown."""
    try:
        return Path(path).expanduser()
    except (RuntimeError, KeyError):
        name = Path(path).parts[0]
        raise UsageError(f'{path}: the home folder "{name}" is unknown; write the path out, or set HOME') from None
