"""The terminal console for iqa_train."""
