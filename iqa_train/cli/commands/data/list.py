"""`iqa-train data list`: the known data sets, those that are here, and where to get the others."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from iqa_train.cli.scope import study_and_profile
from iqa_train.cli.text import plain, text_table

if TYPE_CHECKING:
    from iqa_train.datasets.inventory import DatasetEntry


def list_sets(options: argparse.Namespace) -> int:
    """Print the list; returns 0 even if sets are missing."""
    from iqa_train.datasets.inventory import inventory

    entries = inventory(study_and_profile(options)[0].datasets)
    if options.json:
        print(json.dumps({"datasets": [_document(entry) for entry in entries]}, indent=2, ensure_ascii=False))
        return 0
    rows = [(e.name, e.state, _count(e), _range(e), str(e.folder)) for e in entries]
    print("\n".join(text_table(("data set", "state", "images", "scores", "folder"), rows)))
    for entry in entries:
        if entry.problem:
            print(f"\n{entry.name} ({entry.title}): {plain(entry.problem)}")
            if entry.citation:
                print(f"  {entry.citation}")
    return 0


def _count(entry: "DatasetEntry") -> str:
    of = entry.images if entry.images is not None else entry.expected
    if of is None:
        return "-"
    published = f" (published {entry.expected:,})" if entry.expected not in {None, of} else ""
    return f"{entry.present or 0:,} of {of:,}{published}"


def _range(entry: "DatasetEntry") -> str:
    if entry.score_range is None:
        return "-"
    low, high = entry.score_range
    return f"{low:g} to {high:g}, {'higher' if entry.higher_is_better else 'lower'} is better"


def _document(entry: "DatasetEntry") -> dict[str, Any]:
    return {
        "dataset": entry.name,
        "title": entry.title,
        "state": entry.state,
        "folder": str(entry.folder),
        "images": entry.images,
        "present": entry.present,
        "published": entry.expected,
        "problem": entry.problem,
        "split": entry.split,
        "score_range": entry.score_range,
        "higher_is_better": entry.higher_is_better,
        "archives": list(entry.archives),
        "citation": entry.citation,
    }
