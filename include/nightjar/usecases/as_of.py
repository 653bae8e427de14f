"""Dates as people and DAG runs give them."""

from datetime import date

from nightjar.errors import AsOfDateError


def parse_date(text: str) -> date:
    """Read an ISO date.

    Raises:
        AsOfDateError: it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise AsOfDateError(f"{text!r} is not a date: write it as 2017-12-01.") from error
