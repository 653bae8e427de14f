"""Nights as people and DAG runs ask for them: dates, and whose model scores a past one."""

from datetime import date, timedelta
from enum import StrEnum

from nightjar.errors import AsOfDateError, ModelChoiceError


class ModelOf(StrEnum):
    """Whose model scores a night: today's champion, or the one of that time."""

    TODAY = "today"
    THEN = "then"

    @classmethod
    def parse(cls, text: str) -> "ModelOf":
        """Read the choice.

        Raises:
            ModelChoiceError: it is none.
        """
        if text not in list(cls):
            raise ModelChoiceError(f"There is no model of {text!r}: take {' or '.join(cls)}.")
        return cls(text)


def parse_date(text: str) -> date:
    """Read an ISO date.

    Raises:
        AsOfDateError: it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise AsOfDateError(f"{text!r} is not a date: write it as 2017-12-01.") from error


def dates_between(first: date, last: date) -> list[date]:
    """Return all dates from the first to the last, both included.

    Raises:
        AsOfDateError: the last is before the first.
    """
    if last < first:
        raise AsOfDateError(f"{last} is before {first}: give the earlier date first.")
    return [first + timedelta(days=day) for day in range((last - first).days + 1)]
