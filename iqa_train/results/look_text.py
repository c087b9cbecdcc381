"""What a look at a study has decided, and what the next round is for, in a sentence."""

from iqa_train.results.looks import StudyLooks
from iqa_train.text import join_names, plural

DECISIONS = {
    "different": "different",
    "same": "same within the margin",
    "both": "different, but less than the margin",
    "given up": "given up",
}


def progress_text(looks: StudyLooks) -> str:
    """Such as "look at 4 of at most 10 seeds: A1 different; open: A2; next: seed 46 of Baseline and A2"."""
    return "; ".join([_look(looks), *_open(looks), *([looks.ended] if looks.ended else _next(looks))])


def _look(looks: StudyLooks) -> str:
    rule = looks.looks.rule
    if not looks.looks.seeds:
        return f"the first look is at {rule.first} seeds"
    by_decision: dict[str, list[str]] = {}
    for name, track in looks.tracks.items():
        if track.decision is not None:
            by_decision.setdefault(DECISIONS[track.decision], []).append(name)
    decided = [f"{join_names(names)} {words}" for words, names in by_decision.items()]
    text = f"look at {looks.looks.seeds} of at most {plural(rule.last, 'seed')}"
    return f"{text}: {', '.join(decided)}" if decided else f"{text}: nothing is decided yet"


def _open(looks: StudyLooks) -> list[str]:
    names = looks.looks.open
    return [f"open: {join_names(names)}"] if names and looks.looks.seeds else []


def _next(looks: StudyLooks) -> list[str]:
    """The runs that the next look needs."""
    by_seed: dict[int, list[str]] = {}
    for name, seed in looks.missing:
        by_seed.setdefault(seed, []).append(name)
    runs = [f"seed {seed} of {join_names(names)}" for seed, names in by_seed.items()]
    return [f"next: {', '.join(runs)}"] if runs else []
