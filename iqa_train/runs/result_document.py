"""result.json: what a run that has ended well writes last."""

import statistics
from collections.abc import Sequence
from typing import Any

from iqa_train.datasets.table import Split
from iqa_train.files import SCHEMA_VERSION
from iqa_train.runs.fence import Writer
from iqa_train.runs.layout import RunFolder
from iqa_train.stats.metrics import MEASURES
from iqa_train.study.spec import RunSpec


def write_result(
    run: RunFolder, spec: RunSpec, results: Sequence[dict[str, Any]], split: Split, writer: Writer
) -> None:
    """Write result.json: the medians over rounds, and the result of each round."""
    writer.write_json(
        run.result,
        {
            "schema_version": SCHEMA_VERSION,
            "study": spec.study,
            "experiment": spec.experiment,
            "seed": spec.seed,
            "config_hash": spec.config_hash,
            "dataset": spec.settings.dataset,
            "images": image_counts(split),
            **medians(results),
            "stopped_early": any(r["stopped_early"] for r in results),
            "rounds": list(results),
        },
    )


def medians(results: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """The median over rounds of each test measure; None where it is undefined in every round."""
    return {key: _median([result["test"][key] for result in results]) for key in MEASURES}


def _median(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return statistics.median(known) if known else None


def image_counts(split: Split) -> dict[str, int]:
    """Images of each part of a split."""
    return {"train": len(split.train), "val": len(split.val), "test": len(split.test)}
