"""How a snapshot's rows are stored: as what changed in its parent's, or as a full copy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import sql

from nightjar.snapshots.draft import HIDDEN
from nightjar.snapshots.records import Snapshot
from nightjar.snapshots.store import Layer
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.snapshots", "snapshots.sql")


@dataclass(frozen=True)
class SharedLayer:
    """A layer of the parent: rows stored in it, rows the draft shows, rows of the parent that the draft hides."""

    id: int
    stored: int
    shown: int
    newly_hidden: int


@dataclass(frozen=True)
class SharedRows:
    """What a draft still shows of its parent; a layer that it hides whole is left out of `layers`."""

    layers: Sequence[SharedLayer]
    newly_hidden: int

    @property
    def stored(self) -> int:
        """Rows that a reader of the layers passes over."""
        return sum(layer.stored for layer in self.layers)

    @property
    def shown(self) -> int:
        """Rows that a reader gets."""
        return sum(layer.shown for layer in self.layers)


@dataclass(frozen=True)
class StoragePolicy:
    """When a full copy reads better than the parent's layers with what changed.

    `read_ratio`: rows that a reader passes over, hidden ones included, per row it gets.
    `layers`: tables that a reader has to open.
    `small`: rows below which a copy costs next to nothing.
    """

    read_ratio: float = 1.3
    layers: int = 32
    small: int = 1_000

    def prefers_copy(self, shared: SharedRows, added: int) -> bool:
        """Tell whether rows shared with the parent and `added` ones are better stored together."""
        if added == 0 and shared.newly_hidden == 0:
            return False
        rows = shared.shown + added
        passed = shared.stored + added
        layers = len(shared.layers) + (added > 0)
        return rows < self.small or layers > self.layers or passed > self.read_ratio * rows


ALWAYS_COPY = StoragePolicy(read_ratio=0, layers=0)
NEVER_COPY = StoragePolicy(read_ratio=float("inf"), layers=1_000_000, small=0)


def shared_rows(connection: Connection, parent: Snapshot) -> SharedRows:
    """Return what the open draft shares with its parent."""
    counts = connection.execute(
        sql.SQL("SELECT nightjar_layer AS layer, count(*) AS rows FROM {} GROUP BY 1").format(HIDDEN)
    )
    hidden: dict[int, int] = {row["layer"]: row["rows"] for row in counts}
    layers = []
    for row in connection.execute(_SQL["layers"], {"id": parent.id}):
        gone = hidden.get(row["layer_id"], 0)
        shown = row["row_count"] - row["hidden_rows"] - gone
        # An empty snapshot keeps a layer, for its columns.
        if shown > 0 or row["row_count"] == 0:
            layers.append(SharedLayer(row["layer_id"], row["row_count"], shown, gone))
    return SharedRows(layers, sum(hidden.values()))


def shared_layers(connection: Connection, shared: SharedRows) -> list[Layer]:
    """Return the parent's layers with the rows of each that the open draft hides."""
    made = []
    for layer in shared.layers:
        hidden = bits(_hidden_places(connection, layer.id), layer.stored) if layer.newly_hidden else None
        made.append(Layer(layer.id, hidden))
    return made


def bits(places: Iterable[int], size: int) -> str:
    """Return a literal of at least `size` bits, 1 at the given places; of one length for all literals of a size."""
    octets = bytearray((size + 7) // 8)
    for place in places:
        octets[place >> 3] |= 0x80 >> (place & 7)
    return "x" + octets.hex()


def _hidden_places(connection: Connection, layer: int) -> list[int]:
    row = connection.execute(
        sql.SQL("SELECT array_agg(nightjar_row) AS places FROM {} WHERE nightjar_layer = {}").format(
            HIDDEN, sql.Literal(layer)
        ),
        binary=True,
    ).fetchone()
    assert row is not None
    places: list[int] = row["places"]
    return places
