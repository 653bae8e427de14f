"""Dataset snapshots: versioned, immutable training data, read as plain SQL."""

from nightjar.snapshots.catalog import archive, find, list_snapshots, publish
from nightjar.snapshots.create import create
from nightjar.snapshots.diff import Diff, diff
from nightjar.snapshots.diff_picture import draw
from nightjar.snapshots.layout import StoragePolicy
from nightjar.snapshots.names import SnapshotName, Version
from nightjar.snapshots.prepare import prepare
from nightjar.snapshots.purge import purge
from nightjar.snapshots.records import Column, Snapshot, State
from nightjar.snapshots.retention import Retention, RetentionPolicy, retain
from nightjar.snapshots.split import sample, split
from nightjar.snapshots.verify import Verification, verify

__all__ = [
    "Column",
    "Diff",
    "Retention",
    "RetentionPolicy",
    "Snapshot",
    "SnapshotName",
    "State",
    "StoragePolicy",
    "Verification",
    "Version",
    "archive",
    "create",
    "diff",
    "draw",
    "find",
    "list_snapshots",
    "prepare",
    "publish",
    "purge",
    "retain",
    "sample",
    "split",
    "verify",
]
