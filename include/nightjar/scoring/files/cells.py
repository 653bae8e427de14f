"""Texts of a column as values, all of them at once; what is no value of the column's type is pointed out."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from nightjar.storage.copy_reader import CopyColumn, Encoding

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[Any]
Texts = Any
_Cast = Callable[[Texts], Any]

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:nan|inf|infinity)$"
DECIMAL_COMMA = r"^[+-]?[\d.' ]*,\d+$"
_DAY = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_TIME = r"[ T]([01]\d|2[0-3])(:[0-5]\d(:[0-5]\d(\.\d{1,6})?)?)?"
DATE = rf"^{_DAY}({_TIME})?$"
DATE_WITH_ZONE = rf"^{_DAY}{_TIME}(Z|[+-]\d{{2}}(:?\d{{2}})?)$"
_TRUE, _FALSE = ("true", "t", "yes", "y", "on", "1"), ("false", "f", "no", "n", "off", "0")
_MICROSECONDS, _SECONDS_OF_DAY = 1e6, 86400.0


def feature_values(column: CopyColumn, texts: Texts) -> tuple[Values, Mask | None]:
    """Return a feature as scoring reads it from a database, and where the texts are no such values.

    Args:
        column: of the model's signature.
        texts: an Arrow array of strings, null where the field is empty.

    Returns:
        The values, shape (rows,): NaN for an empty field, -1 for a category that is empty or was not seen in training;
        and a mask of shape (rows,), None where all are right.
    """
    match column.encoding:
        case Encoding.CATEGORY:
            known = pa.array(list(column.categories), pa.string())
            return to_numpy(pc.fill_null(pc.index_in(texts, value_set=known), -1)).astype(np.float64), None
        case Encoding.BOOLEAN:
            return _booleans(texts)
        case Encoding.DAYS:
            return _days(texts)
        case _:
            values, wrong = convert(texts, NUMBER, lambda part: pc.cast(part, pa.float64()))
            return to_numpy(pc.fill_null(values, np.nan)), wrong


def feature_reason(column: CopyColumn, text: str) -> str:
    """Tell why a text is no value of a feature."""
    shown = f"{column.name} is {text[:40]!r}"
    if column.encoding is Encoding.BOOLEAN:
        return f"{shown}, not true or false"
    if column.encoding is Encoding.DAYS:
        return f"{shown}, not a date: write 2017-12-31 or 2017-12-31 23:59:59"
    if matches(text, DECIMAL_COMMA):
        return f"{shown}: write numbers with a decimal point, as 1.5"
    return f"{shown}, not a number"


def convert(texts: Texts, pattern: str, cast: _Cast) -> tuple[Any, Mask | None]:
    """Convert texts; of those that are wrong, return nulls and where they are.

    pattern: of the texts that are tried, once some text fails; it fits all that can be cast.
    """
    try:
        return cast(texts), None
    except pa.ArrowInvalid:
        return convert_fitting(texts, pattern, cast)


def convert_fitting(texts: Texts, pattern: str, cast: _Cast) -> tuple[Any, Mask | None]:
    """Convert the texts that fit a pattern, blanks around them left out; of the others, return nulls and the places."""
    trimmed = pc.utf8_trim_whitespace(texts)
    fitting = pc.if_else(pc.match_substring_regex(trimmed, pattern), trimmed, None)
    values = _halves(fitting, cast)
    wrong = to_numpy(pc.and_(pc.is_valid(texts), pc.is_null(values)))
    return values, wrong if wrong.any() else None


def _halves(texts: Texts, cast: _Cast) -> Any:
    """Convert what can be: few texts fit their pattern and are wrong all the same, such as February 30."""
    try:
        return cast(texts)
    except pa.ArrowInvalid:
        if len(texts) == 1:
            return cast(pa.nulls(1, texts.type))
        middle = len(texts) // 2
        return pa.concat_arrays([_halves(texts[:middle], cast), _halves(texts[middle:], cast)])


def _booleans(texts: Texts) -> tuple[Values, Mask | None]:
    lower = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
    true, false = (to_numpy(pc.is_in(lower, value_set=pa.array(words))) for words in (_TRUE, _FALSE))
    wrong = to_numpy(pc.is_valid(texts)) & ~true & ~false
    return np.where(true, 1.0, np.where(false, 0.0, np.nan)), wrong if wrong.any() else None


def _days(texts: Texts) -> tuple[Values, Mask | None]:
    moments, wrong = convert(texts, DATE, lambda part: pc.cast(part, pa.timestamp("us")).cast(pa.int64()))
    if wrong is not None:
        zoned, _ = convert(
            pc.if_else(pa.array(wrong), texts, None),
            DATE_WITH_ZONE,
            lambda part: pc.cast(part, pa.timestamp("us", "UTC")).cast(pa.int64()),
        )
        moments = pc.coalesce(moments, zoned)
        wrong = wrong & to_numpy(pc.is_null(zoned))
    # Divided as the database does: microseconds to seconds, and these to days.
    days = to_numpy(pc.fill_null(pc.cast(moments, pa.float64(), safe=False), np.nan)) / _MICROSECONDS / _SECONDS_OF_DAY
    return days, wrong if wrong is not None and wrong.any() else None


def matches(text: str, pattern: str) -> bool:
    """Return whether a text fits a pattern, blanks around it left out."""
    return re.search(pattern, text.strip(), re.ASCII) is not None


def to_numpy(values: Any) -> Values:
    """Return an Arrow array as one of numpy."""
    array: Values = values.to_numpy(zero_copy_only=False)
    return array
