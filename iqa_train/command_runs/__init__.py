"""Runs that a program of the user's own carries out. Without torch."""
