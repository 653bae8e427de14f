"""Declarations of quality: defaults, severities, limits, and what is refused."""

import tomllib

import pytest
from pydantic import ValidationError

from nightjar.usecases import Kind
from nightjar.usecases.quality import Expectation, Quality, Severity, Source
from tests.night_builders import shop_use_case


def source(text: str) -> Source:
    return Source.model_validate(tomllib.loads(f'table = "shop.orders"\n{text}'))


def quality(text: str) -> Quality:
    return Quality.model_validate(tomllib.loads(text))


def test_undeclared_limits() -> None:
    plain, limits = source('date_column = "day"'), quality("")

    assert (plain.volume.days, plain.volume.weeks) == (1, 4)
    assert (plain.volume.minimum_ratio, plain.volume.maximum_ratio, plain.volume.severity) == (0.2, 5, Severity.ERROR)
    assert (limits.population.minimum_ratio, limits.population.maximum_ratio) == (0.5, 2)
    assert [limits.population.severity, limits.segments.severity, limits.coverage.severity] == [Severity.ERROR] * 3
    assert [limits.drift.severity, limits.distribution.severity] == [Severity.WARNING] * 2


def test_severity_is_no_argument_of_an_expectation() -> None:
    found = source('expectations = [{ type = "expect_x", severity = "warning", column = "a" }]').expectations[0]

    assert (found.severity, found.arguments) == (Severity.WARNING, {"column": "a"})
    assert Expectation(type="expect_x").severity is Severity.ERROR


def test_limit_that_is_never_reached() -> None:
    assert quality("drift = { maximum_psi = inf }").drift.maximum_psi == float("inf")


def test_reference_to_a_column_of_the_same_name_or_another() -> None:
    same, other = source(
        'references = [{ column = "a", table = "shop.b" }, { column = "a", table = "shop.b", to = "c" }]'
    ).references

    assert (same.target, other.target, same.maximum_missing) == ("a", "c", 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("volume = { weeks = 4 }", "declare date_column as well"),
        ('date_column = "d"\nvolume = { days = 8 }', "volume.days"),
        ('date_column = "d"\nvolume = { weeks = 0 }', "volume.weeks"),
        ('date_column = "d"\nvolume = { minimum_ratio = 2.0, maximum_ratio = 1.0 }', "is above maximum_ratio"),
        ('date_column = "d"\nvolume = { minimum_ratio = nan }', "minimum_ratio"),
        ('date_column = "d"\nvolume = { minimum_ratio = -1 }', "volume.minimum_ratio"),
        ('references = [{ column = "a", table = "b" }]', "references.0.table"),
        ('references = [{ column = "a", table = "b.c", maximum_missing = 2 }]', "references.0.maximum_missing"),
        ('expectations = [{ type = "expect_x", severity = "info" }]', "expectations.0.severity"),
    ],
)
def test_wrong_source_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        source(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("drift = { maximum_psi = -0.1 }", "drift.maximum_psi"),
        ("drift = { maximum_psi = nan }", "drift.maximum_psi"),
        ("drift = { maximum_new_categories = 2 }", "drift.maximum_new_categories"),
        ('drift = { severity = "fatal" }', "drift.severity"),
        ("drift = { colour = 1 }", "drift.colour"),
        ("population = { minimum_ratio = 3 }", "is above maximum_ratio"),
        ("coverage = { minimum_items = 0 }", "coverage.minimum_items"),
        ("segments = { minimum_share = 1.1 }", "segments.minimum_share"),
    ],
)
def test_wrong_limit_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        quality(text)


def test_limits_are_for_the_kinds_that_have_the_check() -> None:
    segments, coverage = quality("segments = {}"), quality("coverage = {}")

    assert shop_use_case(Kind.SEGMENTATION, quality=segments)
    assert shop_use_case(Kind.RECOMMENDER, quality=coverage)
    with pytest.raises(ValidationError, match=r"quality\.segments: only for segmentation"):
        shop_use_case(Kind.RECOMMENDER, quality=segments)
    with pytest.raises(ValidationError, match=r"quality\.coverage: only for a recommender"):
        shop_use_case(Kind.SEGMENTATION, quality=coverage)


def test_name_of_the_view_of_results_is_taken() -> None:
    with pytest.raises(ValidationError, match="'gate_results' is taken by a view of the platform"):
        shop_use_case(name="gate_results")
