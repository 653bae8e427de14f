"""Draws an evaluation of segments: each segment's outcomes after the last night, and how far they differ."""

from pathlib import Path
from typing import Any

from nightjar.drawing import BLUE, DASHES, INK, SMALL, shortened, strip, write_picture
from nightjar.evaluation.segments import Night, SegmentEvaluation
from nightjar.evaluation.usefulness import Usefulness

_LABEL = 44


def draw(evaluation: SegmentEvaluation, path: Path) -> None:
    """Write the picture as PNG or SVG, by the file name's ending.

    Raises:
        PictureFormatError: another ending.
        PictureFileError: the file cannot be written.
    """
    write_picture(lambda: _figure(evaluation), path)


def _figure(evaluation: SegmentEvaluation) -> Any:
    from matplotlib.figure import Figure

    night = evaluation.nights[-1]
    width, height = 4.0 + 3.2 * len(night.outcomes), 1.8 + 0.42 * len(night.names)
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, len(night.outcomes), squeeze=False, sharey=True)[0]
    for place, outcome in zip(axes, night.outcomes, strict=True):
        _draw_outcome(place, night, outcome)
    figure.suptitle(
        f"{evaluation.use_case}, {evaluation.period} from {night.as_of} on", x=0.01, ha="left", fontsize=SMALL
    )
    return figure


def _draw_outcome(axes: Any, night: Night, outcome: Usefulness) -> None:
    from matplotlib.ticker import PercentFormatter

    rows = {number: row for row, number in enumerate(sorted(night.names, reverse=True))}
    for segment in outcome.segments:
        row = rows[segment.segment]
        axes.barh(row, segment.mean, color=BLUE, height=0.62)
        shown = f"{segment.mean:.1%}" if outcome.is_share else f"{segment.mean:,.1f}"
        # Readable also where the line of everybody passes.
        ground = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        axes.annotate(
            shown, (segment.mean, row), (5, 0), textcoords="offset points", va="center", fontsize=SMALL, bbox=ground
        )
    axes.locator_params(axis="x", nbins=5)
    if outcome.is_share:
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.axvline(outcome.overall, color=INK, linewidth=1, linestyle=DASHES)
    axes.set_yticks(list(rows.values()), [shortened(night.names[number], _LABEL) for number in rows])
    axes.margins(x=0.22)
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]) if any(part.mean < 0 for part in outcome.segments) else 0.0)
    axes.set_title(outcome.outcome, pad=8)
    axes.set_xlabel(f"{_told(outcome)}; dashed: everybody")
    strip(axes, grid="x")


def _told(outcome: Usefulness) -> str:
    effect = outcome.effect
    if effect is None:
        return "no difference"
    return f"{outcome.measure} {effect.value:.2f} ({effect.low:.2f} to {effect.high:.2f})"
