"""Predictions are written and read back exactly, whatever the locale."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from iqa_train.runs.predictions import Predictions, read_predictions, write_predictions

_READ = """
import sys
from pathlib import Path
from iqa_train.runs.predictions import read_predictions
print(ascii(read_predictions(Path(sys.argv[1])).images))
"""


def test_predictions_are_read_back_exactly(tmp_path: Path) -> None:
    names = ("größe/0.png", 'a "quoted", name.png', "写真.jpg")
    written = Predictions(names, np.array([0.1, 1 / 3, 1e-300]), np.array([0.1 + 0.2, 5e-324, -1e300]))
    path = tmp_path / "predictions-test.csv"
    write_predictions(path, written)
    again = read_predictions(path)
    assert again.images == names
    assert again.scores.tobytes() == written.scores.tobytes()
    assert again.predictions.tobytes() == written.predictions.tobytes()
    done = subprocess.run(
        [sys.executable, "-c", _READ, path],
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ascii(names)
