"""The loop, evaluation, losses, optimizer, checkpoints."""
