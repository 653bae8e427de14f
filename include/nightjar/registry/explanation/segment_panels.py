"""The panels of a segmentation's picture: what its segments are like, and what sets each apart."""

import textwrap
from typing import Any

from nightjar.drawing import BLUE, INK, ORANGE, SMALL, shortened, strip
from nightjar.registry.explanation.text import feature_label, percent, typical
from nightjar.registry.records import ModelRecord

SHOWN_FEATURES = 15
# Beyond, a heat map's colours say no more.
_STRONGEST = 2.0
# There is room for so many bars.
_SHOWN_BARS = 40


def draw_profiles(axes: Any, record: ModelRecord) -> None:
    """Draw the segments by feature, coloured by how far each lies off the whole, by rising number."""
    pairs = sorted(zip(record.details["segments"], record.details["centroids"], strict=True), key=_number)
    names = _telling(record.details["centroids"])
    encodings = {column.name: column.encoding for column in record.signature.inputs}
    cells = [{feature_label(entry): entry for entry in centroid["features"]} for _, centroid in pairs]
    values = [[_strength(row[name]) for row in cells] for name in names]
    axes.imshow(values, cmap="PuOr_r", vmin=-_STRONGEST, vmax=_STRONGEST, aspect="auto")
    for place, name in enumerate(names):
        for cluster, row in enumerate(cells):
            text = typical(row[name], encodings[row[name]["feature"]])
            dark = abs(values[place][cluster]) > 0.65 * _STRONGEST
            axes.text(cluster, place, text, ha="center", va="center", size=8, color="white" if dark else INK)
    width = max(8, 70 // len(pairs))
    labels = [
        textwrap.fill(f"{segment['id']} {segment['name']}", width, max_lines=5, placeholder="…")
        + f"\n{percent(segment['share'])}"
        for segment, _ in pairs
    ]
    axes.set_xticks(range(len(cells)), labels, size=8)
    axes.set_yticks(range(len(names)), [shortened(name, 28) for name in names])
    axes.set_title("What are its segments like?")
    _note(axes, "medians and shares; violet: below the whole, orange: above")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def draw_traits(axes: Any, record: ModelRecord) -> None:
    """Draw per segment a bar for each of its most distinguishing features: to the right where it has more."""
    place, ticks, labels = 0.0, [], []
    segments = sorted(record.details["segments"], key=lambda segment: segment["id"])
    for segment in segments:
        heading = shortened(f"{segment['id']} {segment['name']}", 60)
        # Above the line at 0, which would run through it.
        axes.text(-1.02, place, heading, va="center", weight="bold", size=SMALL, bbox={"color": "white", "pad": 0.8})
        for trait in segment["distinguishing"][: max(1, _SHOWN_BARS // len(segments))]:
            place += 1
            axes.barh(place, trait["effect"], color=ORANGE if trait["effect"] > 0 else BLUE, height=0.7)
            ticks.append(place)
            labels.append(shortened(trait["words"], 28))
        place += 1.4
    axes.set_yticks(ticks, labels, size=8)
    axes.set_ylim(place - 0.6, -0.9)
    axes.set_xlim(-1.05, 1.05)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_xlabel("Cliff's delta: 1 where all members have more than all others")
    axes.set_title("What sets each segment apart?")
    _note(axes, "its most distinguishing features; orange: more than others, blue: less")
    strip(axes, grid="x")


def _number(pair: tuple[dict[str, Any], dict[str, Any]]) -> int:
    return int(pair[0]["id"])


def _telling(centroids: list[dict[str, Any]]) -> list[str]:
    """Return the features that tell the segments apart most, in the order of the signature."""
    strongest: dict[str, float] = {}
    for centroid in centroids:
        for entry in centroid["features"]:
            strongest[feature_label(entry)] = max(strongest.get(feature_label(entry), 0.0), abs(_strength(entry)))
    chosen = sorted(strongest, key=lambda name: -strongest[name])[:SHOWN_FEATURES]
    return [name for name in strongest if name in chosen]


def _strength(entry: dict[str, Any]) -> float:
    return entry["standardised"] or 0.0


def _note(axes: Any, note: str) -> None:
    axes.annotate(note, (0, 1), (0, 7), xycoords="axes fraction", textcoords="offset points", size=SMALL)
