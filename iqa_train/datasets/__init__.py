"""Images and scores: readers, the pixel store, crops, the built-in demo data."""
