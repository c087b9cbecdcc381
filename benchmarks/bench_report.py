"""The report of a study of thirty runs, how it grows with their number, and two parts of it against the obvious way.

  ours        everything `iqa-train report` does, but for the tracker: read the runs, compute every metric with 95 %
              intervals, draw every figure in two widths and three forms, write tables and page
  reference   of growth: the same for a third of the runs, three times
              of figures: the same drawings, each saved in each form with plain `savefig`, in the whole font
              of concordance: Kendall's concordance of each image from the signs of all pairs, block by block
  fair        both are one process's processor time, by turns, after a round that warms up; the runs are made of random
              predictions for as many images as KonIQ-10k tests on

`bench_report.growth` has the seconds of thirty runs and three times those of ten: at a ratio (reference / ours) of 1
the report grows with the number of runs, above it more slowly, and below the bar faster than it should.
`bench_report.seconds` is what thirty runs may take. The lines without a bar are for information: what of it is
statistics, what is files, and what one more run costs.
"""

import io
import tempfile
from pathlib import Path

import numpy as np
from _common import duel, figure, note, options, race

from iqa_train.files import append_line, write_json
from iqa_train.report.collect import gather
from iqa_train.report.figures import style
from iqa_train.report.figures.make_figures import planned_figures
from iqa_train.report.report_data import ReportData
from iqa_train.report.write import write_report
from iqa_train.results.selection import chosen_runs
from iqa_train.runs.layout import run_folder
from iqa_train.runs.predictions import Predictions, write_predictions
from iqa_train.runs.specfile import write_spec
from iqa_train.stats import logistic
from iqa_train.stats.concordance import concordance
from iqa_train.study.load import load_study
from iqa_train.study.resolve import resolve_all

_HEAD = '[study]\nname = "bench"\nbaseline = "E00"\n[defaults]\ndataset = "koniq-10k"\ntrain_test_num = 1\n'
_EPOCHS = 10
_BAR = 0.8
_ALLOWED_S = 15.0
_FIGURES_BAR, _CONCORDANCE_BAR = 1.15, 5.0
_BLOCK = 1 << 22  # pairs at once


class Study:
    """A study of `count` finished runs in a folder of its own."""

    def __init__(self, folder: Path, count: int, images: int) -> None:
        self._folder, self._file = folder, folder / "experiments.toml"
        folder.mkdir()
        changes = [
            f'[[experiments]]\nid = "E{k:02}"\ntitle = "Rate number {k}"\nset = {{ lr = {(k + 1) * 1e-6:g} }}\n'
            for k in range(count)
        ]
        self._file.write_text(_HEAD + "".join(changes), encoding="utf-8")
        rng = np.random.default_rng(count)
        scores = rng.uniform(0, 100, images)
        for number, spec in enumerate(resolve_all(load_study(self._file))):
            run = run_folder(folder / "runs", spec)
            attempt = run.next_attempt()
            attempt.folder.mkdir(parents=True)
            write_spec(run, spec)
            guessed = scores + rng.normal(0, 12 + 0.1 * number, images)
            names = tuple(f"{k}.jpg" for k in range(images))
            write_predictions(run.path / "predictions-test.csv", Predictions(names, scores, guessed))
            one = {
                "round": 1,
                "seed": spec.seed,
                "epochs": _EPOCHS,
                "seconds": 1.0,
                "parameters": 10**6 + 10**5 * number,
            }
            write_json(run.result, {"rounds": [one | {"test": {"srcc": 0.9}, "test_chosen": {"srcc": 0.9}}]})
            write_json(attempt.exit, {"state": "completed", "reason": "", "exit_code": 0, "signal": None})
            for epoch in range(1, _EPOCHS + 1):
                values = {
                    "val_srcc": 0.9 - 0.3 / epoch,
                    "test_srcc": 0.9 - 0.3 / epoch,
                    "train_loss": 9 / epoch,
                    "lr": 1e-5,
                }
                append_line(attempt.metrics, {"event": "epoch", "round": 1, "epoch": epoch, **values})

    def gather(self) -> ReportData:
        """The statistics, as a process computes them that has computed nothing yet."""
        logistic._fit.cache_clear()
        return gather(chosen_runs(self._folder / "runs", None, self._file, None), self._folder / "runs")

    def report(self) -> list[Path]:
        """All of it."""
        return write_report(self.gather(), self._folder / "report")


def our_figures(data: ReportData) -> None:
    """Every figure of the report as files."""
    with style.styled():
        for planned in planned_figures(data):
            for width in (style.ONE_COLUMN, style.TWO_COLUMNS):
                drawn = planned.draw(width)
                for form in style.FORMATS:
                    style.rendered(drawn, form, planned.name)


def plain_figures(data: ReportData) -> None:
    """The same drawings, with matplotlib's own fonts, and laid out again for every file."""
    import matplotlib as mpl

    with style.styled():
        mpl.rcParams["font.family"] = ["DejaVu Sans"]
        for planned in planned_figures(data):
            for width in (style.ONE_COLUMN, style.TWO_COLUMNS):
                drawn = planned.draw(width)
                for form in style.FORMATS:
                    drawn.savefig(io.BytesIO(), format=form, dpi=300)


def by_all_pairs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """With how many others each pair is concordant, minus with how many it is discordant."""
    result = np.empty(len(x), dtype=np.int64)
    step = max(1, _BLOCK // len(x))
    for start in range(0, len(x), step):
        sign_x = np.sign(x[start : start + step, None] - x[None, :]).astype(np.int8)
        sign_y = np.sign(y[start : start + step, None] - y[None, :]).astype(np.int8)
        result[start : start + step] = np.sum(sign_x * sign_y, axis=1, dtype=np.int64)
    return result


def main() -> None:
    """Time a whole report, its parts, and its growth."""
    chosen = options(__doc__ or "").parse_args()
    many, images = (6, 200) if chosen.smoke else (30, 2015)
    few = many // 3
    with tempfile.TemporaryDirectory() as folder:
        large = Study(Path(folder, "large"), many, images)
        small = Study(Path(folder, "small"), few, images)
        whole, third, statistics = race(1, large.report, small.report, large.gather)
        files = [path for path in Path(folder, "large", "report").rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        data = large.gather()
    note(f"{many} runs, {images} test images: {len(files)} files, {size / 1e6:.1f} MB")
    figure("bench_report.growth", whole, 3 * third, 3 * third / whole, unit="s", bar=_BAR, ok=3 * third / whole >= _BAR)
    figure("bench_report.seconds", whole, _ALLOWED_S, _ALLOWED_S / whole, unit="s", bar="15s", ok=whole <= _ALLOWED_S)
    figure("bench_report.statistics", statistics, whole, statistics / whole, unit="s", bar=None)
    figure("bench_report.files", whole - statistics, whole, (whole - statistics) / whole, unit="s", bar=None)
    another = (whole - third) / (many - few)
    figure("bench_report.one-more-run", another, whole / many, another / (whole / many), unit="s", bar=None)
    ours, plain, ratio = duel(1 if chosen.smoke else 3, lambda: our_figures(data), lambda: plain_figures(data))
    figure("bench_report.figures", ours, plain, ratio, unit="s", bar=_FIGURES_BAR, ok=ratio >= _FIGURES_BAR)
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 100, 2015)
    y = x + rng.normal(0, 12, 2015)
    assert (concordance(x, y) == by_all_pairs(x, y)).all()
    ours, pairs, ratio = duel(5 if chosen.smoke else 20, lambda: concordance(x, y), lambda: by_all_pairs(x, y))
    figure("bench_report.concordance", ours, pairs, ratio, unit="s", bar=_CONCORDANCE_BAR, ok=ratio >= _CONCORDANCE_BAR)


if __name__ == "__main__":
    main()
