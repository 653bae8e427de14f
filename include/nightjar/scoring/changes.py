"""What of a stored prediction is compared between two nights, and how much of it is another."""

from psycopg import sql

from nightjar.usecases import Kind, UseCase

# A smaller change is what rounding leaves.
THRESHOLDS = {
    Kind.CLASSIFICATION: 1e-9,
    Kind.REGRESSION: 1e-9,
    Kind.SEGMENTATION: 0.0,
    Kind.RECOMMENDER: 0.0,
}


def compared_value(use_case: UseCase) -> sql.Composable:
    """Return the column of the stored rows that is compared: a number, a segment, a class, or a list of items."""
    match use_case.kind:
        case Kind.CLASSIFICATION:
            return sql.Identifier("class_id" if use_case.classes else "probability")
        case Kind.REGRESSION:
            return sql.Identifier("prediction")
        case Kind.SEGMENTATION:
            return sql.Identifier("segment_id")
        case Kind.RECOMMENDER:
            return sql.Identifier("items")


def change(use_case: UseCase, before: str, after: str) -> sql.Composable:
    """Return the expression for the change from one column to another.

    Of a number its difference; of a segment or class 1 when it is another; of a list the share of its items that are
    not in the one before.
    """
    columns = {"before": sql.Identifier(before), "after": sql.Identifier(after)}
    if use_case.kind is Kind.RECOMMENDER:
        return sql.SQL(
            "(SELECT count(*) FILTER (WHERE item <> ALL ({before}))::float8 / count(*) FROM unnest({after}) item)"
        ).format(**columns)
    if use_case.kind is Kind.SEGMENTATION or use_case.classes:
        return sql.SQL("({before} <> {after})::integer::float8").format(**columns)
    return sql.SQL("({after} - {before})").format(**columns)
