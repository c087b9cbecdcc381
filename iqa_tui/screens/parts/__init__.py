"""Parts that several dialogs are made of."""
