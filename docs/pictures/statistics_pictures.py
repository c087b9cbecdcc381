"""The pictures of docs/statistics.md, from runs of the demo with three seeds:

iqa-train --demo --seeds 1 2 3 --slots 1 --runs-dir FOLDER
python docs/pictures/statistics_pictures.py FOLDER
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_train.results.comparison import Comparison, compare
from iqa_train.results.paired_predictions import ExperimentPredictions
from iqa_train.results.run_record import by_experiment, predictions_by_seed, record_study
from iqa_train.stats.holm import holm
from iqa_train.stats.interval import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HERE = Path(__file__).parent
SEEDS = (1, 2, 3)
MARGIN = 0.02
BLUE, GREY, RED = "#2166ac", "#8a8a8a", "#b2182b"


def main(runs_dir: Path) -> int:
    """Write three pictures beside this file; 1 where the runs are missing."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    runs = by_experiment(record_study(runs_dir, "demo"))
    experiments = [ExperimentPredictions(name, predictions_by_seed(own)) for name, own in runs.items()]
    if not experiments or any(set(SEEDS) - set(one.by_seed) for one in experiments):
        print("no runs of the demo with seeds 1, 2 and 3 there", file=sys.stderr)
        return 1
    one_seed(experiments)
    every_seed(experiments)
    regions(experiments)
    return 0


def one_seed(experiments: list[ExperimentPredictions]) -> None:
    """What each seed alone says of the experiments, with the interval from test images."""
    figure, panels = _sheet(len(SEEDS), 2.3)
    for panel, seed in zip(panels, SEEDS, strict=True):
        rows = _compared([ExperimentPredictions(one.experiment, {seed: one.by_seed[seed]}) for one in experiments])
        adjusted = holm([row.p for row in rows])
        for at, (row, p) in enumerate(zip(rows, adjusted, strict=True)):
            assert row.delta is not None and p is not None
            _line(panel, at, row.delta, row.delta_interval, RED if p < 0.05 else GREY)
            print(f"seed {seed}: {row.experiment} {row.delta:+.4f}, p {p:.3f} after Holm's correction")
        panel.set_xticks((-0.04, 0, 0.04))
        _names(panel, rows, f"seed {seed} alone: two runs")
    _save(figure, "one-seed")


def every_seed(experiments: list[ExperimentPredictions]) -> None:
    """Values of each seed joined to the baseline's, and the difference over seeds."""
    figure, (values, differences) = _sheet(2, 2.6, share=False)
    base, rows = experiments[0], _compared(experiments)
    (baseline,) = compare([base], None)
    for at, row in enumerate(rows):
        for seed in SEEDS:
            values.plot([baseline.values[seed], row.values[seed]], [-1, at], color=BLUE, alpha=0.25, linewidth=0.8)
            values.plot(row.values[seed], at, "o", color=BLUE, markersize=4)
            differences.plot(row.differences[seed], at - 0.22, "o", color=BLUE, markersize=3.5, alpha=0.7)
        assert row.delta is not None
        _line(differences, at, row.delta, row.delta_interval, "black")
        print(f"three seeds: {row.experiment} {row.delta:+.4f}, {row.delta_interval}")
    values.plot(list(baseline.values.values()), [-1] * len(baseline.values), "o", color="black", markersize=4)
    values.set_yticks(range(-1, len(rows)), [base.experiment, *(row.experiment for row in rows)])
    values.set_ylim(len(rows) - 0.5, -1.5)
    values.set_xlabel("SRCC; lines join runs with the same seed")
    _names(differences, rows, "difference from the baseline")
    _save(figure, "every-seed")


def regions(experiments: list[ExperimentPredictions]) -> None:
    """Where a 95 % interval lies against zero and the margin, and what is then said."""
    figure, (panel,) = _sheet(1, 3.0)
    panel.axvspan(-MARGIN, MARGIN, color="#d9e8f5", zorder=0)
    made: list[tuple[str, float, Interval]] = [
        ("different: better", 0.048, (0.026, 0.070)),
        ("different, but less than the margin", 0.010, (0.003, 0.017)),
        ("same within ±0.02", -0.001, (-0.012, 0.010)),
        ("not decided", 0.014, (-0.013, 0.041)),
        ("different: worse", -0.047, (-0.070, -0.024)),
    ]
    rows = _compared(experiments)
    for at, (_, value, interval) in enumerate(made):
        _line(panel, at, value, interval, BLUE)
    for at, row in enumerate(rows, len(made)):
        assert row.delta is not None and row.law is not None
        low, high = row.law.interval(row.delta, 0.9)
        _line(panel, at, row.delta, (low, high), "black")
    says = [says for says, _, _ in made] + [f"{row.experiment} of the demo, 3 seeds" for row in rows]
    panel.set_yticks(range(len(says)), says)
    panel.set_ylim(len(says) - 0.5, -0.5)
    panel.axvline(0, color="black", linewidth=0.8)
    panel.set_xlabel(f"difference in SRCC; shaded: less than a margin of {MARGIN}")
    _save(figure, "margin")


def _compared(experiments: list[ExperimentPredictions]) -> list[Comparison]:
    return compare(experiments[1:], experiments[0])


def _sheet(columns: int, height: float, *, share: bool = True) -> "tuple[Figure, list[Axes]]":
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, columns, figsize=(7.6, height), sharex=share, squeeze=False, layout="constrained")
    return figure, list(panels[0])


def _line(panel: "Axes", at: float, value: float, interval: Interval | None, colour: str) -> None:
    if interval is not None:
        panel.plot(interval, [at, at], color=colour, linewidth=1.4)
    panel.plot(value, at, "o", color=colour, markersize=5)


def _names(panel: "Axes", rows: list[Comparison], label: str) -> None:
    panel.set_yticks(range(len(rows)), [row.experiment for row in rows])
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.axvline(0, color="black", linewidth=0.8)
    panel.set_xlabel(label)


def _save(figure: "Figure", name: str) -> None:
    figure.savefig(HERE / f"statistics-{name}.png", dpi=130)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs")))
