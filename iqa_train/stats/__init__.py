"""Statistics: metrics, resamples, intervals and tests. Imports nothing else of the project."""
