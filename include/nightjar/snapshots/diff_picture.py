"""Draws the comparison of two snapshots: how far each column shifted, and its share of NULLs on both sides."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nightjar.drawing import BLUE, DASHES, GREY, INK, ORANGE, RED, SMALL, place_legend, shortened, strip, write_picture
from nightjar.snapshots.diff import Diff
from nightjar.snapshots.distribution import LARGE_SHIFT, SOME_SHIFT, Shift

SHOWN_COLUMNS = 30
# Longer bars would hide the thresholds; any shift above the second one is large.
LONGEST_BAR = 1.0
_COLOURS = {"none": GREY, "some": ORANGE, "large": RED}
_LEGEND = {
    "none": f"no shift < {SOME_SHIFT}",
    "some": f"some {SOME_SHIFT} to {LARGE_SHIFT}",
    "large": f"large > {LARGE_SHIFT}",
}


def draw(difference: Diff, path: Path) -> None:
    """Write the picture of a comparison as PNG or SVG, by the file name's ending.

    Raises:
        PictureFormatError: another ending.
        PictureFileError: the file cannot be written.
    """
    write_picture(lambda: _figure(difference), path)


def _figure(difference: Diff) -> Any:
    from matplotlib.figure import Figure

    shifts = _most_shifted(difference.shifts)
    # In inches: the rows, and around them title, legend and axis.
    height = 0.3 * max(len(shifts), 3) + 2.0
    figure = Figure(figsize=(10, height))
    title = f"{difference.left}  →  {difference.right}"
    figure.text(0.02, 1 - 0.28 / height, title, size=min(13, 900 / len(title)), weight="bold", va="center")
    figure.text(0.02, 1 - 0.58 / height, _summary(difference), size=9.5, va="center")
    if not shifts:
        figure.text(0.5, 0.4, _reason(difference), size=12, ha="center", va="center")
        return figure
    grid = {"left": 0.24, "right": 0.97, "top": 1 - 1.3 / height, "bottom": 0.6 / height, "wspace": 0.08}
    shift_axes, null_axes = figure.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": [3, 2], **grid})
    _draw_shifts(shift_axes, shifts)
    _draw_nulls(null_axes, shifts, difference)
    if len(shifts) < len(difference.shifts):
        note = f"The {len(shifts)} columns that shifted most, of {len(difference.shifts)}."
        figure.text(0.02, 0.14 / height, note, size=SMALL, style="italic", va="center")
    return figure


def _most_shifted(shifts: Sequence[Shift]) -> list[Shift]:
    """Return the columns to show, the largest shift first; none where no shift could be measured."""
    measured = [shift for shift in shifts if shift.psi is not None]
    return sorted(measured, key=lambda shift: shift.psi or 0.0, reverse=True)[:SHOWN_COLUMNS]


def _draw_shifts(axes: Any, shifts: Sequence[Shift]) -> None:
    from matplotlib.patches import Patch

    values = [shift.psi or 0.0 for shift in shifts]
    longest = min(max(*values, LARGE_SHIFT * 1.1), LONGEST_BAR)
    axes.barh(
        range(len(shifts)),
        [min(value, longest) for value in values],
        color=[_COLOURS[shift.reading or "none"] for shift in shifts],
        height=0.62,
    )
    for threshold in (SOME_SHIFT, LARGE_SHIFT):
        axes.axvline(threshold, color=INK, linewidth=0.8, linestyle=DASHES, zorder=3)
    for place, value in enumerate(values):
        # The numbers are a column of their own, where no bar and no threshold reaches.
        axes.text(longest * 1.14, place, _psi(value), ha="right", va="center", size=SMALL)
        if value > longest:
            axes.text(longest * 0.985, place, "»", ha="right", va="center", color="white", weight="bold")
    axes.set_xlim(0, longest * 1.15)
    axes.set_yticks(range(len(shifts)), [shortened(shift.column, 28) for shift in shifts])
    axes.set_ylim(len(shifts) - 0.4, -0.6)
    cut = f"; bars are cut at {LONGEST_BAR:g}" if max(values) > longest else ""
    axes.set_xlabel(f"population stability index (PSI){cut}")
    patches = [Patch(color=_COLOURS[reading], label=label) for reading, label in _LEGEND.items()]
    place_legend(axes, columns=3, handles=patches, handlelength=1.0)
    strip(axes, grid="x")


def _draw_nulls(axes: Any, shifts: Sequence[Shift], difference: Diff) -> None:
    bars = []
    for name, offset, colour in (("left", -0.17, GREY), ("right", 0.17, BLUE)):
        shares = [100 * (getattr(shift, name).null_share or 0) for shift in shifts]
        places = [place + offset for place in range(len(shifts))]
        bars.append(
            axes.barh(places, shares, height=0.31, color=colour, label=shortened(str(getattr(difference, name)), 36))
        )
    highest = max(bar.get_width() for container in bars for bar in container)
    axes.set_xlim(0, highest * 1.08 or 1)
    axes.set_xlabel("NULL, % of the rows")
    axes.tick_params(axis="y", left=False, labelleft=False)
    if highest == 0:
        axes.set_xticks([0])
        axes.text(0.5, 0.5, "no NULLs on either side", transform=axes.transAxes, ha="center", va="center", size=9)
    place_legend(axes, columns=1, handles=bars, handlelength=1.0)
    strip(axes, grid="x")


def _summary(difference: Diff) -> str:
    rows = difference.rows
    changed = "" if rows.changed is None else f"{rows.changed:,} changed, "
    columns = {"added": difference.added, "dropped": difference.dropped, "retyped": difference.retyped}
    changes = ", ".join(f"{len(names)} {change}" for change, names in columns.items() if names)
    return (
        f"{rows.left:,} → {rows.right:,} rows: {rows.added:,} added, {rows.removed:,} removed, "
        f"{changed}{rows.unchanged:,} unchanged" + (f".  Columns: {changes}" if changes else "")
    )


def _reason(difference: Diff) -> str:
    """Say why there is nothing to draw."""
    if not difference.shifts:
        return "The snapshots have no column in common."
    return f"{difference.left if difference.rows.left == 0 else difference.right} has no rows: nothing to compare."


def _psi(value: float) -> str:
    if 0 < value < 0.001:
        return "< 0.001"
    return f"{value:.3f}" if value else "0"
