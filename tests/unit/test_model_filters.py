"""Filters of models: what they mean, and what is malformed in them."""

from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightjar.errors import FilterError
from nightjar.registry import ModelName, ModelRecord, Signature
from nightjar.transfer import parse_filter

MODEL = ModelRecord(
    name=ModelName("churn_risk", 2), use_case="churn_risk", kind="classification",
    algorithm="random_forest_classifier", snapshot="s@1.0.0", train_split="", test_split="", as_of=date(2017, 12, 1),
    training_query="", processed_rows=1, discarded_rows=0, preprocess_seconds=0, fit_seconds=0, iterations=None,
    output_type="", hyperparameters={}, coefficients={}, training_scores={}, test_scores={},
    signature=Signature((), ""), details={}, environment={}, code_version="", sha256="", trained_in="dev",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, True),
        ("  \n", True),
        ("churn_risk", True),
        ("churn_risk@2", True),
        ("churn_risk@1", False),
        ("spend_forecast, churn_risk@2", True),
        ("name = 'churn_risk'", True),
        ("name <> 'churn_risk@2'", False),
        ("NAME IN ('spend_forecast@1', 'churn_risk@2')", True),
        ("name not in ('churn_risk')", False),
        ("mining_function = 'classification'", True),
        ("kind != 'regression' and algorithm like 'random%'", True),
        ("algorithm like 'random_forest\\_classifie_'", True),
        ("algorithm like 'random*'", False),
        ("algorithm not like '%[a-z]%'", True),
        ("use_case = 'x' or kind = 'y' or not (kind = 'regression')", True),
        ("kind = 'regression' and kind = 'x' or use_case = 'churn_risk'", True),
        ("kind = 'regression' and (kind = 'x' or use_case = 'churn_risk')", False),
        ("not not use_case='churn_risk'", True),
        ("name='it''s'", False),
    ],
)
def test_a_filter_means(text: str | None, expected: bool) -> None:
    assert parse_filter(text).matches(MODEL) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("use_case = 'churn", "position 12: the quote is not closed"),
        ("use_case = churn", "position 12: a text in single quotes is missing"),
        ("usecase = 'x'", "position 1: there is no field 'usecase'. Did you mean 'use_case'?"),
        ("name in ()", "position 10: a text in single quotes is missing"),
        ("name in ('a'", r"position 13: \) is missing"),
        ("(name = 'a'", r"position 12: \) is missing"),
        ("name = 'a' 'b'", "position 12: \"'b'\" is too much there"),
        ("name = 'a' and", "position 15: a field is missing"),
        ("a, ", "position 4: a model's name is missing|position 3: a model's name is missing"),
        ("name ~ 'a'", "position 6: '~' means nothing"),
        ("not " * 60 + "name = 'a'", "nested more than 50 deep"),
        ("(" * 5000, "nested more than 50 deep"),
        ("x" * 10_001, "has 10001 characters"),
    ],
)
def test_a_malformed_filter_is_pointed_at(text: str, message: str) -> None:
    with pytest.raises(FilterError, match=message):
        parse_filter(text)


@given(st.text(alphabet="name_kind ='%(),<>!\\inlikeandornot\n@1ü", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(FilterError):
        assert parse_filter(text).matches(MODEL) in (True, False)


@given(st.text(max_size=30))
def test_a_quoted_text_stands_for_itself(value: str) -> None:
    condition = parse_filter("use_case = '" + value.replace("'", "''") + "'")

    assert condition.matches(replace(MODEL, use_case=value))
    assert not condition.matches(replace(MODEL, use_case=value + "x"))


@given(st.text(max_size=20))
def test_a_pattern_of_escaped_characters_stands_for_itself(value: str) -> None:
    pattern = "".join("\\" + character for character in value).replace("'", "''")
    condition = parse_filter(f"use_case like '{pattern}'")

    assert condition.matches(replace(MODEL, use_case=value))
    assert not condition.matches(replace(MODEL, use_case=value + "x"))
