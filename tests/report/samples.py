"""Results made by hand: the five experiments of the original study, and difficult cases for a report."""

from dataclasses import replace
from typing import Any

import numpy as np

from iqa_train.report.cost import Cost
from iqa_train.report.learning import Learning
from iqa_train.report.report_data import Origin, ReportData
from iqa_train.report.worst_images import WorstImage, WorstImages
from iqa_train.results.sweep import Sweep, SweepPoint
from iqa_train.results.table import Curve, ResultRow, Standing, StudyResults
from iqa_train.runs.predictions import Predictions
from iqa_train.study.findings import Finding

BASELINE = ResultRow(
    "Baseline", "Full model", (42,), 2015, 0.93784, (0.93290, 0.94225), expected=(0.938, 0.938), position="within",
    state="completed", optimism=0.0004,
)  # fmt: skip
A1 = ResultRow(
    "A1", "Remove attention fusion", (42,), 2015, 0.93531, (0.93012, 0.94001), delta=-0.00253,
    delta_interval=(-0.00468, -0.00031), p=0.0256, p_holm=0.051, p_williams=0.021, zou_interval=(-0.0047, -0.0004),
    expected=(0.932, 0.935), expected_delta=(-0.006, -0.003), position="above", delta_position="above",
    distinguishable=False, scope="runs", covers="two runs: seed 42 of both", state="completed",
    factors=("attention_fusion",), optimism=0.0011, differences_by_seed={42: -0.00253}, values_by_seed={42: 0.93531},
)  # fmt: skip
A2 = ResultRow(
    "A2", "Remove multi-scale fusion", (42,), 2015, 0.93378, (0.92846, 0.93854), delta=-0.00406,
    delta_interval=(-0.00641, -0.00180), p=0.0004, p_holm=0.0012, p_williams=0.0006, zou_interval=(-0.0064, -0.0018),
    expected=(0.930, 0.933), expected_delta=(-0.008, -0.005), position="above", delta_position="above",
    distinguishable=True, scope="runs", higher=False, holds_to=0.0011, covers="two runs: seed 42 of both",
    state="completed", factors=("multi_scale", "attention_fusion"), optimism=0.0,
    notes=("holds for the component only if the difference varies by less than 0.0011 (SD) from seed to seed",),
)  # fmt: skip
B1 = ResultRow(
    "B1", "Tiny model", (42,), 2015, 0.92487, (0.91901, 0.93031), delta=-0.01297, delta_interval=(-0.01633, -0.00981),
    p=0.0002, p_holm=0.0008, p_williams=1e-9, zou_interval=(-0.0163, -0.0098), expected=(0.922, 0.925),
    expected_delta=(-0.016, -0.013), position="within", delta_position="within", distinguishable=True, scope="runs",
    higher=False, holds_to=0.005, covers="two runs: seed 42 of both", state="completed",
    factors=("model_size", "drop_path_rate", "dropout_rate"), optimism=0.0023,
)  # fmt: skip
B2 = ResultRow(
    "B2", "Small model", (42,), 2015, 0.93380, (0.92851, 0.93862), delta=-0.00404, delta_interval=(-0.00622, -0.00187),
    p=0.0008, p_holm=0.0016, expected=(0.933, 0.936), expected_delta=(-0.005, -0.002), position="within",
    delta_position="within", distinguishable=True, scope="runs", higher=False, holds_to=0.0011,
    covers="two runs: seed 42 of both", state="completed", factors=("model_size", "drop_path_rate", "dropout_rate"),
)  # fmt: skip
REPORTED = ResultRow("A1", "LR 5e-6", value=0.9323, reported=True, source="the study's own notes", images=2015)

ONE_SEED = "test-set uncertainty only: one seed"
SEED_STUDY = StudyResults(
    "lr5e7", "Ablations at learning rate 5e-7", "Baseline", "srcc", (BASELINE, A1, A2, B1, B2), (ONE_SEED,), "koniq-10k"
)
WITH_REPORTED = replace(SEED_STUDY, rows=(*SEED_STUDY.rows, REPORTED))
PROVISIONAL = replace(
    SEED_STUDY,
    rows=(
        ResultRow(
            "Baseline", "Full model", value=0.9378, epoch=4, provisional=True, state="running", expected=(0.938, 0.938)
        ),
        ResultRow(
            "A1",
            "Remove attention fusion",
            value=0.9353,
            epoch=3,
            provisional=True,
            state="running",
            standing=Standing(3, 0.9353, 0.9361),
            expected=(0.932, 0.935),
            factors=("attention_fusion",),
        ),
        ResultRow("B1", "Tiny model", state="failed", notes=("out of memory",)),
        ResultRow("B2", "Small model", state="queued"),
    ),
)
BASELINE_ONLY = replace(SEED_STUDY, rows=(BASELINE,))
NOTHING = replace(SEED_STUDY, rows=(ResultRow("Baseline", state="queued"), ResultRow("A1", state="failed")))
NO_ROWS = replace(SEED_STUDY, rows=())


def over_seeds(row: ResultRow, spread: float = 0.0008, **fields: Any) -> ResultRow:
    """The row over three seeds, so that it speaks of the component."""
    steps = {42: -1.2 * spread, 43: 0.1 * spread, 44: 1.1 * spread}
    differs = row.distinguishable
    return replace(
        row, seeds=(42, 43, 44), seed_sd=1.2 * spread, median=(row.value or 0.0) + 0.1 * spread,
        values_by_seed={seed: (row.value or 0.0) + step for seed, step in steps.items()},
        differences_by_seed={} if row.delta is None else {seed: row.delta + step / 2 for seed, step in steps.items()},
        scope=None if row.delta is None else "component",
        covers="" if row.delta is None else "the shared seeds 42, 43, 44",
        better=row.higher if differs else None, holds_to=None, at_most=0.0048 if differs is False else None, notes=(),
        **fields,
    )  # fmt: skip


SEVERAL_SEEDS = replace(
    SEED_STUDY, rows=tuple(over_seeds(row, 0.0008 + 0.0002 * k) for k, row in enumerate(SEED_STUDY.rows)), notes=()
)
BASELINE_3, A1_3, A2_3, B1_3, B2_3 = SEVERAL_SEEDS.rows
ALL = {
    "seed study": SEED_STUDY, "reported": WITH_REPORTED, "provisional": PROVISIONAL, "baseline only": BASELINE_ONLY,
    "nothing": NOTHING, "no rows": NO_ROWS, "several seeds": SEVERAL_SEEDS,
}  # fmt: skip


def curve(experiment: str, best: float, epochs: int = 10) -> Curve:
    """Rises to `best` at the eighth epoch and falls a little."""
    values = [best - 0.06 * np.exp(-0.6 * e) - 0.0004 * max(0, e - 8) for e in range(1, epochs + 1)]
    return Curve(experiment, tuple((e + 1, float(v) - 0.01, float(v)) for e, v in enumerate(values)))


CURVES = tuple(curve(row.experiment, row.value or 0.9) for row in SEED_STUDY.rows)


def predictions(images: int, noise: float = 6.0, seed: int = 1) -> Predictions:
    rng = np.random.default_rng(seed)
    scores = rng.uniform(10, 90, images)
    guessed = 20 + 60 / (1 + np.exp(-(scores - 50) / 18)) + rng.normal(0, noise, images)
    return Predictions(tuple(f"{k}.jpg" for k in range(images)), scores, guessed)


SWEEP = Sweep(
    "lr",
    "srcc",
    (
        SweepPoint(5e-7, 0.9378, (0.933, 0.9425), "lr5e7/Baseline", (42,)),
        SweepPoint(1e-6, 0.9370, (0.932, 0.942), "lr5e7/Hot", (42,)),
        SweepPoint(3e-6, 0.9364, (0.931, 0.942), "paper", reported=True),
        SweepPoint(5e-6, 0.9354, None, "paper", reported=True),
    ),
    ("the reported points differ in epochs too",),
)
FINDING = Finding("several-factors", "warning", "B1", ("model_size",), "B1 differs in <3> factors")
ORIGIN = Origin(
    "Baseline", 42, "completed", "0c84313f58", "c40ae93f96d7 + changes", "25bfdfa9ba52", "CPU", "3.11",
    {"torch": "2.13.0", "numpy": "2.4.6"},
)  # fmt: skip
LEARNING = tuple(
    Learning(row.experiment, tuple((e, 20 / e) for e in range(1, 11)), tuple((e, 1e-3 / e**2) for e in range(1, 11)))
    for row in SEED_STUDY.rows
)
MATERIAL = ReportData(
    results=(WITH_REPORTED, *(replace(SEED_STUDY, metric=m) for m in ("krcc", "plcc", "plcc_fit", "rmse_fit"))),
    reported=(replace(SEED_STUDY, study="lr5e6", rows=(REPORTED,), notes=()),),
    cross=(replace(SEED_STUDY, title="", dataset="spaq"),),
    curves=CURVES,
    predictions={row.experiment: predictions(300, seed=k) for k, row in enumerate(SEED_STUDY.rows)},
    parameters={"Baseline": 89_112_000, "A1": 88_849_000, "A2": 88_390_000, "B1": 29_521_000, "B2": 50_839_000},
    sweeps=(SWEEP,),
    findings=(FINDING,),
    settings={"Baseline": {"lr": 5e-7, "multi_scale": True}, "A2": {"lr": 5e-7, "multi_scale": False}},
    origins=(ORIGIN, replace(ORIGIN, experiment="A1", packages={"torch": "2.12.0", "numpy": "2.4.6"})),
    learning=LEARNING,
    costs=(Cost("Baseline", 1, 2, 10, 3600.0, 4000.0, 4000.0), Cost("A1", 1, 1, 10, 1800.0, 1900.0, 0.0)),
    worst=WorstImages(
        "Baseline",
        True,
        (WorstImage("a.jpg", 20.0, 61.5, 41.5, 26.1, b"JPEG"), WorstImage("b.jpg", 65.0, 29.5, -35.5)),
    ),
)
