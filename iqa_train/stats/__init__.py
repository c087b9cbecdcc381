"""Pure numbers: metrics, resamples, intervals and tests. Imports nothing of the project."""
