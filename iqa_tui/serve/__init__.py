"""Serves the console to a browser: the same program, with a web page as its terminal."""
