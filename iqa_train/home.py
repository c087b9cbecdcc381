"""The user's home folder, which may be unknown: in a container or a service, without HOME or an entry in passwd."""

from pathlib import Path

from iqa_train.errors import UsageError


def home() -> Path | None:
    """None where it is unknown."""
    try:
        return Path.home()
    except (RuntimeError, KeyError):
        return None


def expanded(path: str | Path) -> Path:
    """`path` with "~" or "~name" at its start replaced. Raises UsageError where nobody knows what that is."""
    try:
        return Path(path).expanduser()
    except (RuntimeError, KeyError):
        name = Path(path).parts[0]
        raise UsageError(f'{path}: nothing says where "{name}" is (HOME or the list of users); write it out') from None
