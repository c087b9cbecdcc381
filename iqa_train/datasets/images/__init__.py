"""Images: decoding, the pixel store, crops."""
