"""An empty project on an unknown host; a clock and locks that are false."""

import shutil
import subprocess
from pathlib import Path

import pytest

from iqa_train.devices.leases import VARIABLE
from iqa_train.doctor.check_result import CheckScope
from tests.doctor.checkup_world import put

# A host whose clock is ahead of its disk's, and a disk that knows no locks.
PRELOAD = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *t) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(id, t);
    const char *ahead = getenv("FAKE_AHEAD");
    if (id == CLOCK_REALTIME && ahead) t->tv_sec += atol(ahead);
    return code;
}
int flock(int descriptor, int operation) {
    int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
    if (!getenv("FAKE_NO_LOCKS")) return real(descriptor, operation);
    errno = ENOSYS;
    return -1;
}
"""


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CheckScope:
    """An empty project on a host of which nothing is known; its leases are its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "leases"))
    return CheckScope(tmp_path / "runs", tmp_path / "logs", root=tmp_path / "root")


@pytest.fixture(scope="session")
def preload(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library that makes them false, for LD_PRELOAD."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to build a false clock with")
    folder = tmp_path_factory.mktemp("preload")
    put(folder / "false.c", PRELOAD)
    command = [compiler, "-shared", "-fPIC", "-o", f"{folder}/false.so", f"{folder}/false.c", "-ldl"]
    subprocess.run(command, check=True)
    return f"{folder}/false.so"
