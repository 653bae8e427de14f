"""Draws what is known of a model as one figure: what matters to it, and how it does on test rows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightjar.errors import ModelPictureFileError, ModelPictureFormatError
from nightjar.registry import explanation_panels as panels
from nightjar.registry.records import ModelRecord

_FORMATS = (".png", ".svg")
# Names are text, whatever dollar signs they hold; the same model gives the same file.
_SETTINGS = {
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": panels.INK,
    "axes.edgecolor": panels.FAINT,
    "axes.labelcolor": panels.INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 26,
    "xtick.color": panels.INK,
    "ytick.color": panels.INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "nightjar",
}


@dataclass(frozen=True)
class _Panel:
    """A part of the figure, drawn where the model's details hold its subject."""

    subject: str
    draw: Callable[[Any, ModelRecord], None]

    def applies(self, record: ModelRecord) -> bool:
        """Tell whether there is something to draw; two classes are confused in too few ways for a picture."""
        if not record.details.get(self.subject):
            return False
        return self.subject != "confusion" or len(record.signature.classes) > 2


_PANELS = (
    _Panel("importances", panels.draw_importances),
    _Panel("centroids", panels.draw_profiles),
    _Panel("residuals", panels.draw_predictions),
    _Panel("calibration", panels.draw_calibration),
    _Panel("confusion", panels.draw_confusion),
    _Panel("lift", panels.draw_lift),
    _Panel("hit_rates", panels.draw_hit_rates),
)


def draw(record: ModelRecord, path: Path) -> None:
    """Write the picture of a model as PNG or SVG, by the file name's ending.

    Raises:
        ModelPictureFormatError: another ending.
        ModelPictureFileError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in _FORMATS:
        raise ModelPictureFormatError(f"{str(path)!r} does not end in {' or '.join(_FORMATS)}: name the picture so.")
    import warnings

    import matplotlib as mpl

    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        # A character that the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = _figure(record)
        try:
            figure.savefig(path, format=suffix[1:], dpi=150, metadata={"Date": None} if suffix == ".svg" else None)
        except OSError as error:
            raise ModelPictureFileError(f"{str(path)!r} cannot be written: {error.strerror or error}.") from error


def _figure(record: ModelRecord) -> Any:
    """Return a figure of its own, which no display or global state knows of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    shown = [panel for panel in _PANELS if panel.applies(record)]
    rows = max(1, (len(shown) + 1) // 2)
    # In inches: above the panels title and scores.
    height = (4.3 if rows > 1 else 5.0) * rows + 1.0
    layout = ConstrainedLayoutEngine(rect=(0.01, 0.01, 0.97, 1 - 0.95 / height), wspace=0.06, hspace=0.08)
    figure = Figure(figsize=(13, height), layout=layout)
    FigureCanvasAgg(figure)
    figure.text(0.02, 1 - 0.3 / height, str(record.name), size=15, weight="bold", va="center")
    figure.text(0.02, 1 - 0.62 / height, _summary(record), size=10, va="center")
    if not shown:
        figure.text(0.5, 0.45, f"{record.name} carries no inspection.", size=12, ha="center", va="center")
        return figure
    columns = min(2, len(shown))
    # A heat map needs room for the names of its rows.
    widths = [4, 5 if "centroids" in record.details else 4][:columns]
    grid = figure.add_gridspec(rows, columns, width_ratios=widths)
    places = [grid[row, column] for row in range(rows) for column in range(columns)]
    if len(shown) < len(places):
        # The first panel takes the left side of two rows.
        places = [grid[:2, 0], *places[1:2], *places[3:]]
    for panel, place in zip(shown, places, strict=True):
        panel.draw(figure.add_subplot(place), record)
    return figure


def _summary(record: ModelRecord) -> str:
    scores = ", ".join(f"{name} {score:.4g}" for name, score in list(record.test_scores.items())[:4])
    trained = f"{record.processed_rows:,} rows as of {record.as_of}"
    return f"{record.kind} by {record.algorithm}, trained on {trained}.  Test: {scores}"
