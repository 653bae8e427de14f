"""Splits a snapshot into disjoint parts, the same ones on every machine."""

from collections.abc import Mapping
from fractions import Fraction

from psycopg import sql

from nightjar.errors import SnapshotStateError, SplitError
from nightjar.snapshots.catalog import find_on
from nightjar.snapshots.hashing import fix_text_form
from nightjar.snapshots.names import SnapshotName
from nightjar.snapshots.records import Snapshot, State
from nightjar.snapshots.store import Provenance, freeze
from nightjar.storage import Database, Role


def split(
    database: Database,
    name: SnapshotName,
    parts: Mapping[str, float],
    *,
    group_by: str | None = None,
    time_by: str | None = None,
    seed: int = 0,
    publish: bool = False,
) -> list[Snapshot]:
    """Split into snapshots `name<suffix>@version`, one per item of `parts` (suffix -> share of the rows).

    Rows are put in the order of a keyed hash of their own text, after `time_by` where it is given (newest
    last), and cut at the parts' sizes by largest remainder. With `group_by`, whole groups are cut, at the
    boundary nearest to the exact size.

    Raises:
        SplitError: a ratio outside (0, 1], ratios above 1 in sum, or an unknown column.
        SnapshotStateError: the snapshot is archived or purged.
    """
    _check_ratios(parts)
    with database.connect(Role.TRAINER) as connection:
        source = find_on(connection, name)
        if source.state not in (State.PREPARED, State.PUBLISHED):
            raise SnapshotStateError(f"{name} is {source.state}: publish it before splitting it.")
        for column in (group_by, time_by):
            _check_column(source, column)
        fix_text_form(connection)
        ordered = _ordered_rows(source, group_by, time_by, seed)
        state = State.PUBLISHED if publish else State.PREPARED
        made = []
        bounds = cumulative_sizes(source.row_count, list(parts.values()))
        for suffix, low, high in zip(parts, [0, *bounds], bounds, strict=False):
            names = sql.SQL(", ").join(sql.Identifier(column.name) for column in source.columns)
            query = sql.SQL(
                "SELECT {} FROM ({}) ordered WHERE nightjar_position >= {} AND nightjar_position < {}"
            ).format(names, ordered, sql.Literal(low), sql.Literal(high))
            provenance = Provenance(
                (query.as_string(connection),),
                parent_id=source.id,
                use_case=source.use_case,
                as_of=source.as_of,
                comment=f"{parts[suffix]:.0%} of {name}",
            )
            made.append(freeze(connection, name.with_suffix(suffix), query, state, provenance))
        return made


def cumulative_sizes(total: int, ratios: list[float]) -> list[int]:
    """Return where each part ends: exact shares rounded by largest remainder, so that sizes add up."""
    exact = [_share(ratio) * total for ratio in ratios]
    sizes = [int(size) for size in exact]
    spare = int(sum(exact)) - sum(sizes)
    by_remainder = sorted(range(len(exact)), key=lambda index: (sizes[index] - exact[index], index))
    for index in by_remainder[:spare]:
        sizes[index] += 1
    return [sum(sizes[: index + 1]) for index in range(len(sizes))]


def _share(ratio: float) -> Fraction:
    """Return the fraction that was meant: three times 1/3 is 1."""
    return Fraction(ratio).limit_denominator(10**9)


def _ordered_rows(source: Snapshot, group_by: str | None, time_by: str | None, seed: int) -> sql.Composed:
    """Return a query of all rows with `nightjar_position`, the row's or its group's place from 0 on."""
    time = sql.Identifier(time_by) if time_by else sql.Literal(0)
    prefix = sql.Literal(f"{seed}:")
    if group_by is None:
        return sql.SQL(
            "SELECT *, row_number() OVER (ORDER BY {time}, md5({prefix} || (s.*)::text)) - 1 AS nightjar_position "
            "FROM {view} s"
        ).format(time=time, prefix=prefix, view=source.name.view)
    # A group lies where its middle row lies.
    return sql.SQL(
        "SELECT *, min(nightjar_place) OVER one_group + (count(*) OVER one_group - 1) / 2 AS nightjar_position FROM ("
        "SELECT *, row_number() OVER (ORDER BY nightjar_since, md5({prefix} || {group}::text), {group}) - 1 "
        "AS nightjar_place FROM ("
        "SELECT *, min({time}) OVER (PARTITION BY {group}) AS nightjar_since FROM {view}) timed) placed "
        "WINDOW one_group AS (PARTITION BY {group})"
    ).format(prefix=prefix, group=sql.Identifier(group_by), time=time, view=source.name.view)


def _check_ratios(parts: Mapping[str, float]) -> None:
    if not parts:
        raise SplitError("A split needs at least one part, such as _train=0.8.")
    for suffix, ratio in parts.items():
        if not 0 < ratio <= 1:
            raise SplitError(f"The ratio of {suffix!r} is {ratio}: give one above 0 and at most 1.")
    total = sum(map(_share, parts.values()))
    if total > 1:
        raise SplitError(f"The ratios add up to {float(total)}: they may be at most 1 together.")


def _check_column(source: Snapshot, column: str | None) -> None:
    known = [known.name for known in source.columns]
    if column is not None and column not in known:
        raise SplitError(f"{source.name} has no column {column!r}; it has {', '.join(known)}.")
