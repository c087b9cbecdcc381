"""The checks of `iqa-train doctor`, a file each. They change nothing that lasts."""
