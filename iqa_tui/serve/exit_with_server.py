"""A console in a browser ends with the server that opened it, however that one went."""

import os
import select
import signal
import threading
import time

_GRACE = 5.0  # seconds to leave in good order


def end_with_server() -> None:
    """Leave once nobody is left who could type: Textual's own reader goes on without a word."""
    threading.Thread(target=_wait, name="server-watch", daemon=True).start()


def _wait() -> None:
    hung_up = select.poll()
    hung_up.register(0, 0)  # standard input is a pipe from the server; its end is always noticed
    hung_up.poll()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE)
    os._exit(0)
