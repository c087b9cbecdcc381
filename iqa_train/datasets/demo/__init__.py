"""The demo data set, which is generated rather than downloaded."""
