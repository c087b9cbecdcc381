"""`iqa-train data stats`: a data set's scores, image sizes and split."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from iqa_train.cli.progress_bar import bar
from iqa_train.text import join_names

if TYPE_CHECKING:
    from iqa_train.datasets.stats import Scores, Sizes
    from iqa_train.datasets.table import ImageTable, Split
    from iqa_train.study.spec import DataSource

_WIDTH = 50  # of the longest bar, characters
_FIRST = 10  # sizes that are listed one by one


def print_stats(options: argparse.Namespace, name: str, source: "DataSource", seed: int) -> int:
    """Print them; returns 1 if an image has no readable header."""
    from iqa_train.datasets.catalogue import load_table
    from iqa_train.datasets.splits import split_origin, split_table
    from iqa_train.datasets.stats import image_sizes, score_stats

    with bar("making the demo set", "images") as progress:
        table = load_table(name, source, options.data_dir, progress)
    split = split_table(table, seed)
    scores = score_stats(table)
    with bar(f"sizes of {name}", "images") as progress:
        sizes = image_sizes(table, progress)
    if options.json:
        document = _document(table, split, split_origin(table), seed, scores, sizes)
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print(f"{name}: {len(table):,} images in {table.root}")
        references = f", {len(set(table.references)):,} references" if table.references is not None else ""
        counts = f"{len(split.train):,} training, {len(split.val):,} validation, {len(split.test):,} test"
        print(f"split for seed {seed}: {counts}{references} ({split_origin(table)})\n")
        print("\n".join([*_score_lines(table, scores), _opinion_line(table), "", *_size_lines(sizes)]))
        for note in table.notes:
            print(f"\nnote: {note}")
    return 1 if sizes.unreadable else 0


def _score_lines(table: "ImageTable", scores: "Scores") -> list[str]:
    low, high = table.score_range
    turned = "" if table.higher_is_better else "; published the other way round, inverted here"
    head = (
        f"scores ({low:g} to {high:g}, higher is better{turned}): lowest {scores.lowest:.4g}, mean {scores.mean:.4g}, "
        f"highest {scores.highest:.4g}, SD {scores.sd:.4g}"
    )
    most = int(scores.counts.max())
    labels = [f"{a:.4g} to {b:.4g}" for a, b in zip(scores.edges[:-1], scores.edges[1:], strict=True)]
    wide = max(map(len, labels))
    rows = zip(labels, scores.counts.tolist(), strict=True)
    digits = len(f"{most:,}")
    return [
        head,
        *(f"  {label:>{wide}}  {n:>{digits},}  {'#' * _bar(n, most)}".rstrip() for label, n in rows),
    ]


def _opinion_line(table: "ImageTable") -> str:
    """What is known of the opinions behind the scores, which some measures and losses need."""
    known = ["their SD"] if table.sd is not None else []
    known += ["their number"] if table.votes is not None else []
    if table.distribution is not None:
        known.append(f"their distribution over {table.distribution.shape[1]} categories")
    return f"opinions on each image: {join_names(known) if known else 'only the score is known'}"


def _bar(count: int, most: int) -> int:
    """At least one character for a count above zero."""
    return max(round(_WIDTH * count / most), 1 if count else 0)


def _size_lines(sizes: "Sizes") -> list[str]:
    listed = list(sizes.counts.items())
    lines = [f"sizes ({len(listed):,} different, shortest side {sizes.smallest} pixels):"]
    lines += [f"  {width} x {height}  {count:,}" for (width, height), count in listed[:_FIRST]]
    if len(listed) > _FIRST:
        lines.append(f"  and {len(listed) - _FIRST:,} more sizes, {sum(n for _, n in listed[_FIRST:]):,} images")
    if sizes.unreadable:
        lines.append(f"  {len(sizes.unreadable):,} without a readable header, {sizes.unreadable[0]} first")
    return lines


def _document(
    table: "ImageTable", split: "Split", origin: str, seed: int, scores: "Scores", sizes: "Sizes"
) -> dict[str, Any]:
    return {
        "dataset": table.name,
        "folder": str(table.root),
        "images": len(table),
        "references": None if table.references is None else len(set(table.references)),
        "score_range": table.score_range,
        "higher_is_better_as_published": table.higher_is_better,
        "scores": {
            "lowest": scores.lowest,
            "mean": scores.mean,
            "highest": scores.highest,
            "sd": scores.sd,
            "edges": scores.edges.tolist(),
            "counts": scores.counts.tolist(),
        },
        "opinions": {
            "sd": table.sd is not None,
            "votes": table.votes is not None,
            "categories": None if table.distribution is None else table.distribution.shape[1],
        },
        "sizes": [{"width": w, "height": h, "images": n} for (w, h), n in sizes.counts.items()],
        "unreadable": list(sizes.unreadable),
        "split": {
            "seed": seed,
            "origin": origin,
            "train": len(split.train),
            "val": len(split.val),
            "test": len(split.test),
        },
        "notes": list(table.notes),
    }
