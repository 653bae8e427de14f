"""Draws what is known of a model as one figure: what matters to it, and how it does on test rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightjar.drawing import write_picture
from nightjar.registry.explanation import panels, segment_panels
from nightjar.registry.records import ModelRecord


@dataclass(frozen=True)
class _Panel:
    """A part of the figure, drawn where the model's details hold its subject."""

    subject: str
    draw: Callable[[Any, ModelRecord], None]

    def applies(self, record: ModelRecord) -> bool:
        """Tell whether there is something to draw; two classes are confused in too few ways for a picture."""
        if not record.details.get(self.subject):
            return False
        if self.subject == "segments":
            # Those of a model that was registered by hand may be names alone.
            return all(segment.get("distinguishing") for segment in record.details["segments"])
        return self.subject != "confusion" or len(record.signature.classes) > 2


_PANELS = (
    _Panel("segments", segment_panels.draw_traits),
    _Panel("importances", panels.draw_importances),
    _Panel("centroids", segment_panels.draw_profiles),
    _Panel("residuals", panels.draw_predictions),
    _Panel("calibration", panels.draw_calibration),
    _Panel("confusion", panels.draw_confusion),
    _Panel("lift", panels.draw_lift),
    _Panel("hit_rates", panels.draw_hit_rates),
)


def draw(record: ModelRecord, path: Path) -> None:
    """Write the picture of a model as PNG or SVG, by the file name's ending.

    Raises:
        PictureFormatError: another ending.
        PictureFileError: the file cannot be written.
    """
    write_picture(lambda: _figure(record), path)


def _figure(record: ModelRecord) -> Any:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    shown = [panel for panel in _PANELS if panel.applies(record)]
    rows = max(1, (len(shown) + 1) // 2)
    # In inches: above the panels title and scores.
    height = (4.3 if rows > 1 else 5.0) * rows + 1.0
    layout = ConstrainedLayoutEngine(rect=(0.01, 0.01, 0.97, 1 - 0.95 / height), wspace=0.06, hspace=0.08)
    figure = Figure(figsize=(13, height), layout=layout)
    figure.text(0.02, 1 - 0.3 / height, str(record.name), size=15, weight="bold", va="center")
    figure.text(0.02, 1 - 0.62 / height, _summary(record), size=10, va="center")
    if not shown:
        figure.text(0.5, 0.45, f"{record.name} carries no inspection.", size=12, ha="center", va="center")
        return figure
    for panel, place in zip(shown, _places(figure, shown, rows), strict=True):
        panel.draw(figure.add_subplot(place), record)
    return figure


def _places(figure: Any, shown: Sequence[_Panel], rows: int) -> list[Any]:
    """Return a part of the figure for each panel, two in a row; of an odd number, the first one is twice as high."""
    columns = min(2, len(shown))
    # A heat map needs room for the names of its rows.
    right = 5 if any(panel.subject == "centroids" for panel in shown) else 4
    grid = figure.add_gridspec(rows, columns, width_ratios=[4, right][:columns])
    places = [grid[row, column] for row in range(rows) for column in range(columns)]
    return places if len(shown) == len(places) else [grid[:2, 0], grid[0, 1], *places[3:]]


def _summary(record: ModelRecord) -> str:
    scores = ", ".join(f"{name} {score:.4g}" for name, score in list(record.test_scores.items())[:4])
    trained = f"{record.processed_rows:,} rows as of {record.as_of}"
    return f"{record.kind} by {record.algorithm}, trained on {trained}.  Test: {scores}"
