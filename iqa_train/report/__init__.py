"""What results look like: tables, the tracker, figures, the page. Nothing here is measured or judged."""
