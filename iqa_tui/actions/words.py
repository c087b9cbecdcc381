"""How sentences name a run."""


def run_name(experiment: str, seed: int, *, several_seeds: bool) -> str:
    """An experiment's id, with the seed where that is needed to tell its runs apart."""
    return f"{experiment} (seed {seed})" if several_seeds else experiment
