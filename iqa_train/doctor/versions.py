"""The versions of what the program is made of."""

from collections.abc import Iterator

from iqa_train.doctor.check_result import Checkup
from iqa_train.runs.provenance import package_versions


def check_versions() -> Iterator[Checkup]:
    """Python and the packages; an error where one that runs need is missing."""
    import platform

    versions = package_versions()
    missing = [name for name, version in versions.items() if version == "not installed" and name != "iqa-tui"]
    if missing:
        message = f"not installed: {', '.join(missing)}; runs cannot start"
        yield Checkup("versions", "error", message, "install the program anew, with all it needs")
    listed = [f"{name} {version}" for name, version in versions.items() if name not in missing]
    yield Checkup("versions", "note", f"Python {platform.python_version()}, {', '.join(listed)}")
