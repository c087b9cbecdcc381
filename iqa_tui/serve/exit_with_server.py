"""Makes a console in a browser exit with its server, however the server ended."""

import os
import select
import signal
import threading
import time

_GRACE = 5.0  # seconds for a clean exit


def exit_with_server() -> None:
    """Exit once standard input is closed, which Textual's reader ignores."""
    threading.Thread(target=_wait, name="server-watch", daemon=True).start()


def _wait() -> None:
    hung_up = select.poll()
    hung_up.register(0, 0)  # standard input is a pipe from the server; POLLHUP is always reported
    hung_up.poll()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE)
    os._exit(0)
