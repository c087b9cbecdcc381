"""The command line `iqa-train`: commands/ has one file per command; the modules here are shared."""
