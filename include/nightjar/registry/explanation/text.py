"""The form of explanations as text: sections with tables, bars and paragraphs of at most 100 characters a line."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nightjar.drawing import shortened
from nightjar.storage.copy_reader import Encoding

WIDTH = 100
NONE = "-"
_INDENT = "  "
_BAR = 32
_LABEL = 30
# Numbers beyond are written with an exponent.
_LARGE, _TINY = 1e12, 1e-6
# Parts of a block, from none to seven eighths.
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True)
class Section:
    """A heading with lines, which are not indented yet."""

    title: str
    lines: list[str]


def render(title: str, sections: Sequence[Section]) -> str:
    """Return the whole text."""
    lines = [shortened(title, WIDTH), "═" * min(len(title), WIDTH)]
    for section in sections:
        lines += ["", section.title, *(f"{_INDENT}{line}".rstrip() for line in section.lines)]
    return "\n".join(lines)


def figure(value: float | None, digits: int = 4) -> str:
    """Return a number as people read it: of few digits, thousands told apart; `-` for none."""
    if value is None:
        return NONE
    if 1000 <= abs(value) < _LARGE:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def percent(share: float | None) -> str:
    """Return a share as a percentage; `-` for none."""
    return NONE if share is None else f"{share:.1%}"


def measured(value: float | None, deviation: float | None) -> str:
    """Return a measurement with its deviation, with as many digits as the deviation leaves certain."""
    if value is None or not deviation:
        return figure(value)
    if abs(value) >= _LARGE or not _TINY <= deviation < _LARGE:
        return f"{figure(value)} ± {figure(deviation)}"
    digits = max(1 - math.floor(math.log10(deviation)), 0)
    return f"{value:,.{digits}f} ± {deviation:,.{digits}f}"


def feature_label(entry: Mapping[str, Any]) -> str:
    """Return the name of a centroid's entry, such as `spend` or `region = north`."""
    return str(entry["feature"] if entry["category"] is None else f"{entry['feature']} = {entry['category']}")


def typical(entry: Mapping[str, Any], encoding: Encoding) -> str:
    """Return what is typical in a centroid's entry: a median, a date, or a share."""
    if encoding in (Encoding.CATEGORY, Encoding.BOOLEAN):
        return percent(entry["mean"])
    if entry["median"] is not None and encoding is Encoding.DAYS:
        return str(np.datetime64(round(entry["median"]), "D"))
    return figure(entry["median"], 3)


def paragraph(text: str, indent: str = "") -> list[str]:
    """Return a text in lines that fit; all but the first are indented."""
    return textwrap.wrap(" ".join(text.split()), WIDTH - len(_INDENT), subsequent_indent=indent)


def aligned(facts: Mapping[str, str]) -> list[str]:
    """Return names with their values in a column; a long value goes on below itself."""
    width = max(map(len, facts)) + 2
    return [line for name, value in facts.items() for line in paragraph_at(name, value, width)]


def paragraph_at(name: str, value: str, width: int) -> list[str]:
    """Return a name, and its value from the column `width` on."""
    lines = textwrap.wrap(" ".join(value.split()), WIDTH - len(_INDENT) - width) or [""]
    return [f"{name if number == 0 else '':<{width}}{line}" for number, line in enumerate(lines)]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table; the last column goes on below itself, numbers stand at the right. Nothing without rows."""
    if not rows:
        return []
    cells = [[shortened(cell, _LABEL + 6) for cell in row[:-1]] for row in rows]
    widths = [max(len(name), *(len(row[column]) for row in cells)) for column, name in enumerate(head[:-1])]
    right = [_is_number(cell) for cell in cells[0]]
    lines = []
    for line, last in [([*head[:-1]], head[-1]), *((row, whole[-1]) for row, whole in zip(cells, rows, strict=True))]:
        placed = [f"{c:>{w}}" if r else f"{c:<{w}}" for c, w, r in zip(line, widths, right, strict=True)]
        lines += paragraph_at("  ".join(placed), last, sum(widths) + 2 * len(widths))
    return lines


def bars(rows: Sequence[tuple[str, float | None, str]], longest: int = _LABEL) -> list[str]:
    """Return label, bar and text for each; the largest value has the longest bar, what is not above 0 has none."""
    largest = max((value for _, value, _ in rows if value is not None), default=0)
    labels = [shortened(label, longest) for label, _, _ in rows]
    width = max(map(len, labels), default=0)
    return [
        f"{label:<{width}}  {_bar((value or 0) / largest if largest > 0 else 0):<{_BAR}}  {text}"
        for label, (_, value, text) in zip(labels, rows, strict=True)
    ]


def _bar(share: float) -> str:
    eighths = round(max(share, 0) * _BAR * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def _is_number(cell: str) -> bool:
    return cell.lstrip("+-")[:1].isdigit() or cell == NONE
