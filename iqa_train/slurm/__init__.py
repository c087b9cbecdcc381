"""Slurm's commands, and what they say; knows nothing of runs."""
