"""`iqa-train`, one file per command."""
