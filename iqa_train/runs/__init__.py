"""What has been run: one directory per run. Files are the truth."""
