"""Renders results: tables, the tracker, figures, the HTML page. Computes nothing."""
