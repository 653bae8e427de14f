"""Types that the fields of a declaration have, and the checks behind them."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

# Columns that prediction tables have beside the keys.
_OUTPUT_COLUMNS = frozenset(
    {
        "commit_id",
        "as_of",
        "model",
        "probability",
        "prediction",
        "predicted",
        "class_id",
        "segment_id",
        "segment",
        "distance",
        "since",
        "rank",
        "score",
        "items",
        "scores",
        "reason",
    }
)
_CRON_PART = re.compile(r"(?:\*|(?:\d+|[A-Za-z]{3})(?:-(?:\d+|[A-Za-z]{3}))?)(?:/[1-9]\d*)?", re.ASCII)
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def _check_column(name: str) -> str:
    if name in _OUTPUT_COLUMNS:
        raise ValueError(f"{name!r} is a column of every prediction table; rename it in the SQL")
    return name


def _check_cron(text: str) -> str:
    for field, (low, high) in zip(text.split(), _CRON_RANGES, strict=True):
        for part in field.split(","):
            numbers = [int(number) for number in re.split(r"\D+", part.split("/")[0]) if number]
            if not _CRON_PART.fullmatch(part) or not all(low <= number <= high for number in numbers):
                raise ValueError(f"{part!r} is not a part of a cron schedule")
    return text


Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
FreeColumn = Annotated[Identifier, AfterValidator(_check_column)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Cron = Annotated[str, StringConstraints(pattern=r"^\S+ \S+ \S+ \S+ \S+$"), AfterValidator(_check_cron)]
ParameterValue = str | int | float | bool | None


class Section(BaseModel):
    """A part of a declaration: frozen, and without fields that are not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Key(Section):
    """A column that identifies an entity or an item, alone or with others."""

    name: FreeColumn
    type: Literal["integer", "bigint", "text", "uuid"] = "bigint"

    @property
    def is_number(self) -> bool:
        """Whether its values are whole numbers."""
        return self.type in ("integer", "bigint")
