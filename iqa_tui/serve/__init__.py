"""The console in a browser: the same program, its terminal drawn by a page of this machine."""
