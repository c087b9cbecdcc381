"""The console on what iqa_train does."""
