"""The console's state: one thread reads files and drivers and publishes immutable boards."""
