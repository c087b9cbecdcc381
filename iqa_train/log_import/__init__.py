"""Logs of the training script that this program replaces, read into runs."""
