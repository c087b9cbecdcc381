"""The clock of the file server: signs of life are times of files, and a host's own clock may differ from it."""

import os
import tempfile
import time
from pathlib import Path

_AGAIN = 60.0  # seconds after which it is measured again
_known: dict[str, tuple[float, float]] = {}  # runs folder -> when, and what


def server_ahead(runs_dir: Path) -> float:
    """Seconds by which times of files in the runs folder are ahead of this host's clock.

    Measured by a file that is made there and removed. 0 for who may not write there.
    """
    measured, ahead = _known.get(str(runs_dir), (-float("inf"), 0.0))
    if time.monotonic() - measured > _AGAIN:
        ahead = _measured(runs_dir)
        _known[str(runs_dir)] = time.monotonic(), ahead
    return ahead


def _measured(runs_dir: Path) -> float:
    before = time.time()
    try:
        descriptor, name = tempfile.mkstemp(prefix=".clock-", dir=runs_dir)
    except OSError:
        return 0.0
    try:
        os.utime(descriptor)
        now = os.fstat(descriptor).st_mtime
    except OSError:
        return 0.0
    finally:
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)
    after = time.time()
    return now - min(max(now, before), after)  # 0 within what the measuring took
