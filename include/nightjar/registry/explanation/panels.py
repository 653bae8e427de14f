"""The panels of a model's picture, each drawn from one subject of the model's details."""

from typing import Any

from nightjar.drawing import BLUE, DASHES, GREY, INK, ORANGE, SMALL, place_legend, shortened, strip
from nightjar.registry.explanation.text import figure
from nightjar.registry.records import ModelRecord

SHOWN_FEATURES = 15
SHOWN_CLASSES = 12
# How many times the smallest value the largest one is on an axis that is not logarithmic.
_WIDE = 50


def draw_importances(axes: Any, record: ModelRecord) -> None:
    """Draw a bar per feature, with the deviation over the repeats."""
    found = record.details["importances"]
    features = found["features"][:SHOWN_FEATURES]
    values = [entry["importance"] or 0.0 for entry in features]
    places = range(len(features))
    axes.barh(places, values, color=BLUE, height=0.62)
    deviations = [entry["deviation"] or 0.0 for entry in features]
    axes.errorbar(values, places, xerr=deviations, fmt="none", ecolor=INK, elinewidth=1, capsize=2.5)
    axes.set_yticks(places, [shortened(entry["feature"], 28) for entry in features])
    # A few features do not become blocks.
    axes.set_ylim(max(len(features), 6) - 0.4, -0.6)
    axes.axvline(0, color=INK, linewidth=0.8)
    segments = found["metric"] == "segment_changes"
    axes.set_xlabel(
        "share of the rows that change their segment" if segments else f"how much worse {found['metric']} gets"
    )
    shown = f"{len(features)} of {len(found['features'])} features"
    _head(axes, "What matters?", f"what shuffling a feature costs, on {found['rows']:,} test rows; {shown}")
    strip(axes, grid="x")


def draw_calibration(axes: Any, record: ModelRecord) -> None:
    """Draw what came over what was forecast, with the interval of what came."""
    bins = record.details["calibration"]
    forecast = [entry["mean_probability"] for entry in bins]
    highest = min(1.0, 1.08 * max(max(entry["high"], entry["mean_probability"]) for entry in bins))
    axes.plot([0, highest], [0, highest], color=INK, linewidth=0.8, linestyle=DASHES, label="as forecast")
    axes.fill_between(
        forecast, [b["low"] for b in bins], [b["high"] for b in bins], color=BLUE, alpha=0.18, linewidth=0,
        label="95 % interval",
    )  # fmt: skip
    axes.plot(forecast, [b["observed_share"] for b in bins], color=BLUE, marker="o", markersize=5, label="came true")
    axes.tick_params(pad=5)
    axes.set_xlim(0, highest)
    axes.set_ylim(0, highest)
    _in_percent(axes.xaxis)
    _in_percent(axes.yaxis)
    axes.set_xlabel("forecast probability, mean of a tenth of the test rows")
    axes.set_ylabel("share that came true")
    _head(axes, "Do its probabilities hold?")
    strip(axes, grid="both")


def draw_lift(axes: Any, record: ModelRecord) -> None:
    """Draw the lift of each decile, with the share of the positives that it and those before hold."""
    deciles = [entry for entry in record.details["lift"] if entry["lift"] is not None]
    places = [entry["decile"] for entry in deciles]
    lifts = [entry["lift"] for entry in deciles]
    axes.bar(places, lifts, color=[BLUE if lift >= 1 else GREY for lift in lifts], width=0.7)
    axes.axhline(1, color=INK, linewidth=0.8, linestyle=DASHES)
    top = max([*lifts, 1.0])
    for entry in deciles:
        axes.text(
            entry["decile"], max(entry["lift"], 1.0) + top * 0.02, f"{entry['capture']:.0%}", ha="center", va="bottom",
            size=SMALL,
            bbox={"color": "white", "pad": 0.8},
        )  # fmt: skip
    axes.set_ylim(0, top * 1.12)
    axes.set_xlim(0.4, 10.6)
    axes.set_xticks(range(1, 11))
    axes.set_xlabel("tenths of the test rows, the likeliest first")
    axes.set_ylabel("times the average rate")
    _head(axes, "What do its likeliest rows bring?", "above the bars: share of all positives so far")
    strip(axes, grid="y")


def draw_confusion(axes: Any, record: ModelRecord) -> None:
    """Draw what share of each actual class is taken for which, for the largest of several classes."""
    labels, matrix = record.details["confusion"]["labels"], record.details["confusion"]["tables"][0]["matrix"]
    largest = sorted(range(len(labels)), key=lambda number: -sum(matrix[number]))[:SHOWN_CLASSES]
    shown = sorted(largest)
    shares = [[matrix[actual][taken] / max(sum(matrix[actual]), 1) for taken in shown] for actual in shown]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for place, row in enumerate(shares):
        for taken, share in enumerate(row):
            if share >= 0.005:
                axes.text(taken, place, f"{share:.0%}", ha="center", va="center", size=8,
                          color="white" if share > 0.55 else INK)  # fmt: skip
    names = [shortened(labels[number], 14) for number in shown]
    axes.set_xticks(range(len(shown)), names, size=8, rotation=90 if len(shown) > 6 else 0)
    axes.set_yticks(range(len(shown)), names, size=8)
    axes.set_xlabel("taken for")
    axes.set_ylabel("actual class")
    cut = f"; the {len(shown)} largest of {len(labels)} classes" if len(shown) < len(labels) else ""
    _head(axes, "What does it take for what?", f"shares of the actual class{cut}")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def draw_predictions(axes: Any, record: ModelRecord) -> None:
    """Draw predicted and actual values by decile, with the mean error around the prediction."""
    deciles = record.details["residuals"]["deciles"]
    places = [entry["decile"] for entry in deciles]
    predicted = [entry["mean_predicted"] for entry in deciles]
    errors = [entry["mean_absolute_error"] for entry in deciles]
    low = [value - error for value, error in zip(predicted, errors, strict=True)]
    high = [value + error for value, error in zip(predicted, errors, strict=True)]
    axes.fill_between(places, low, high, color=BLUE, alpha=0.18, linewidth=0, label="± mean absolute error")
    axes.plot(places, predicted, color=BLUE, marker="o", markersize=5, label="predicted, mean")
    actual = [entry["mean_actual"] for entry in deciles]
    axes.plot(places, actual, color=ORANGE, marker="D", markersize=5, linestyle="none", label="actual, mean")
    axes.set_xlim(0.4, 10.6)
    axes.set_xticks(range(1, 11))
    axes.set_xlabel("tenths of the test rows, by rising prediction")
    lowest, highest = min(*predicted, *actual), max(*predicted, *actual)
    # Sums of money are much alike in most tenths, and huge in the last one.
    if 0 < lowest * _WIDE < highest:
        axes.set_yscale("log", nonpositive="clip")
        axes.set_ylim(lowest / 2, highest * 2)
    axes.yaxis.set_major_formatter(lambda value, _: figure(value))
    axes.set_ylabel("in the target's unit")
    _head(axes, "Where is it off?")
    strip(axes, grid="y")


def draw_hit_rates(axes: Any, record: ModelRecord) -> None:
    """Draw how many lists hold a bought item among their first ones, and how often each rank is bought."""
    ranks = record.details["hit_rates"]
    places = [entry["rank"] for entry in ranks]
    axes.bar(places, [entry["bought"] for entry in ranks], color=GREY, width=0.7, label="bought at this rank")
    axes.plot(
        places, [entry["hit_rate"] for entry in ranks], color=BLUE, marker="o", markersize=5,
        label="one bought up to this rank",
    )  # fmt: skip
    axes.set_ylim(0, min(1.02, max(entry["hit_rate"] for entry in ranks) * 1.1 + 0.01))
    _in_percent(axes.yaxis)
    axes.set_xlim(0.3, max(places) + 0.7)
    axes.set_xticks([place for place in places if place in (1, 2, 3, 5, 10, 15, 20)])
    axes.set_xlabel("rank in the list")
    axes.set_ylabel("share of the lists")
    _head(axes, "How soon does it hit?")
    strip(axes, grid="y")


def _head(axes: Any, title: str, note: str | None = None) -> None:
    """Set the title, and below it a note or the legend, where no line reaches."""
    axes.set_title(title)
    if note is not None:
        axes.annotate(note, (0, 1), (0, 7), xycoords="axes fraction", textcoords="offset points", size=SMALL)
        return
    place_legend(axes, columns=3)


def _in_percent(axis: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1.0))
