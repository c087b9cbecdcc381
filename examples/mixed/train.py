"""A plain training script, as it might have been before it met iqa-train; four calls of `client` are all that is new.

python train.py --lr 1e-3 --width 32 --folder OUT --resume     by hand it wants --data CSV of path,score,split
"""

import argparse
import csv
import random
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from iqa_train import client


def pictures(rows: list[tuple[str, float, str]], split: str) -> tuple[list[str], Tensor, Tensor]:
    """Paths, pixels (N, 3, 96, 128) in [-1, 1] and scores (N,) of a split."""
    chosen = [(path, score) for path, score, part in rows if part == split]
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB").resize((128, 96))) for path, _ in chosen])
    scores = torch.tensor([score for _, score in chosen])
    return [path for path, _ in chosen], torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1, scores


def network(width: int) -> nn.Module:
    """A small convolutional network with a sharpened input: the picture less its blur."""
    layers: list[nn.Module] = []
    for before, after in ((6, width), (width, 2 * width), (2 * width, 4 * width)):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 1))


def scores_of(net: nn.Module, pixels: Tensor) -> Tensor:
    """Predicted scores (N,), in parts that fit a small machine."""
    blur = nn.functional.avg_pool2d(pixels, 5, stride=1, padding=2)
    return torch.cat([net(part).squeeze(1) for part in torch.cat([pixels, (pixels - blur) * 4], 1).split(100)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--data", type=Path, help="by hand: a CSV of path,score,split")
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)

    rows = client.images()  # the very images, scores and split of the study's other experiments
    if options.data:
        rows = [(path, float(score), split) for path, score, split in csv.reader(options.data.open())]
    names, pixels, scores = pictures(rows, "train")
    sets = {split: pictures(rows, split) for split in ("val", "test")}
    mean, spread = scores.mean(), scores.std()
    net = network(options.width)
    optimizer = torch.optim.AdamW(net.parameters(), lr=options.lr, weight_decay=1e-2)
    saved, first, best = options.folder / "last.pt", 1, -2.0
    if options.resume and saved.exists():
        state = torch.load(saved)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        first, best = state["epoch"] + 1, state["best"]

    for epoch in range(first, options.epochs + 1):
        net.train()
        order = list(range(len(names)))
        random.Random(f"{options.seed}/{epoch}").shuffle(order)
        losses = []
        for start in range(0, len(order), 32):
            batch = order[start : start + 32]
            loss = nn.functional.smooth_l1_loss(scores_of(net, pixels[batch]), (scores[batch] - mean) / spread)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        net.eval()
        with torch.no_grad():
            predicted = {split: scores_of(net, part[1]) * spread + mean for split, part in sets.items()}
        srcc = {split: spearman(predicted[split], part[2]) for split, part in sets.items()}
        if srcc["val"] > best:
            best = srcc["val"]
            for split, part in sets.items():
                client.predictions(split, part[0], predicted[split])
        # Before the checkpoint: a run that is killed in between repeats the epoch, instead of leaving it unreported.
        client.epoch(epoch, loss=sum(losses) / len(losses), val_srcc=srcc["val"], srcc=srcc["test"])
        state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch, "best": best}
        torch.save(state, saved.with_suffix(".part"))
        saved.with_suffix(".part").replace(saved)  # whole or not at all, whenever it is killed
        print(f"epoch {epoch}: loss {sum(losses) / len(losses):.4f}, val SRCC {srcc['val']:.4f}", flush=True)
        if client.stop_requested():
            sys.exit(client.STOPPED)


def spearman(a: Tensor, b: Tensor) -> float:
    """Of two vectors (N,); equal values in any order, which is exact enough to choose an epoch."""
    ranks = torch.stack([x.argsort().argsort().double() for x in (a, b)])
    return float(torch.corrcoef(ranks)[0, 1])


if __name__ == "__main__":
    main()
