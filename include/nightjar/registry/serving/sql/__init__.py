"""Serving models as SQL: what is sums, products and comparisons of columns runs in the database, next to the rows."""

from nightjar.registry.serving.sql.model import SqlModel
from nightjar.registry.serving.sql.translate import to_sql

__all__ = ["SqlModel", "to_sql"]
