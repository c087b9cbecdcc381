"""Parts shared by the dialogs."""
