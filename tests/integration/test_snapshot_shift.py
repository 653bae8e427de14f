"""Distributions of two snapshots compared: bins, means and bounds of every type, checked by hand."""

from collections.abc import Iterator

import pytest

from nightjar.snapshots.diff_rows import Rows
from nightjar.storage import Database
from tests.builders import shared_database
from tests.differences import compare, psi, shift_of


@pytest.fixture(scope="module")
def server(servers: dict[str, Database]) -> Iterator[Database]:
    """A database for pairs of snapshots, each of a name of its own."""
    with shared_database(servers["dev"], "shifts") as database:
        yield database


# Distributions --------------------------------------------------------------------------------------------------------


def test_numbers_fall_into_the_tenths_of_the_left_side(server: Database) -> None:
    # 1 to 100 against 1 to 80 and 20 times more 95: eight bins as before, one with none, one with all the 20.
    made = compare(
        server,
        "SELECT i AS a FROM generate_series(1, 100) i",
        "SELECT CASE WHEN i > 80 THEN 95 ELSE i END AS a FROM generate_series(1, 100) i",
    )
    shift = shift_of(made, "a")

    assert shift.psi == pytest.approx(psi((0.1, 0.0), (0.1, 0.2)), abs=1e-12)
    assert shift.reading == "large"
    assert (shift.left.distinct, shift.right.distinct) == (100, 81)
    assert (shift.left.mean, shift.right.mean) == (50.5, 51.4)
    assert (shift.left.minimum, shift.left.maximum, shift.right.maximum) == ("1", "100", "95")


def test_an_edge_belongs_to_the_bin_below_it(server: Database) -> None:
    left = "SELECT i AS a FROM generate_series(1, 10) i"

    made = compare(server, left, "SELECT CASE WHEN i = 2 THEN 1 ELSE i END AS a FROM generate_series(1, 10) i")
    within = compare(server, left, "SELECT CASE WHEN i = 2 THEN 1.5 ELSE i END AS a FROM generate_series(1, 10) i")

    assert shift_of(made, "a").psi == pytest.approx(psi((0.1, 0.2), (0.1, 0.0)), abs=1e-12)
    assert within.shifts == (), "a numeric is no integer"


def test_nulls_and_nan_are_bins_of_their_own(server: Database) -> None:
    values = """
    SELECT CASE WHEN i <= {} THEN NULL WHEN i <= {} THEN 'NaN' ELSE i::float8 END AS a FROM generate_series(1, 100) i
    """

    made = compare(server, values.format(10, 20), values.format(20, 20))
    shift = shift_of(made, "a")

    assert shift.psi == pytest.approx(psi((0.1, 0.2), (0.1, 0.0)), abs=1e-12)
    assert (shift.left.null_share, shift.right.null_share) == (0.1, 0.2)
    assert (shift.left.distinct, shift.right.distinct) == (81, 80)
    assert (shift.left.mean, shift.left.maximum, shift.right.maximum) == (None, "NaN", "100")
    assert shift.right.mean == 60.5


@pytest.mark.parametrize("moved", [-1, 0.5, 7])
def test_a_constant_that_moves_is_seen(server: Database, moved: float) -> None:
    made = compare(
        server,
        "SELECT 0::float8 AS a FROM generate_series(1, 50)",
        f"SELECT {moved}::float8 AS a FROM generate_series(1, 50)",
    )

    assert shift_of(made, "a").psi == pytest.approx(psi((1, 0), (0, 1)), abs=1e-9)


def test_a_value_that_fills_many_tenths_is_a_bin_of_its_own(server: Database) -> None:
    # Half of the rows are 0; of the others, 30 move below it.
    made = compare(
        server,
        "SELECT greatest(i - 50, 0) AS a FROM generate_series(1, 100) i",
        "SELECT CASE WHEN i > 70 THEN -1 ELSE greatest(i - 50, 0) END AS a FROM generate_series(1, 100) i",
    )

    assert shift_of(made, "a").psi == pytest.approx(psi((0, 0.3), (0.1, 0), (0.1, 0), (0.1, 0)), abs=1e-12)


def test_values_at_the_ends_of_a_type(server: Database) -> None:
    huge = (
        "SELECT CASE WHEN i = 1 THEN {} ELSE 1e308 END::float8 AS a, 1e400::numeric AS b FROM generate_series(1, 40) i"
    )

    made = compare(server, huge.format("'infinity'"), huge.format("1e308"))

    assert shift_of(made, "a").left.mean is None
    assert shift_of(made, "a").right.mean == pytest.approx(1e308)
    assert shift_of(made, "a").left.maximum == "Infinity"
    assert shift_of(made, "b").left.mean is None, "no float holds it"
    assert shift_of(made, "a").psi == pytest.approx(psi((1 / 40, 0), (39 / 40, 1)), abs=1e-9)


def test_a_mean_at_the_end_of_time_is_left_out(server: Database) -> None:
    last = "SELECT '294276-12-31 23:59:59.999999'::timestamp AS a"

    assert shift_of(compare(server, last, last), "a").left.mean is None


def test_dates_and_times(server: Database) -> None:
    moments = """
    SELECT '2017-01-01'::date + i AS day, '2017-01-01 00:00'::timestamp + i * interval '12 hours' AS at,
           '2017-01-01 00:00+00'::timestamptz + i * interval '12 hours' AS zoned,
           '10:00'::time + i * interval '1 min' AS t, i * interval '1 day' AS ago,
           CASE WHEN i = 0 THEN '-infinity' ELSE '2020-01-01'::date END AS open
    FROM generate_series(0, {}) i
    """

    made = compare(server, moments.format(10), moments.format(20))

    assert (shift_of(made, "day").left.mean, shift_of(made, "day").right.mean) == ("2017-01-06", "2017-01-11")
    assert shift_of(made, "at").left.mean == "2017-01-03 12:00:00"
    assert shift_of(made, "zoned").right.mean == "2017-01-06 00:00:00"
    assert (shift_of(made, "day").left.minimum, shift_of(made, "day").right.maximum) == ("2017-01-01", "2017-01-21")
    assert shift_of(made, "t").left.maximum == "10:10:00"
    assert (shift_of(made, "ago").left.maximum, shift_of(made, "ago").left.mean) == ("10 days", None)
    assert (shift_of(made, "open").left.mean, shift_of(made, "open").left.minimum) == (None, "-infinity")
    for name in ("day", "at", "zoned", "t", "ago"):
        # 11 values over ten tenths: one bin holds two of them; 10 of the 21 lie above the last edge.
        assert shift_of(made, name).psi == pytest.approx(shift_of(made, "day").psi, abs=1e-12)
        assert shift_of(made, name).reading == "large"


def test_texts_fall_into_the_twenty_most_frequent_and_the_rest(server: Database) -> None:
    # x1 is there 30 times, x2 29 times, …; the ten rarest ones, x21 to x30, are one bin.
    words = "SELECT 'x' || n AS word FROM generate_series(1, 30) n, generate_series(n, 30)"
    total = 30 * 31 // 2

    among_the_rest = compare(server, words, words.replace("'x' || n", "'x' || CASE WHEN n > 20 THEN 99 ELSE n END"))
    to_the_rest = compare(server, words, words.replace("'x' || n", "'x' || CASE WHEN n = 20 THEN 21 ELSE n END"))

    assert shift_of(among_the_rest, "word").psi == 0.0
    assert (shift_of(among_the_rest, "word").left.distinct, shift_of(among_the_rest, "word").right.distinct) == (30, 21)
    rest = sum(range(1, 11))
    assert shift_of(to_the_rest, "word").psi == pytest.approx(
        psi((11 / total, 0), (rest / total, (rest + 11) / total)), abs=1e-12
    )


@pytest.mark.parametrize(
    ("left", "right"),
    [("true", "false"), ("'a'::text", "NULL"), ("'{1}'::int[]", "'{2}'::int[]"), ("'{\"a\": 1}'::json", "'{}'::json")],
)
def test_other_types_are_counted_by_value(server: Database, left: str, right: str) -> None:
    values = f"SELECT i AS id, CASE WHEN i <= 5 THEN {left} ELSE {right} END AS a FROM generate_series(1, 10) i"

    made = compare(server, values, values.replace("i <= 5", "i <= 6"))

    assert shift_of(made, "a").psi == pytest.approx(psi((0.5, 0.6), (0.5, 0.4)), abs=1e-12)
    assert made.changed_values == {"a": 1}
    assert shift_of(made, "a").left.mean is shift_of(made, "a").left.minimum is None


def test_the_same_shares_of_more_rows_are_no_shift(server: Database) -> None:
    values = "SELECT i % 7 AS a, (i % 5)::text AS b, nullif(i % 3, 0)::float8 AS c FROM generate_series(1, {}) i"

    made = compare(server, values.format(105), values.format(315))

    assert [shift.psi for shift in made.shifts] == [0.0, 0.0, 0.0]


# Ugly data ------------------------------------------------------------------------------------------------------------

UGLY_NAMES = [
    "Mixed Case",
    'quo"ted',
    "größe",
    "source",
    "value",
    "l",
    "c0",
    "is_left",
    "here; --",
    "100%",
    "{0}",
    "count",
]


def test_any_column_name_will_do(server: Database) -> None:
    def query(offset: int) -> str:
        values = [f"(i + {offset} * {place})" for place in range(len(UGLY_NAMES))]
        columns = [
            f'{value}{"::text" if place % 2 else ""} AS "{name.replace(chr(34), chr(34) * 2)}"'
            for place, (value, name) in enumerate(zip(values, UGLY_NAMES, strict=True))
        ]
        return f"SELECT {', '.join(columns)} FROM generate_series(1, 20) i"

    made = compare(server, query(0), query(1))
    by_text = compare(server, query(0), query(0), key=("größe", 'quo"ted'))

    assert [shift.column for shift in made.shifts] == UGLY_NAMES
    assert made.rows == Rows(20, 20, 0, 0, changed=20, unchanged=0)
    assert made.changed_values == dict.fromkeys(UGLY_NAMES[1:], 20)
    assert by_text.rows.unchanged == 20
    assert all(name in made.as_text() for name in UGLY_NAMES)


ODD_TYPES = """
SELECT i AS id, ('{"a": ' || i || '}')::json AS document, point(i, 1) AS place, ARRAY[point(i, i)] AS places,
       ('{"a": ' || i || '}')::jsonb AS binary_document, i::text::bytea AS raw,
       md5(i::text)::uuid AS number, i::money AS cost, box(point(0, 0), point(i, i)) AS area,
       int4range(1, i + 1) AS span, ('10.0.0.' || i)::inet AS address, '1'::bit(3) AS bits,
       i::text::tsvector AS words, i::oid AS object
FROM generate_series(1, 5) i
"""


def test_any_type_will_do(server: Database) -> None:
    shifted = ODD_TYPES.replace("(1, 5)", "(2, 6)")
    moved = ODD_TYPES.replace("point(i, 1)", "point(i, 2)")

    assert compare(server, ODD_TYPES, moved).changed_values == {"place": 5}
    for key in ((), ("document", "place")):
        made = compare(server, ODD_TYPES, shifted, key)
        assert made.rows == Rows(5, 5, added=1, removed=1, changed=0, unchanged=4)
        assert len(made.shifts) == 14


def test_whole_rows_of_any_type_will_do(server: Database) -> None:
    twice = "SELECT rows.* FROM ({}) rows, generate_series(1, 2)"
    odd = ODD_TYPES.replace("i AS id", "1 AS id").replace("('{", "('  {")

    made = compare(server, twice.format(odd), odd)

    assert (made.key, made.rows) == ((), Rows(10, 5, added=0, removed=5, changed=None, unchanged=5))


def test_domains_enums_and_collations(server: Database) -> None:
    with server.connect() as connection:
        connection.execute("CREATE DOMAIN public.percent AS numeric(5, 2); CREATE DOMAIN public.word AS text")
        connection.execute("CREATE TYPE public.size AS ENUM ('small', 'large'); GRANT USAGE ON SCHEMA public TO PUBLIC")
    values = """
    SELECT i AS id, i::public.percent AS share, i::text::public.word AS word, 'small'::public.size AS size,
           i::text {} AS collated, ARRAY[i::text {}] AS several
    FROM generate_series(1, 20) i
    """

    made = compare(server, values.format("", ""), values.format('COLLATE "C"', 'COLLATE "C"'))

    assert made.rows == Rows(20, 20, 0, 0, changed=0, unchanged=20)
    assert [column.name for column in made.retyped] == ["collated", "several"]
    assert [shift.psi for shift in made.shifts] == [0.0] * 4
    assert shift_of(made, "share").left.mean == 10.5
