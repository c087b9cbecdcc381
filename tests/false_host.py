"""A host whose clock, locks or files are false: a library for LD_PRELOAD, and what its variables do.

FAKE_AHEAD=SECONDS: its clock is ahead of its disk's. FAKE_NO_LOCKS: flock fails, as on a disk that knows no locks.
FAKE_LYING_LOCKS=FOLDER: flock succeeds and locks nothing in it, as on network file systems whose locks end at a host.
FAKE_STALE=FOLDER: every fifth read of a file in it fails with ESTALE, as where another host has just replaced the file.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *t) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(id, t);
    const char *ahead = getenv("FAKE_AHEAD");
    if (id == CLOCK_REALTIME && ahead) t->tv_sec += atol(ahead);
    return code;
}
static int in(const char *folder, int descriptor) {
    char name[64], path[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(name, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}
ssize_t read(int descriptor, void *to, size_t count) {
    static unsigned reads;
    ssize_t (*real)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    const char *stale = getenv("FAKE_STALE");
    if (!stale || !in(stale, descriptor) || reads++ % 5) return real(descriptor, to, count);
    errno = ESTALE;
    return -1;
}
int flock(int descriptor, int operation) {
    int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
    const char *lying = getenv("FAKE_LYING_LOCKS");
    if (lying && in(lying, descriptor)) return 0;
    if (!getenv("FAKE_NO_LOCKS")) return real(descriptor, operation);
    errno = ENOSYS;
    return -1;
}
"""


def false_host(folder: Path) -> str:
    """The library, built in `folder`; the test is skipped where there is no C compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to build a false clock and false locks with")
    (folder / "false.c").write_text(_SOURCE)
    command = [compiler, "-shared", "-fPIC", "-o", f"{folder}/false.so", f"{folder}/false.c", "-ldl"]
    subprocess.run(command, check=True)
    return f"{folder}/false.so"
