"""One attempt at a run: its processes, its device, how it ended."""
