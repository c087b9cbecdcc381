"""Runs a function as another user, in a process of its own."""

import multiprocessing
import os
from collections.abc import Callable
from typing import Any


def as_user(user: int, act: Callable[[], Any], groups: tuple[int, ...] = (), umask: int = 0o022) -> Any:
    """What `act` returns, or raises, in a process of the user; of this user where only root could change it."""
    ours, theirs = multiprocessing.Pipe(duplex=False)

    def work() -> None:
        if os.getuid() == 0:
            os.setgroups(list(groups))
            os.setgid(user)
            os.setuid(user)
        os.umask(umask)
        try:
            theirs.send(act())
        except Exception as error:  # noqa: BLE001
            theirs.send(error)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    theirs.close()
    assert ours.poll(30), "it waits"
    answer = ours.recv()
    process.join()
    if isinstance(answer, Exception):
        raise answer
    return answer
