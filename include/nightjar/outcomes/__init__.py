"""Outcomes: what became of the entities of a use case, by its outcome.sql."""

from nightjar.outcomes.query import OutcomeColumn, OutcomeQuery, outcome_query, outcome_sql

__all__ = ["OutcomeColumn", "OutcomeQuery", "outcome_query", "outcome_sql"]
