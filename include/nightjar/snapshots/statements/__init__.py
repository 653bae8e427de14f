"""The SQL that people write for snapshots: read, checked, and told what it depends on, before the database sees it."""

from nightjar.snapshots.statements.operations import (
    AddColumn,
    Alter,
    Delete,
    DropColumn,
    Insert,
    Operation,
    Update,
)
from nightjar.snapshots.statements.query import read_query
from nightjar.snapshots.statements.reader import parse_statements
from nightjar.snapshots.statements.sources import Sources, sources_of

__all__ = [
    "AddColumn",
    "Alter",
    "Delete",
    "DropColumn",
    "Insert",
    "Operation",
    "Sources",
    "Update",
    "parse_statements",
    "read_query",
    "sources_of",
]
