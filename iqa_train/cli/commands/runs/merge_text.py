"""What a merge has done, or would do, in lines for people and as a JSON object."""

from collections.abc import Sequence
from typing import Any

from iqa_train.cli.text import plain
from iqa_train.runs.merge.decide import ASIDE, CONTINUES, LEFT, NEW, REPEAT, SAME, WINS
from iqa_train.runs.merge.merge import JoinedRun, MergeReport
from iqa_train.runs.merge.source import Source
from iqa_train.text import join_names, plural

_DONE = {
    NEW: "joined",
    WINS: "joined over an unfinished one",
    CONTINUES: "continued",
    REPEAT: "joined as a repeat",
    ASIDE: "kept aside",
}


def merge_lines(report: MergeReport, sources: Sequence[Source], *, dry_run: bool) -> list[str]:
    """A line for each run and design with which something was done, or which was left; then the sum."""
    lines = [f"completed {run.path}, which a merge that was killed had left" for run in report.completed]
    for source, decision in report.designs:
        what, words = decision.what, "what was declared there counts here"
        if decision.conflict:
            what, words = "conflict", decision.conflict
        lines.append(f"{what}  design of {decision.study} in {source.given}: {words}")
    for source, folder, words in report.unreadable:
        lines.append(f"failed  {folder} of {source.given} cannot be read ({words}): what is in it is not joined")
    shown = [run for run in report.runs if run.decision.what != SAME or run.tests]
    width = max((len(run.decision.what) for run in shown), default=0)
    several = len(sources) > 1
    lines += [_line(run, width, several=several) for run in shown]
    return [plain(line) for line in [*lines, _sum(report, sources, dry_run=dry_run)]]


def _line(run: JoinedRun, width: int, *, several: bool) -> str:
    name = f"{run.there.run.study} {run.there.run.experiment} ({run.there.run.seed_words})"
    place = f" of {run.source.given}" if several else ""
    words = run.decision.words
    if run.tests:
        words = f"tests on {join_names(run.tests)} added"
    what = "tests" if run.tests else run.decision.what
    return f"{what:<{width}}  {name}{place}: {words}"


def _sum(report: MergeReport, sources: Sequence[Source], *, dry_run: bool) -> str:
    kinds = [run.decision.what for run in report.runs]
    places = join_names([source.words for source in sources])
    parts = [f"{kinds.count(what)} {words}" for what, words in _DONE.items() if what in kinds]
    left = sum(what in LEFT for what in kinds) + sum(bool(one.conflict) for _, one in report.designs)
    left += len(report.unreadable)
    if not parts and not left:
        there = f"its {plural(len(kinds), 'run')} are here" if kinds else "no run there has been started"
        return f"{places}: nothing to do, {there}"
    same = kinds.count(SAME)
    parts += [f"{same} unchanged"] if same else []
    parts += [f"{left} left there"] if left else []
    return f"{places}: {'would be: ' if dry_run else ''}{', '.join(parts)}"


def merge_document(
    report: MergeReport, sources: Sequence[Source], notes: Sequence[str], *, dry_run: bool
) -> dict[str, Any]:
    """The same for programs."""
    return {
        "dry_run": dry_run,
        "complete": report.complete,
        "sources": [{"dir": str(one.given), "runs_dir": str(one.runs_dir)} for one in sources],
        "runs": [
            {
                "dir": str(run.source.given),
                "study": run.there.run.study,
                "experiment": run.there.run.experiment,
                "seed": run.there.run.seed,
                "repeat": run.there.run.repeat,
                "what": run.decision.what,
                "left": run.decision.left,
                "message": run.decision.words,
                "there": str(run.there.run.path),
                "run_dir": str(run.target),
                "state": run.there.state.name,
                "srcc": run.there.srcc,
                "srcc_here": None if run.here is None else run.here.srcc,
                "tests": list(run.tests),
            }
            for run in report.runs
        ],
        "unreadable": [
            {"dir": str(source.given), "folder": str(folder), "message": words}
            for source, folder, words in report.unreadable
        ],
        "designs": [
            {
                "dir": str(source.given),
                "study": one.study,
                "what": "conflict" if one.conflict else one.what,
                "message": one.conflict,
            }
            for source, one in report.designs
        ],
        "completed": [str(run.path) for run in report.completed],
        "notes": list(notes),
    }
