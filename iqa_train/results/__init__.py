"""What it means: metrics, and the tables made of them."""
