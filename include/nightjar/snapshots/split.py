"""Splits a snapshot into disjoint parts, or draws samples, the same ones on every machine."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from psycopg import sql

from nightjar.snapshots.catalog import hold, require_free
from nightjar.snapshots.child import store_child, store_copy
from nightjar.snapshots.draft import ADDED, BASE, HIDDEN, Draft, child_draft
from nightjar.snapshots.errors import UnequalListsError
from nightjar.snapshots.layout import StoragePolicy
from nightjar.snapshots.names import SnapshotName
from nightjar.snapshots.places import PLACES, place_rows, stored_rows
from nightjar.snapshots.records import Snapshot, State, column_list
from nightjar.snapshots.split_rule import SplitRule
from nightjar.snapshots.store import Entry, Stored, enter, next_id
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection


def split(
    database: Database,
    name: SnapshotName,
    parts: Mapping[str, float] | None,
    *,
    stratify: str | Sequence[str] | None = None,
    group_by: str | None = None,
    time_by: str | None = None,
    seed: int = 0,
    publish: bool = False,
    comments: Sequence[str | None] | None = None,
    policy: StoragePolicy | None = None,
) -> list[Snapshot]:
    """Split into snapshots `name<suffix>@version`, one per item of `parts` (suffix -> share of the rows).

    Rows are put in the order of a keyed hash of their own text, after `time_by` where it is given (newest
    last), and cut at the parts' sizes by largest remainder; with `stratify`, so is each stratum, so that sizes
    are exact in total and rounded down or up in each. With `group_by`, whole groups are cut, at the boundary
    nearest to the exact size.

    Raises:
        SplitError: the parts, ratios or columns cannot be used.
        SnapshotStateError: the snapshot is archived or purged.
        SnapshotExistsError: a part exists.
    """
    rule = SplitRule(dict(parts or {}), _names(stratify), group_by, time_by, seed)
    rule.check_parts()
    with database.connect(Role.TRAINER) as connection:
        parts_of = _Parts(connection, hold(connection, name, "split"), rule, publish, comments, policy)
        return parts_of.store_by([rule])


def sample(
    database: Database,
    name: SnapshotName,
    parts: Mapping[str, float] | None,
    *,
    stratify: str | Sequence[str] | None = None,
    group_by: str | None = None,
    time_by: str | None = None,
    seed: int = 0,
    publish: bool = False,
    comments: Sequence[str | None] | None = None,
    policy: StoragePolicy | None = None,
) -> list[Snapshot]:
    """Draw independent samples, which may overlap, as snapshots `name<suffix>@version`; otherwise like `split`.

    With `time_by`, a sample holds the oldest rows.
    """
    whole = SplitRule(dict(parts or {}), _names(stratify), group_by, time_by, seed)
    whole.check_parts(independent=True)
    with database.connect(Role.TRAINER) as connection:
        parts_of = _Parts(connection, hold(connection, name, "sample"), whole, publish, comments, policy)
        return parts_of.store_by(
            [replace(whole, parts={suffix: whole.parts[suffix]}, salt=suffix) for suffix in sorted(whole.parts)]
        )


class _Parts:
    """Stores the parts of one snapshot, which `whole` names, by rules that place its rows."""

    def __init__(
        self,
        connection: Connection,
        source: Snapshot,
        whole: SplitRule,
        publish: bool,
        comments: Sequence[str | None] | None,
        policy: StoragePolicy | None,
    ) -> None:
        whole.check_columns(source.columns)
        self.connection = connection
        self.source = source
        self.whole = whole
        self.state = State.PUBLISHED if publish else State.PREPARED
        self.comments = _comments(whole, source, comments)
        self.policy = policy or StoragePolicy()
        # Before any work is done; the catalog decides again.
        for suffix in whole.parts:
            require_free(connection, source.name.with_suffix(suffix))

    def store_by(self, rules: Sequence[SplitRule]) -> list[Snapshot]:
        """Store the parts of each rule, and return all in the order of the whole."""
        rows = stored_rows(self.connection, self.source)
        stored: dict[str, Snapshot] = {}
        for rule in rules:
            place_rows(self.connection, rows, rule)
            # In one order, so that two splits at once wait for each other instead of both.
            stored |= {suffix: self._store(rule, suffix) for suffix in sorted(rule.parts)}
        return [stored[suffix] for suffix in self.whole.parts]

    def _store(self, rule: SplitRule, suffix: str) -> Snapshot:
        name = self.source.name.with_suffix(suffix)
        identity = next_id(self.connection)
        with child_draft(self.connection, identity, self.source) as draft:
            stored = self._store_rows(draft, list(rule.parts).index(suffix))
        return enter(
            self.connection,
            Entry(
                identity,
                name.name,
                name.version,
                change=None,
                state=self.state,
                statements=[rule.text_of(suffix)],
                stored=stored,
                parent_id=self.source.id,
                use_case=self.source.use_case,
                as_of=self.source.as_of,
                comment=self.comments[suffix],
            ),
        )

    def _store_rows(self, draft: Draft, part: int) -> Stored:
        """Store a large part as its source without the other rows, a small one as a copy."""
        place = sql.Literal(part)
        row = self.connection.execute(
            sql.SQL("SELECT count(*) AS rows FROM {} WHERE nightjar_part = {}").format(PLACES, place)
        ).fetchone()
        assert row is not None
        if row["rows"] * self.policy.read_ratio < self.source.row_count:
            taken = sql.SQL(
                "INSERT INTO {} SELECT {} FROM {} JOIN {} USING (nightjar_layer, nightjar_row) WHERE nightjar_part = {}"
            )
            self.connection.execute(taken.format(ADDED, column_list(draft.columns), BASE, PLACES, place))
            return store_copy(draft)
        hide = sql.SQL(
            "INSERT INTO {} SELECT nightjar_layer, nightjar_row FROM {} WHERE nightjar_part IS DISTINCT FROM {}"
        )
        self.connection.execute(hide.format(HIDDEN, PLACES, place))
        return store_child(draft, self.source, self.policy)


def _names(columns: str | Sequence[str] | None) -> tuple[str, ...]:
    return (columns,) if isinstance(columns, str) else tuple(columns or ())


def _comments(rule: SplitRule, source: Snapshot, comments: Sequence[str | None] | None) -> dict[str, str | None]:
    if comments is None:
        return {suffix: f"{ratio:.0%} of {source.name}" for suffix, ratio in rule.parts.items()}
    if len(comments) != len(rule.parts):
        raise UnequalListsError(f"There are {len(rule.parts)} parts and {len(comments)} comments: give one per part.")
    return dict(zip(rule.parts, comments, strict=True))
