"""Checks of a night's predictions beside the declared expectations: ranges, segments, coverage of the catalogue."""

import sys
from collections.abc import Sequence

from psycopg import sql

from nightjar.quality.checks import PREDICTIONS, Check, limited, skipped
from nightjar.quality.histogram import count_values
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.quality import Coverage, Expectation, Segments

_SEGMENTS = "expect_segments_to_be_populated"
_COVERAGE = "expect_catalogue_to_be_covered"
_LARGEST = sys.float_info.max

_SQL = load_sql("nightjar.quality", "quality.sql")


def range_expectations(use_case: UseCase, segments: Sequence[int]) -> list[Expectation]:
    """Return what every prediction of a kind must be: finite, and within the kind's range."""
    match use_case.kind:
        case Kind.CLASSIFICATION:
            classes = [_between("class_id", 0, len(use_case.classes) - 1)] if use_case.classes else []
            return [*classes, _between("probability", 0, 1)]
        case Kind.REGRESSION:
            return [_between("prediction", -_LARGEST, _LARGEST)]
        case Kind.SEGMENTATION:
            # Of a model whose segments are not known there is only the distance.
            known = [_expectation("expect_column_values_to_be_in_set", column="segment_id", value_set=list(segments))]
            return [*(known if segments else []), _between("distance", 0, _LARGEST)]
        case Kind.RECOMMENDER:
            assert use_case.items is not None
            return [_between("rank", 1, use_case.items.top), _between("score", 0, 1)]


def check_segments(connection: Connection, limits: Segments, segments: Sequence[int], night: sql.Composable) -> Check:
    """Look for segments of the model that no entity, or too few, are in."""
    if not segments:
        return skipped(PREDICTIONS, _SEGMENTS, limits.severity, "the model names no segments")
    counts = count_values(connection, night, sql.Identifier("segment_id"))
    total = sum(counts.values())
    short = [number for number in segments if counts.get(number, 0) < max(limits.minimum_share * total, 1)]
    sizes = ", ".join(f"segment {number} has {counts.get(number, 0)}" for number in short)
    found = f"of {total} entities {sizes}" if short else f"all {len(segments)} segments are populated"
    arguments = {"minimum_share": limits.minimum_share}
    return limited(PREDICTIONS, _SEGMENTS, arguments, limits.severity, found, holds=not short)


def check_coverage(
    connection: Connection, item: str, limits: Coverage, night: sql.Composable, candidates: sql.Composable
) -> Check:
    """Count the items that are recommended to anyone, and those that could have been."""
    recommended, possible = (_count_items(connection, item, relation) for relation in (night, candidates))
    share = recommended / possible if possible else 0.0
    return limited(
        PREDICTIONS,
        _COVERAGE,
        limits.model_dump(exclude={"severity"}),
        limits.severity,
        f"{recommended} of {possible} items are recommended to anyone ({share:.1%})",
        holds=recommended >= limits.minimum_items and share >= limits.minimum_share,
    )


def _between(column: str, minimum: float, maximum: float) -> Expectation:
    return _expectation("expect_column_values_to_be_between", column=column, min_value=minimum, max_value=maximum)


def _expectation(kind: str, **arguments: object) -> Expectation:
    return Expectation.model_validate({"type": kind, **arguments})


def _count_items(connection: Connection, item: str, relation: sql.Composable) -> int:
    query = sql.SQL(_SQL["distinct_items"]).format(column=sql.Identifier(item), relation=relation)
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row["items"])
