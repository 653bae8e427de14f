"""Binding of `:name` parameters: only real parameters are replaced, everything else stays as it is."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightjar.errors import DeclarationError
from nightjar.storage.parameters import bind, parameter_names

DAY = date(2017, 12, 1)


def bound(query: str, **values: date | float | str) -> str:
    return bind(query, values).as_string()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT :as_of", "SELECT '2017-12-01'::date"),
        (":as_of - 28 <= day AND day < :as_of", "'2017-12-01'::date - 28 <= day AND day < '2017-12-01'::date"),
        ("SELECT :as_of::text", "SELECT '2017-12-01'::date::text"),
        ("f(:as_of,:as_of)", "f('2017-12-01'::date,'2017-12-01'::date)"),
        ("'it''s' || :as_of", "'it''s' || '2017-12-01'::date"),
        ("/* two\nlines */ :as_of -- :nothing", "/* two\nlines */ '2017-12-01'::date -- :nothing"),
        ("$$ a $$, :as_of, $$ b $$", "$$ a $$, '2017-12-01'::date, $$ b $$"),
        ("x @> '{}' AND :as_of", "x @> '{}' AND '2017-12-01'::date"),
    ],
)
def test_parameters_become_typed_literals(query: str, expected: str) -> None:
    assert bound(query, as_of=DAY) == expected


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ':as_of', 'it''s :as_of'",
        "SELECT ':as_of\n:as_of'",
        'SELECT ":as_of" FROM "a"":as_of"',
        "SELECT a::date, b::numeric(10, 2)",
        "SELECT 1 -- at :as_of\n, 2",
        "SELECT /* :as_of\n :as_of */ 1",
        "SELECT $$ :as_of $$, $tag$ $$ :as_of $tag$",
        "SELECT a[1:2], '12:30'::time, b % 2, '{}'",
    ],
)
def test_what_only_looks_like_a_parameter_stays(query: str) -> None:
    assert bound(query, as_of=DAY) == query
    assert parameter_names(query) == set()


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (28, "28"),
        (-1, " -1"),
        (0.1, "0.1"),
        ("it's", "'it''s'"),
        ("x'; DROP TABLE t; --", "'x''; DROP TABLE t; --'"),
        (date(2018, 1, 1), "'2018-01-01'::date"),
    ],
)
def test_values_are_quoted_by_their_type(value: date | float | str, literal: str) -> None:
    assert bound("SELECT :value", value=value) == f"SELECT {literal}"


def test_a_value_that_looks_like_a_parameter_is_not_bound_again() -> None:
    assert bound("SELECT :a, :b", a=":b", b=2) == "SELECT ':b', 2"


def test_the_longest_name_is_the_parameter() -> None:
    assert parameter_names("SELECT :as_of, :as_of_2, :AS, ::x") == {"as_of", "as_of_2", "AS"}
    assert bound("SELECT :as_of_2, :as_of", as_of=1, as_of_2=2) == "SELECT 2, 1"


def test_an_unknown_name_is_refused_with_those_known() -> None:
    with pytest.raises(DeclarationError, match=":asof, which is not known there; known are: :as_of, :horizon_days"):
        bind("SELECT :asof", {"horizon_days": 28, "as_of": DAY})


def test_a_closing_semicolon_goes_so_that_the_query_can_be_embedded() -> None:
    assert bound("SELECT :as_of;\n", as_of=DAY) == "SELECT '2017-12-01'::date"
    assert bound("SELECT ';'") == "SELECT ';'"


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=":\0"))


@given(TEXT)
def test_text_without_parameters_survives_unchanged(text: str) -> None:
    assert bound(text + "\n--", as_of=DAY) == text + "\n--"


@given(
    st.lists(
        st.tuples(st.sampled_from(["SELECT ", "'a:b'", '":c"', "::", " -- :d\n", "$$:e$$", "/*:f*/"]), st.booleans())
    )
)
def test_every_parameter_between_other_tokens_is_bound(tokens: list[tuple[str, bool]]) -> None:
    query = "".join(token + (" :p " if follows else "") for token, follows in tokens) + "."
    expected = "".join(token + (" 7 " if follows else "") for token, follows in tokens) + "."

    assert bound(query, p=7) == expected
