"""What is to be run: settings, experiments, batches, expectations, and the audit. Pure data."""
