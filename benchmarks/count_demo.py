"""The work of the demo's runs, counted and not timed: GFLOP of a training step and of a run, and crops of a run.

Multiplications and additions of convolutions and matrix products, as torch counts them (`FlopCounterMode`), forward and
backward. `--before` counts the profile as it was with the published hyper-network, eight epochs and three test crops.
"""

import argparse
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from iqa_train.datasets.demo.dataset import PER_REFERENCE, REFERENCES
from iqa_train.models.network import QualityNetwork
from iqa_train.study.load import load_study
from iqa_train.study.resolve import resolve

BEFORE = {"hyper_channels": 112, "epochs": 8, "test_patch_num": 3}


def main() -> None:
    """Print a line for each experiment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", action="store_true")
    overrides = BEFORE if parser.parse_args().before else {}
    study = load_study(Path(__file__).parents[1] / "experiments.toml")
    train, evaluated = (
        PER_REFERENCE * sum(REFERENCES[part] for part in parts) for parts in (("training",), ("validation", "test"))
    )
    for experiment in study.experiments:
        settings = resolve(study, experiment.id, profile="demo", overrides=overrides).settings
        network = QualityNetwork(settings, settings.seed)
        crops = torch.randn(settings.batch_size, 3, settings.patch_size, settings.patch_size)
        with FlopCounterMode(display=False) as step:
            network(crops).sum().backward()
        with FlopCounterMode(display=False) as forward, torch.no_grad():
            network(crops)
        trained = train * settings.train_patch_num * settings.epochs
        tested = evaluated * settings.test_patch_num * settings.epochs
        whole = (trained * step.get_total_flops() + tested * forward.get_total_flops()) / settings.batch_size
        print(
            f"{experiment.id}: {step.get_total_flops() / 1e9:.2f} GFLOP a step, {trained:,} crops trained and "
            f"{tested:,} evaluated a run, {whole / 1e9:,.0f} GFLOP a run"
        )


if __name__ == "__main__":
    main()
