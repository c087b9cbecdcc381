"""The widgets of the screens, one file each; they read the board and send messages up."""
