"""Dataset snapshots: versioned, immutable training data, read as plain SQL."""

from nightjar.snapshots.catalog import archive, find, list_snapshots, publish
from nightjar.snapshots.create import create
from nightjar.snapshots.names import SnapshotName, Version
from nightjar.snapshots.records import Column, Snapshot, State
from nightjar.snapshots.split import split

__all__ = [
    "Column",
    "Snapshot",
    "SnapshotName",
    "State",
    "Version",
    "archive",
    "create",
    "find",
    "list_snapshots",
    "publish",
    "split",
]
