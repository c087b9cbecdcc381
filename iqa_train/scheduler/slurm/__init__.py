"""Runs that Slurm carries out: what is submitted, what it answers, and the program of a job."""
