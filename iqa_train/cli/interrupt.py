"""Delivers Ctrl-C where it is neither lost nor leaves anything half done.

Python raises KeyboardInterrupt wherever the program happens to be. During an import it can get lost (the import system
ignores it in its callbacks, and C code takes it for a missing module) or leave a library half initialised; in a
callback or a destructor it is only printed; between two lines of `threading` it can leave a lock locked for good. In
these places it is postponed.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SOON = 0.02  # seconds
_TRIES = 5  # within `threading`, where a long wait may be interrupted


class _CtrlC:
    held = False
    waiting = False
    tries = 0

    def press(self, _number: int, frame: FrameType | None) -> None:
        self.tries += 1
        if self.held or _importing(frame) or (_locking(frame) and self.tries <= _TRIES):
            self.wait()
        else:
            self.forget()
            raise KeyboardInterrupt

    def wait(self) -> None:
        self.waiting = True
        signal.setitimer(signal.ITIMER_REAL, _SOON)

    def forget(self) -> None:
        self.waiting, self.tries = False, 0
        signal.setitimer(signal.ITIMER_REAL, 0)


_ctrl_c = _CtrlC()


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _locking(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename == threading.__file__


@contextmanager
def deliver_interrupts() -> Iterator[None]:
    """Inside the block, Ctrl-C raises KeyboardInterrupt as soon as nothing can swallow it.

    Does nothing where Ctrl-C is ignored (nohup, background jobs) and outside the main thread.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    unheard = sys.unraisablehook

    def deliver(what: "sys.UnraisableHookArgs") -> None:
        if what.exc_type is KeyboardInterrupt:
            _ctrl_c.wait()
        else:
            unheard(what)

    alarm = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.signal(signal.SIGINT, _ctrl_c.press)
    sys.unraisablehook = deliver
    try:
        yield
    finally:
        _ctrl_c.forget()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGALRM, alarm)
        sys.unraisablehook = unheard


@contextmanager
def delay_interrupt() -> Iterator[None]:
    """Postpone Ctrl-C to the end of the block, which is thus carried out as a whole."""
    _ctrl_c.held = True
    try:
        yield
    finally:
        _ctrl_c.held = False
    if _ctrl_c.waiting:
        _ctrl_c.forget()
        raise KeyboardInterrupt
