"""Writes predictions as they come, as CSV or one JSON object, to standard output or a file."""

import csv
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from iqa_train.escape import ESCAPED
from iqa_train.files import sync_folder
from iqa_train.regular import open_temporary, sweep
from iqa_train.spreadsheet import plain_cell
from iqa_train.terminal import raw


class PredictionsOut:
    """A context manager. The file appears at its end, also after Ctrl-C, with all predictions so far."""

    def __init__(self, path: Path | None, form: str) -> None:
        self._path, self._form = path, form
        self._part: Path | None = None
        self._begun = False
        self._rows = 0
        self._skipped: list[dict[str, str]] = []
        self._stream: TextIO = sys.stdout

    def __enter__(self) -> "PredictionsOut":
        if self._path is not None:
            descriptor, self._part = open_temporary(self._path, "part")
            self._stream = os.fdopen(descriptor, "w", encoding="utf-8", errors=ESCAPED, newline="")
        elif not sys.stdout.isatty():
            self._stream = raw(sys.stdout)
        return self

    def begin(self, about: Mapping[str, Any]) -> None:
        """Write the head; `about` describes the network."""
        self._begun = True
        if self._form == "csv":
            csv.writer(self._stream, lineterminator="\n").writerow(("image", "prediction"))
        else:
            self._stream.write(json.dumps(about, ensure_ascii=False)[:-1] + ', "predictions": [')

    def row(self, image: str, prediction: float) -> None:
        if self._form == "csv":
            csv.writer(self._stream, lineterminator="\n").writerow((plain_cell(image), repr(prediction)))
        else:
            self._stream.write(",\n  " if self._rows else "\n  ")
            self._stream.write(json.dumps({"image": image, "prediction": prediction}))
        self._rows += 1

    def skip(self, image: str, reason: str) -> None:
        """Record an image without prediction, for JSON."""
        self._skipped.append({"image": image, "reason": reason})

    def flush(self) -> None:
        self._stream.flush()

    def end(self, *, complete: bool) -> None:
        """Write the end; `complete` unless interrupted."""
        if self._begun and self._form == "json":
            self._stream.write(f'\n], "skipped": {json.dumps(self._skipped)}, "complete": {json.dumps(complete)}}}\n')
        self._stream.flush()

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._part is None or self._path is None:
            return
        try:
            self._stream.close()
        except OSError:  # a full disk
            self._part.unlink(missing_ok=True)
            raise
        if self._begun and (kind is None or issubclass(kind, KeyboardInterrupt)):
            self._part.replace(self._path)
            sync_folder(self._path.parent)
            sweep(self._path.parent, self._path.name)
        else:
            self._part.unlink(missing_ok=True)
