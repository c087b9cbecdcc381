"""Runs of one experiment that different versions of the user's own program made."""

from collections.abc import Sequence

from iqa_train.results.run_record import RunRecord
from iqa_train.text import join_names


def version_words(runs: Sequence[RunRecord]) -> str:
    """Which files of the program were others in which of an experiment's runs; "" if none was.

    A file that only some runs name is not compared.
    """
    seeds: dict[str, dict[str, list[str]]] = {}
    for run in runs:
        for name, digest in run.provenance.get("command", {}).get("files", {}).items():
            seeds.setdefault(name, {}).setdefault(digest, []).append(str(run.seed))
    texts = []
    for name, versions in seeds.items():
        if len(versions) > 1:
            parts = [f"{'seed' if len(found) == 1 else 'seeds'} {join_names(found)}" for found in versions.values()]
            texts.append(f"{name} of {', another of '.join(parts)}")
    return f"its runs were made by different versions of the program: {'; '.join(texts)}" if texts else ""
