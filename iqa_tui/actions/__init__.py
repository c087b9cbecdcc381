"""What can be done to runs from the console: blocking functions that say what they did, and the keys that call them."""
