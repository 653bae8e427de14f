"""Measurements against named rivals, side by side in one run: `make bench`."""
