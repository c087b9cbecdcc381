"""Everything about one run, as sections of a page, read off its files: a damaged one is said and hides no other."""
