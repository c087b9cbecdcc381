"""The demo data set: made here, no download."""
