"""Joins the runs of another machine's runs folder into this project's; nothing of either is overwritten or lost."""
