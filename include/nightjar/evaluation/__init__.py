"""Offline evaluation: how well recommendations and segments would have served on dates of the past."""
