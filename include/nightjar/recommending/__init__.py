"""Recommendations from interactions: who took what and when, in any table of users, items and days."""
