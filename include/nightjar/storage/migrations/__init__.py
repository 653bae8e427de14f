"""Alembic's revisions of the catalog."""
