"""Results of a study: which runs count, how experiments compare, and the verdicts."""
