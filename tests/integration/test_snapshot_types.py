"""Every common type survives: created, changed, stored in every form, split, replayed and compared."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from nightjar import snapshots
from nightjar.snapshots import Column, Snapshot, StoragePolicy
from nightjar.snapshots.errors import SnapshotQueryError
from nightjar.snapshots.hashing import content_hash
from nightjar.snapshots.layout import ALWAYS_COPY, NEVER_COPY
from nightjar.storage import Database, Role
from tests.builders import shared_database
from tests.snapshot_builders import rows_of, run_sql

TYPES = {
    "numeric": ["1.50", "NaN", "0.000", "1e-30"],
    "numeric(6,2)": ["1.005", "NaN", "-9999.99", "0"],
    "integer": ["-2147483648", "0"],
    "bigint": ["9223372036854775807"],
    "real": ["0.1", "NaN", "0"],
    "double precision": ["NaN", "-0", "1e-300", "-Infinity"],
    "boolean": ["true", "false"],
    "date": ["2017-02-28", "infinity", "0044-03-15 BC"],
    "timestamp with time zone": ["2017-10-29 02:30+02", "infinity"],
    "timestamp(0) without time zone": ["2017-12-01 12:00:00.7"],
    "time with time zone": ["12:00+01"],
    "interval": ["1 mon 3 days 04:05:06.7", "-1 year"],
    "interval(0)": ["3 days 04:05:06.7"],
    "text": ["", "ü ß 漢字 🚗 e\u0301", "a\t\n\r\x01\x1f\x7f\\\"',{}()", "\u200d\ufeff"],
    'text COLLATE pg_catalog."C"': ["ß", "Z", "a"],
    "character varying(3)": ["üb ", ""],
    "character(3)": ["a", "abc"],
    '"char"': ["x"],
    "name": ["n"],
    "text[]": ['{a,"b,c",NULL,"\\"q\\"",""}', "{}"],
    "integer[]": ["[2:4]={1,2,NULL}", "{{1,2},{3,4}}"],
    "numeric(6,2)[]": ["{1.005,NaN}"],
    "jsonb": ['{"b": 1, "a": [null, "ü"]}', "null", "1.50"],
    "json": ['{"b" : 1,  "b": 2}', "[]"],
    "bytea": ["\\x00ff", ""],
    "uuid": ["00000000-0000-0000-0000-00000000000a"],
    "money": ["12.34"],
    "inet": ["10.0.0.1/8", "::1"],
    "int4range": ["[1,5)", "empty"],
    "int4multirange": ["{[1,2),[4,5)}"],
    "point": ["(1.5,-0)"],
    "bit(3)": ["101"],
    "bit varying(5)": ["1", "10101"],
    "tsvector": ["a 'b c':1"],
    "oid": ["5"],
    "regclass": ["pg_class"],
    "public.mood": ["sad", "ok"],
    "public.mood[]": ["{sad,NULL}"],
    "public.small": ["7"],
    "public.label": ["ab"],
    "public.pair": ['(1,"x,""y")', '(2,"")'],
    "public.pair[]": ['{"(1,x)",NULL}'],
}
# The parser does not know the type's own name.
SPELLED = {"bit varying(5)": "varbit(5)"}
MOST_VALUES = max(map(len, TYPES.values()))


@pytest.fixture(scope="module")
def database(servers: dict[str, Database]) -> Iterator[Database]:
    """Types made by the login, which the trainer uses."""
    with shared_database(servers["dev"], "types") as made:
        run_sql(made, "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (a int, b text)")
        run_sql(made, "CREATE DOMAIN small AS int CHECK (value < 10); CREATE DOMAIN label AS varchar(3)")
        yield made


def literals(kind: str) -> list[str]:
    """Return the values of a type and NULL, in SQL."""
    return ["'" + value.replace("'", "''") + "'" for value in TYPES[kind]] + ["NULL"]


def row_of_all_types(number: int) -> str:
    """Return a query of one row with a column `x<n>` for each type."""
    values = [(literals(kind) + ["NULL"] * MOST_VALUES)[number] + f"::{SPELLED.get(kind, kind)}" for kind in TYPES]
    return f"SELECT {number} AS id, " + ", ".join(f"{value} AS x{place}" for place, value in enumerate(values))


def texts_of(database: Database, snapshot: Snapshot, prefix: str) -> dict[int, tuple[str | None, ...]]:
    """Return the text of each type's value by id."""
    columns = ", ".join(f"{prefix}{place}::text" for place in range(len(TYPES)))
    return {row[0]: row[1:] for row in rows_of(database, snapshot, f"id, {columns}")}


@pytest.mark.parametrize(("name", "policy"), [("copied", ALWAYS_COPY), ("changed", NEVER_COPY)])
def test_all_types_survive(database: Database, name: str, policy: StoragePolicy) -> None:
    places = range(len(TYPES))
    root = snapshots.create(database, name, " UNION ALL ".join(map(row_of_all_types, range(MOST_VALUES + 1))))
    adding = "ALTER snapshot " + ", ".join(f"ADD y{place} {kind}" for place, kind in enumerate(TYPES))
    copying = "UPDATE snapshot SET " + ", ".join(f"y{place} = x{place}, x{place} = NULL" for place in places)
    mirroring = ", ".join(f"y{place}" for place in places) + ", " + ", ".join(f"x{place}" for place in places)
    wider = snapshots.prepare(database, root.name, [adding, copying + " WHERE id <> 1"], policy=policy)
    child = snapshots.prepare(
        database,
        wider.name,
        [
            f"INSERT INTO snapshot SELECT id + 100, {mirroring} FROM snapshot WHERE id <> 1",
            "DELETE FROM snapshot WHERE id = 1",
        ],
        policy=policy,
    )
    parts = snapshots.split(database, child.name, {"_a": 0.5, "_b": 0.5}, stratify=["x4", "y7"], policy=policy)

    original = {number: texts for number, texts in texts_of(database, root, "x").items() if number != 1}
    assert [column.type for column in root.columns[1:]] == list(TYPES)
    assert [column.type for column in child.columns[1:]] == [*TYPES, *TYPES]
    assert {number: texts for number, texts in texts_of(database, child, "y").items() if number < 100} == original
    assert {number - 100: texts for number, texts in texts_of(database, child, "x").items() if number > 99} == original
    assert texts_of(database, parts[0], "y") | texts_of(database, parts[1], "y") == texts_of(database, child, "y")
    for made in (root, wider, child, *parts):
        verified = snapshots.verify(database, made.name)
        assert (verified.exact, verified.replayable, verified.matches) == (True, True, True), made.name


@pytest.mark.parametrize("kind", TYPES)
def test_each_value_and_null_have_hashes_of_their_own(database: Database, kind: str) -> None:
    column = Column("x", kind)
    with database.connect(Role.TRAINER) as connection:
        hashes = {
            content_hash(connection, sql.SQL(f"(SELECT {value}::{kind} AS x) made"), [column])[0]
            for value in literals(kind)
        }

    assert len(hashes) == len(TYPES[kind]) + 1


def test_an_xml_column_survives_where_the_server_has_the_type(database: Database) -> None:
    query = "SELECT '<a b=\"1\">ü</a>'::xml AS x"
    try:
        run_sql(database, "SELECT '<a/>'::xml")
    except psycopg.errors.FeatureNotSupported:
        with pytest.raises(SnapshotQueryError, match="unsupported XML feature"):
            snapshots.create(database, "xml", query)
    else:
        assert snapshots.verify(database, snapshots.create(database, "xml", query).name).matches


def test_pseudo_types_are_refused(database: Database) -> None:
    with pytest.raises(SnapshotQueryError, match="pseudo-type record"):
        snapshots.create(database, "pseudo", "SELECT ROW(1, 2) AS x")
