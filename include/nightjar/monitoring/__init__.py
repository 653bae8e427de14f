"""Observes what the nights and the catalog hold; blocks nothing and changes nothing."""
