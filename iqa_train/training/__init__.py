"""The loop, evaluation, losses, optimiser, checkpoints."""
