"""Figures for papers and for the page, one file each, in one style. matplotlib is imported when one is drawn."""
