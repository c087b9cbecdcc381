"""The page of one run, as sections made from its files; a damaged file is named and hides no other section."""
