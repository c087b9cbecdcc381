"""The checks of `iqa-train doctor`, in the order in which they are reported."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from iqa_train.doctor.caches import check_caches
from iqa_train.doctor.check_result import CheckScope, Checkup, from_sentence
from iqa_train.doctor.clock import check_clock
from iqa_train.doctor.data import check_data
from iqa_train.doctor.disks import check_disks
from iqa_train.doctor.file_systems import check_file_systems
from iqa_train.doctor.gpus import check_gpus
from iqa_train.doctor.leases import check_leases
from iqa_train.doctor.logout import check_logout
from iqa_train.doctor.queue import check_queue
from iqa_train.doctor.quota import check_quota
from iqa_train.doctor.runs import check_runs
from iqa_train.doctor.study import check_versions, read_study
from iqa_train.errors import UsageError, UserError
from iqa_train.files import cache_root, names_variables


def checkups(where: CheckScope) -> list[Checkup]:
    """Look at everything. Never raises for what it finds; UsageError for a profile that the study does not have."""
    specs, study = read_study(where)
    folders = {"runs": where.runs_dir, "logs": where.logs_dir}
    caches: dict[Path, None] = {}
    given = dict.fromkeys(spec.settings.cache_dir for spec in specs) or {"": None}
    for cache_dir in given:
        with suppress(UsageError):  # without a home folder, caches are not checked
            if not names_variables(cache_dir):  # which have other values where runs run
                caches[cache_root(cache_dir)] = None
    folders |= {f"pixel cache{f' {n}' if n > 1 else ''}": path / "pixels" for n, path in enumerate(caches, 1)}
    checks: dict[str, Callable[[], Iterable[Checkup]]] = {
        "gpu": lambda: check_gpus(where.root),
        "leases": lambda: check_leases(where.root),
        "runs": lambda: check_runs(where.runs_dir),
        "queue": lambda: check_queue(where.runs_dir),
        "disk-space": lambda: check_disks(folders),
        "quota": check_quota,
        "cache": lambda: check_caches(caches, [name for name in given if names_variables(name)]),
        "file-system": lambda: check_file_systems(folders, where),
        "log-out": lambda: check_logout(where.root),
        "study": lambda: study,
        "data-set": lambda: check_data(specs),
        "clock": lambda: check_clock(where.runs_dir),
        "versions": check_versions,
    }
    return [checkup for name, check in checks.items() for checkup in _guarded(name, check)]


def _guarded(name: str, check: Callable[[], Iterable[Checkup]]) -> list[Checkup]:
    """What a check finds up to its end, or up to an error, which becomes a finding, too."""
    found: list[Checkup] = []
    try:
        for checkup in check():
            found.append(checkup)
    except UserError as error:
        found.append(from_sentence(name, "error", str(error)))
    except OSError as error:
        found.append(Checkup(name, "error", f"{error.filename or 'a file'} cannot be used: {error.strerror}"))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        found.append(Checkup(name, "error", f"a state file holds what no version writes ({error!r})"))
    return found
