"""Delivers the outbox in a thread of its own: a channel that hangs does not delay the scheduler."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import time
from typing import Any

from iqa_train.errors import RunError
from iqa_train.redaction import without_parts_of, without_words
from iqa_train.scheduler.notify import COMMAND_LIMIT, WEB_LIMIT, channels_of, complaint
from iqa_train.scheduler.notify_table import addresses_of
from iqa_train.scheduler.outbox import PAUSES, Entry, entries


class Courier:
    """Delivers for a runs folder. `config_of` gives a study's [notify], or raises RunError."""

    def __init__(
        self, runs_dir: Path, config_of: Callable[[str], Mapping[str, Any]], say: Callable[[str], None]
    ) -> None:
        self._runs_dir = runs_dir
        self._config_of = config_of
        self._say = say
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._noted: dict[Path, Entry] = {}  # not delivered again where a full disk kept them from being saved

    def look(self) -> bool:
        """Start delivering what is due; returns at once whether anything is left."""
        left = self._entries()
        if any(entry.wait <= 0 for entry in left) and not self._is_busy() and not self._ending.is_set():
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()
        return bool(left) or self._is_busy()

    def finish(self, patience: float = 2 * (COMMAND_LIMIT + WEB_LIMIT)) -> None:
        """Start no further delivery and wait at most `patience` seconds for the running one; the rest stays on disk."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(patience)

    def _is_busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _entries(self) -> list[Entry]:
        return [self._noted.get(entry.path, entry) for entry in entries(self._runs_dir)]

    def _work(self) -> None:
        try:
            for entry in self._entries():
                if entry.wait <= 0 and not self._ending.is_set():
                    self._deliver(entry)
        except OSError as error:
            self._say(f"notify: {error.filename or self._runs_dir}: {error.strerror}")

    def _note(self, entry: Entry) -> Entry:
        self._noted[entry.path] = entry
        with suppress(OSError):
            entry.save(self._runs_dir)
        return entry

    def _deliver(self, entry: Entry) -> None:
        failures, config = [], dict[str, Any]()
        try:
            config |= self._config_of(entry.notification.study)
        except RunError as error:
            failures.append(f"notify: {error}")
        for channel in channels_of(config, entry.notification):
            if channel.key in entry.taken:
                continue
            why = channel.send()
            if why:
                failures.append(_public(complaint(entry.notification, channel, why), config))
                continue
            entry = self._note(replace(entry, taken=(*entry.taken, channel.key)))
        again = PAUSES[entry.tries] if failures and entry.tries < len(PAUSES) else None
        how = f"given up after {entry.tries + 1} tries" if again is None else f"tried again in {again:g} s"
        for words in failures:
            self._say(f"{words}; {how}")
        if again is None:
            entry.path.unlink(missing_ok=True)
        else:
            self._note(replace(entry, tries=entry.tries + 1, due=time() + again))


def _public(text: str, config: Mapping[str, Any]) -> str:
    """`text` for the log, which others may read: a command may repeat its arguments, and a server its address."""
    return without_words(without_parts_of(text, addresses_of(config)), str(config.get("command", "")).split()[1:])
