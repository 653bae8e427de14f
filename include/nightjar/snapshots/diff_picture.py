"""Draws the comparison of two snapshots: how far each column shifted, and its share of NULLs on both sides."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nightjar.snapshots.diff import Diff
from nightjar.snapshots.distribution import LARGE_SHIFT, SOME_SHIFT, Shift
from nightjar.snapshots.errors import PictureFileError, PictureFormatError

SHOWN_COLUMNS = 30
# Longer bars would hide the thresholds; any shift above the second one is large.
LONGEST_BAR = 1.0
_NAME_LENGTH = 28
_FORMATS = (".png", ".svg")

# Told apart also by people who confuse red and green, and in grey.
_COLOURS = {"none": "#8FA3B0", "some": "#E8A33D", "large": "#B3261E"}
_LEGEND = {
    "none": f"no shift < {SOME_SHIFT}",
    "some": f"some {SOME_SHIFT} to {LARGE_SHIFT}",
    "large": f"large > {LARGE_SHIFT}",
}
_LEFT, _RIGHT, _INK, _FAINT = "#9AA0A6", "#1F5FA8", "#202124", "#DADCE0"
# Names are text, whatever dollar signs they hold; the same comparison gives the same file.
_SETTINGS = {
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "nightjar",
}


def draw(difference: Diff, path: Path) -> None:
    """Write the picture of a comparison as PNG or SVG, by the file name's ending.

    Raises:
        PictureFormatError: another ending.
        PictureFileError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in _FORMATS:
        raise PictureFormatError(f"{str(path)!r} does not end in {' or '.join(_FORMATS)}: name the picture so.")
    import warnings

    import matplotlib as mpl

    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        # A character that the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = _figure(difference)
        try:
            figure.savefig(path, format=suffix[1:], dpi=150, metadata={"Date": None} if suffix == ".svg" else None)
        except OSError as error:
            raise PictureFileError(f"{str(path)!r} cannot be written: {error.strerror or error}.") from error


def _figure(difference: Diff) -> Any:
    """Return a figure of its own, which no display or global state knows of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shifts = _most_shifted(difference.shifts)
    # In inches: the rows, and around them title, legend and axis.
    height = 0.3 * max(len(shifts), 3) + 2.0
    figure = Figure(figsize=(10, height))
    FigureCanvasAgg(figure)
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
        figure.text(0.02, 0.14 / height, note, size=8.5, style="italic", va="center")
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
        axes.axvline(threshold, color=_INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=3)
    for place, value in enumerate(values):
        # The numbers are a column of their own, where no bar and no threshold reaches.
        axes.text(longest * 1.14, place, _psi(value), ha="right", va="center", size=8.5)
        if value > longest:
            axes.text(longest * 0.985, place, "»", ha="right", va="center", color="white", weight="bold")
    axes.set_xlim(0, longest * 1.15)
    axes.set_yticks(range(len(shifts)), [_shortened(shift.column) for shift in shifts])
    axes.set_ylim(len(shifts) - 0.4, -0.6)
    cut = f"; bars are cut at {LONGEST_BAR:g}" if max(values) > longest else ""
    axes.set_xlabel(f"population stability index (PSI){cut}")
    _add_legend(axes, [Patch(color=_COLOURS[reading], label=label) for reading, label in _LEGEND.items()], columns=3)
    _strip(axes)


def _draw_nulls(axes: Any, shifts: Sequence[Shift], difference: Diff) -> None:
    bars = []
    for name, offset, colour in (("left", -0.17, _LEFT), ("right", 0.17, _RIGHT)):
        shares = [100 * (getattr(shift, name).null_share or 0) for shift in shifts]
        places = [place + offset for place in range(len(shifts))]
        bars.append(
            axes.barh(places, shares, height=0.31, color=colour, label=_shortened(str(getattr(difference, name)), 36))
        )
    highest = max(bar.get_width() for container in bars for bar in container)
    axes.set_xlim(0, highest * 1.08 or 1)
    axes.set_xlabel("NULL, % of the rows")
    axes.tick_params(axis="y", left=False, labelleft=False)
    if highest == 0:
        axes.set_xticks([0])
        axes.text(0.5, 0.5, "no NULLs on either side", transform=axes.transAxes, ha="center", va="center", size=9)
    _add_legend(axes, bars, columns=1)
    _strip(axes)


def _add_legend(axes: Any, handles: Sequence[Any], columns: int) -> None:
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=columns,
        frameon=False,
        borderaxespad=0.2,
        columnspacing=1.2,
        handlelength=1.0,
        handletextpad=0.5,
        fontsize=8.5,
    )


def _strip(axes: Any) -> None:
    """Leave only what helps to read the bars."""
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(axis="x", color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


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


def _shortened(name: str, length: int = _NAME_LENGTH) -> str:
    """Return a name in one line and of a length that fits; its end stays, where numbers often are."""
    line = " ".join(name.split())
    return line if len(line) <= length else f"{line[: length - 10]}…{line[-9:]}"


def _psi(value: float) -> str:
    if 0 < value < 0.001:
        return "< 0.001"
    return f"{value:.3f}" if value else "0"
