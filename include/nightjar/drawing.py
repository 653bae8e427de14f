"""The one style of all pictures, and how they are written: the same content gives the same file."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nightjar.errors import PictureFileError, PictureFormatError

# Told apart also by people who confuse red and green, and in grey.
BLUE, ORANGE, RED, GREY, INK, FAINT = "#1F5FA8", "#E8A33D", "#B3261E", "#8FA3B0", "#202124", "#DADCE0"
DASHES = (0, (4, 3))
# Of legends, notes and numbers, in points.
SMALL = 8.5
_FORMATS = (".png", ".svg")
_STYLE = {
    # Names are text, whatever dollar signs they hold.
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 26,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",
    # Random when it is not set.
    "svg.hashsalt": "nightjar",
}


def write_picture(make_figure: Callable[[], Any], path: Path) -> None:
    """Write a figure as PNG or SVG, by the file name's ending.

    Args:
        make_figure: returns a `matplotlib.figure.Figure` of its own, which no display knows of; the style holds in it.
        path: of the file, which is replaced.

    Raises:
        PictureFormatError: another ending.
        PictureFileError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in _FORMATS:
        raise PictureFormatError(f"{str(path)!r} does not end in {' or '.join(_FORMATS)}: name the picture so.")
    import matplotlib as mpl

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # A character that the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = make_figure()
        try:
            figure.savefig(path, format=suffix[1:], dpi=150, metadata={"Date": None} if suffix == ".svg" else None)
        except OSError as error:
            raise PictureFileError(f"{str(path)!r} cannot be written: {error.strerror or error}.") from error


def strip(axes: Any, *, grid: str) -> None:
    """Leave only what helps to read the axes; `grid` is x, y or both."""
    axes.spines[["top", "right"]].set_visible(False)
    # Bars to the right need the line that they start from.
    axes.spines["bottom"].set_visible(grid != "x")
    axes.tick_params(length=0)
    axes.grid(axis=grid, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def place_legend(axes: Any, *, columns: int, **options: Any) -> None:
    """Put a legend above the axes, where no line reaches; further options are those of `Axes.legend`."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=columns,
        frameon=False,
        borderaxespad=0.2,
        columnspacing=1.2,
        handletextpad=0.5,
        fontsize=SMALL,
        **options,
    )


def shortened(text: str, length: int) -> str:
    """Return a text in one line of a length that fits; its end stays, where numbers often are."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 8]}…{line[-7:]}"
