"""Stores what a draft has become, and knows its hash without reading what did not change."""

from psycopg import sql

from nightjar.snapshots.draft import ADDED, BASE, HIDDEN, REST, ROWS, Draft
from nightjar.snapshots.hashing import NO_ROWS, ContentHash, content_hash
from nightjar.snapshots.layout import SharedRows, StoragePolicy, shared_layers, shared_rows
from nightjar.snapshots.records import Snapshot, column_list
from nightjar.snapshots.refusals import refused_query
from nightjar.snapshots.store import Layer, Stored, keep_layer, write_layer


def store_child(draft: Draft, parent: Snapshot, policy: StoragePolicy) -> Stored:
    """Store a draft as the changes to its parent, or as a full copy where that reads better."""
    shared = shared_rows(draft.connection, parent)
    added, added_rows = content_hash(draft.connection, ADDED, draft.columns)
    rows = shared.shown + added_rows
    digest = _hash_of_shared(draft, parent, shared) + added
    if policy.prefers_copy(shared, added_rows):
        _write(draft, ROWS if shared.shown else ADDED, rows)
        return Stored(draft.columns, rows, digest, [Layer(draft.identity)])
    layers = shared_layers(draft.connection, shared)
    if added_rows or not layers:
        _write(draft, ADDED, added_rows)
        layers.append(Layer(draft.identity))
    return Stored(draft.columns, rows, digest, layers)


def store_copy(draft: Draft) -> Stored:
    """Store a draft that holds all its rows itself, whatever its parent shows."""
    digest, rows = content_hash(draft.connection, ADDED, draft.columns)
    _write(draft, ADDED, rows)
    return Stored(draft.columns, rows, digest, [Layer(draft.identity)])


def _write(draft: Draft, source: sql.Identifier, rows: int) -> None:
    with refused_query():
        write_layer(draft.connection, draft.identity, _select(draft, source))
    keep_layer(draft.connection, draft.identity, draft.columns, rows)


def _hash_of_shared(draft: Draft, parent: Snapshot, shared: SharedRows) -> ContentHash:
    """Return the hash of the rows shared with the parent, from its hash where fewer rows are hidden than shown."""
    if shared.shown == 0:
        return NO_ROWS
    if not _same_columns(draft, parent) or shared.newly_hidden > shared.shown:
        return content_hash(draft.connection, REST, draft.columns)[0]
    whole = ContentHash.parse(parent.content_hash)
    return whole - _hash_of_hidden(draft, parent) if shared.newly_hidden else whole


def _same_columns(draft: Draft, parent: Snapshot) -> bool:
    return [(c.name, c.since) for c in draft.columns] == [(c.name, c.since) for c in parent.columns]


def _hash_of_hidden(draft: Draft, parent: Snapshot) -> ContentHash:
    hidden = sql.SQL(
        "(SELECT {} FROM {} base WHERE EXISTS (SELECT FROM {} hidden "
        "WHERE hidden.nightjar_layer = base.nightjar_layer AND hidden.nightjar_row = base.nightjar_row)) gone"
    ).format(column_list(parent.columns), BASE, HIDDEN)
    return content_hash(draft.connection, hidden, parent.columns)[0]


def _select(draft: Draft, source: sql.Identifier) -> sql.Composed:
    return sql.SQL("SELECT {} FROM {}").format(column_list(draft.columns), source)
