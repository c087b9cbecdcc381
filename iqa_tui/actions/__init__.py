"""What the console can do to runs: blocking functions that return a sentence about what they did."""
