"""What a declaration says of training: read as it is meant, or refused by field with one clear message."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from nightjar.errors import DeclarationError
from nightjar.usecases.catalog import read_declaration
from nightjar.usecases.training import SearchRange, Training
from tests.unit.test_declarations import DECLARATION

_GATE = "minimum_metric = 0.7\nmaximum_calibration_error = 0.1"
_SEARCH = "search = { C = [0.1, 1.0] }"


def training(text: str) -> Training:
    """Read the fields of [training] beside the metric and the candidates."""
    fixed = 'metric = "roc_auc"\ncandidates = [{ estimator = "logistic_regression" }]\n'
    return Training(**tomllib.loads(fixed + text))


def refusal(folder: Path, old: str, new: str, changes: dict[str, str] | None = None) -> str:
    text = DECLARATION
    for before, after in {old: new, **(changes or {})}.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    for name in ("features", "target"):
        (folder / f"{name}.sql").write_text("SELECT 1 AS customer_id")
    (folder / "usecase.toml").write_text(text)
    with pytest.raises(DeclarationError) as caught:
        read_declaration(folder / "usecase.toml")
    return str(caught.value).removeprefix(str(folder))


def test_everything_beside_the_candidates_has_a_default() -> None:
    read = training("")

    assert (read.dates, read.every_days, read.month_ends, read.folds) == (1, 28, False, 3)
    assert (read.keep_features, read.calibrate, read.partial_fit, read.partition) == (None, False, False, None)
    assert read.candidates[0].search is None


@pytest.mark.parametrize(
    ("text", "whole"), [("{ low = 1, high = 9 }", True), ("{ low = 0.5, high = 9, scale = 'log' }", False)]
)
def test_a_range_is_whole_when_its_bounds_are(text: str, whole: bool) -> None:
    assert SearchRange(**tomllib.loads(f"x = {text}")["x"]).whole is whole


def test_lists_and_ranges_stand_side_by_side() -> None:
    candidate = '{ estimator = "ridge", search = { alpha = { low = 1, high = 2 }, fit_intercept = [true, false] } }'

    read = Training(**tomllib.loads(f'metric = "r2"\ncandidates = [{candidate}]'))

    assert read.candidates[0].search == {"alpha": SearchRange(low=1, high=2), "fit_intercept": (True, False)}


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("search = { C = { low = 2, high = 1 } }", "C.range: Value error, low (2) is not below high (1)."),
        ("search = { C = { low = 1, high = 1 } }", "C.range: Value error, low (1) is not below high (1)."),
        ("search = { C = { low = 0, high = 1, scale = 'log' } }", "low (0) has no logarithm: it must be above 0."),
        ("search = { C = { low = 1 } }", "C.range.high: Field required."),
        ("search = { C = [] }", "C has no values to try."),
        ("search = { C = 3 }", "C.values: Input should be a valid tuple (got 3)."),
        ("search = { C = { low = 1, high = 2, scale = 'lag' } }", "C.range.scale: Input should be 'linear' or 'log'"),
    ],
)
def test_a_wrong_search_space_has_one_message(tmp_path: Path, search: str, message: str) -> None:
    told = refusal(tmp_path, _SEARCH, search)

    assert told.startswith("/usecase.toml: training.candidates.0.search")
    assert message in told
    assert ";" not in told


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('metric = "roc_auc"', 'metric = "roc_auc"\nfolds = 0', "training.folds"),
        ('metric = "roc_auc"', 'metric = "roc_auc"\nkeep_features = 0', "training.keep_features"),
        ('metric = "roc_auc"', 'metric = "roc_auc"\nseed = -1', "training.seed"),
        ('metric = "roc_auc"', 'metric = "roc_auc"\npartition = { maximum = 3 }', "training.partition.column"),
        (
            'metric = "roc_auc"',
            'metric = "roc_auc"\npartial_fit = true\npartition = { column = "region" }',
            "a model that is updated with partial_fit is not partitioned",
        ),
    ],
)
def test_a_wrong_field_of_training(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert message in refusal(tmp_path, old, new)


def test_only_probabilities_are_calibrated(tmp_path: Path) -> None:
    told = refusal(
        tmp_path, '"classification"', '"regression"', {'metric = "roc_auc"': 'metric = "r2"\ncalibrate = true'}
    )

    assert "only probabilities are calibrated, not those of regression" in told


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"horizon_days = 28": 'horizon_days = 28, classes = ["a"]'}, "target.classes"),
        ({"horizon_days = 28": 'horizon_days = 28, classes = ["a", "a"]'}, "a class is named twice"),
        (
            {"horizon_days = 28": 'horizon_days = 28, classes = ["a", "b"]', "minimum_metric = 0.7": _GATE},
            "maximum_calibration_error: only for classification into 0 and 1",
        ),
        (
            {"horizon_days = 28": 'horizon_days = 28, classes = ["a", "b"]', '"classification"': '"regression"'},
            "target.classes: only for classification",
        ),
    ],
)
def test_classes_that_cannot_be(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    (old, new), *more = changes.items()

    assert message in refusal(tmp_path, old, new, dict(more))


def test_partition_of_many_values_is_limited() -> None:
    with pytest.raises(ValidationError):
        training('partition = { column = "region", maximum = 5000 }')


def test_unknown_fields_are_refused() -> None:
    values: dict[str, Any] = {"metric": "r2", "candidates": [{"estimator": "ridge"}], "fold": 3}

    with pytest.raises(ValidationError, match="fold"):
        Training(**values)
