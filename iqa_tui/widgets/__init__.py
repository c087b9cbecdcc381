"""What screens are made of: one file each; they read the board and send messages up."""
