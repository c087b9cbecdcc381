"""What the console knows: one thread reads files and drivers, and gives pictures that do not change."""
