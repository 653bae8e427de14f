import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from nightjar.storage import Database
from nightjar.storage.catalogs import catalog_cursor, is_complete, remap_schemas

OTHER = {"nightjar": "other"}
WORDS = st.sampled_from(
    [
        *("nightjar", '"nightjar"', "nightjar_owner", "nightjar_store", "snapshot", ".", ",", "(", ")", ";", "::", " "),
        *("'nightjar.actor'", "'nightjar.x'::regclass", "SCHEMA", "SET search_path TO", "--", "\n", "/*", "*/", "'"),
        *('"', "$$", "$a$", "E'", "\\", "%s", "%(name)s", "é", "\0", "1", "FROM", "nextval(", "''"),
    ]
)
# Whose strings, names and comments end.
WHOLE = st.lists(WORDS.filter(lambda word: word not in {"'", '"', "/*", "E'", "$$", "$a$"}), max_size=25).map(" ".join)
TEXTS = st.lists(WORDS, max_size=25).map("".join) | st.lists(WORDS, max_size=25).map(" ".join)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("SELECT * FROM nightjar.snapshot", 'SELECT * FROM "other".snapshot'),
        ('"nightjar"."snapshot" n', '"other"."snapshot" n'),
        ("NightJar.x", '"other".x'),
        ("nightjar . x", '"other" . x'),
        ("CREATE SCHEMA nightjar;", 'CREATE SCHEMA "other";'),
        ("CREATE SCHEMA IF NOT EXISTS nightjar AUTHORIZATION x", 'CREATE SCHEMA IF NOT EXISTS "other" AUTHORIZATION x'),
        ("GRANT USAGE ON SCHEMA a, nightjar TO nightjar_scorer", 'GRANT USAGE ON SCHEMA a, "other" TO nightjar_scorer'),
        ("SET search_path = a, nightjar AS x", 'SET search_path = a, "other" AS x'),
        ("SET search_path TO 'nightjar', 'pg_temp'", "SET search_path TO 'other', 'pg_temp'"),
        ("nextval('nightjar.id'::regclass)", "nextval('\"other\".id'::regclass)"),
        ("pg_catalog.setval('nightjar.id', 4, true)", "pg_catalog.setval('\"other\".id', 4, true)"),
        ("'nightjar'::pg_catalog.regnamespace", "'\"other\"'::pg_catalog.regnamespace"),
        ("to_regclass('nightjar.id')", "to_regclass('\"other\".id')"),
        ("AS $$ SELECT FROM nightjar.x -- it's\n $$", 'AS $$ SELECT FROM "other".x -- it\'s\n $$'),
        ("AS $a$ SELECT $$nightjar.y z$$ $a$", 'AS $a$ SELECT $$"other".y z$$ $a$'),
        (
            "format('SELECT %I FROM nightjar.%I WHERE ''nightjar.actor'' = x')",
            "format('SELECT %I FROM \"other\".%I WHERE ''nightjar.actor'' = x')",
        ),
    ],
)
def test_names_of_a_schema_are_rewritten(before: str, after: str) -> None:
    assert remap_schemas(before, OTHER) == after


@pytest.mark.parametrize(
    "text",
    [
        "SET ROLE nightjar_owner",
        "current_setting('nightjar.actor', true)",
        "EXECUTE FUNCTION x.refuse_change('nightjar.purging', 'DELETE')",
        "hashtext('nightjar import')",
        "SELECT nightjar FROM x.nightjar",
        "x.nightjar.y",
        "-- nightjar.x\n",
        "/* nightjar.x */",
        "gate = 'nightjar'",
        '"Nightjar".x',
        "nightjar_store.x",
        "xnightjar.y",
        "E'nightjar.actor'",
    ],
)
def test_what_only_looks_like_it_is_left(text: str) -> None:
    assert remap_schemas(text, OTHER) == text


def test_schemas_can_change_places() -> None:
    assert remap_schemas("a.x = b.x", {"a": "b", "b": "a"}) == '"b".x = "a".x'


@given(TEXTS)
def test_without_a_mapping_nothing_changes(text: str) -> None:
    assert remap_schemas(text, {}) == text
    assert remap_schemas(text, {"elsewhere": "other"}) == text


@given(WHOLE)
def test_back_again_is_where_it_came_from(text: str) -> None:
    there = remap_schemas(text, OTHER)
    assert remap_schemas(there, {"other": "nightjar"}) == remap_schemas(text, {"nightjar": "nightjar"})


@given(WHOLE)
def test_twice_is_as_once(text: str) -> None:
    there = remap_schemas(text, OTHER)
    assert remap_schemas(there, OTHER) == there


@given(TEXTS)
def test_only_names_change(text: str) -> None:
    there = remap_schemas(text, OTHER)
    assert there.replace('"', "").replace("other", "nightjar") == text.replace('"', "").replace("NIGHTJAR", "nightjar")
    assert is_complete(there) == is_complete(text)


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("", True),
        ("SELECT 'it''s' || $$ ' $$ -- '\n;", True),
        ("SELECT '", False),
        ("SELECT E'\\'", False),
        ("AS $a$ BEGIN $$ ", False),
        ('SELECT "', False),
        ("/* ", False),
    ],
)
def test_an_end_within_something_is_known(text: str, complete: bool) -> None:
    assert is_complete(text) is complete


@pytest.mark.parametrize(
    "query",
    [
        "SELECT FROM nightjar.x",
        b"SELECT FROM nightjar.x",
        sql.SQL("SELECT FROM nightjar.x"),
        sql.SQL("SELECT FROM nightjar.{}").format(sql.SQL("x")),
    ],
)
def test_cursors_rewrite_each_type_of_query(query: str | bytes | sql.Composable) -> None:
    rewritten = catalog_cursor("other")._rewrite(_Nowhere(), query)  # type: ignore[attr-defined]
    assert rewritten == b'SELECT FROM "other".x'


class _Nowhere:
    catalog = "other"
    connection = None


def test_another_database_of_the_server_is_asked_for_the_same_catalog() -> None:
    database = Database("dev", "host=x").with_catalog("other")
    assert database.with_database("y").catalog == "other"
    assert database.name == "dev"
