"""The sections of an explanation that belong to a family of algorithms or to a kind of model."""

from typing import Any

from nightjar.registry.explanation.text import (
    Section,
    aligned,
    bars,
    feature_label,
    figure,
    paragraph,
    paragraph_at,
    percent,
    table,
    typical,
)
from nightjar.registry.records import ModelRecord
from nightjar.storage.copy_reader import Encoding

SHOWN = 10
_NOTABLE = 5
_RANKS = (1, 2, 3, 5, 10, 20)


def family_sections(record: ModelRecord) -> list[Section]:
    """Return what is known of the model's inside and of its behaviour on test rows; sections may be empty."""
    details = record.details
    return [
        _weights(record),
        *(_trees(entry) for entry in details.get("trees", [])),
        _segments(record),
        _confusion(details.get("confusion")),
        _calibration(details.get("calibration", [])),
        _lift(details.get("lift", [])),
        _residuals(details.get("residuals")),
        _hits(details.get("hit_rates", [])),
        _neighbours(details.get("item_neighbours", [])),
    ]


def _weights(record: ModelRecord) -> Section:
    ordered = sorted(record.coefficients.items(), key=lambda item: -abs(item[1]))
    rows = [(name, abs(value), f"{value:+.4g}") for name, value in ordered[:SHOWN]]
    more = [f"and {len(ordered) - SHOWN} more weights"] if len(ordered) > SHOWN else []
    return Section("Its weights", [*bars(rows, longest=50), *more])


def _trees(trees: dict[str, Any]) -> Section:
    head = (
        f"{trees['trees']:,} trees, {figure(trees['mean_depth'])} deep on average and at most {trees['max_depth']}, "
        f"with {trees['total_leaves']:,} leaves."
    )
    rows = [
        (
            split["feature"],
            split["gain_share"],
            f"{percent(split['gain_share'])} of the gain, {split['splits']:,} splits",
        )
        for split in trees["splits"][:SHOWN]
    ]
    where = f" of {trees['partition']}" if trees["partition"] else ""
    return Section(f"Its trees{where}", [*paragraph(head), *bars(rows)])


def _segments(record: ModelRecord) -> Section:
    centroids = record.details.get("centroids", [])
    encodings = {column.name: column.encoding for column in record.signature.inputs}
    lines: list[str] = []
    for number, segment in enumerate(record.details.get("segments", [])):
        stable = f", stability {segment['stability']:.2f}" if "stability" in segment else ""
        lines += paragraph(
            f"{segment['id']}  {segment['name']}: {percent(segment['share'])} of the rows{stable}", "   "
        )
        if number < len(centroids):
            lines += _profile(centroids[number], encodings)
    head = paragraph("Medians and shares; in brackets by how many standard deviations they are off the whole.")
    return Section("Its segments", [*head, *lines] if lines else [])


def _profile(centroid: dict[str, Any], encodings: dict[str, Encoding]) -> list[str]:
    known = [entry for entry in centroid["features"] if entry["standardised"] is not None]
    notable = sorted(known, key=lambda entry: -abs(entry["standardised"]))[:_NOTABLE]
    facts = [
        f"{feature_label(entry)} {typical(entry, encodings[entry['feature']])} ({entry['standardised']:+.1f})"
        for entry in notable
    ]
    return paragraph_at("", ", ".join(facts), 3)


def _confusion(found: dict[str, Any] | None) -> Section:
    if found is None:
        return Section("", [])
    labels = found["labels"]
    if len(labels) > 2:
        return _mistakes(labels, found["tables"][0]["matrix"])
    rows = []
    for entry in found["tables"]:
        (rejected, alarms), (missed, hits) = entry["matrix"]
        precision, recall = _share(hits, hits + alarms), _share(hits, hits + missed)
        counts = [f"{count:,}" for count in (hits, alarms, missed, rejected)]
        rows.append([entry["rule"], figure(entry["threshold"]), *counts, percent(precision), percent(recall)])
    head = ["", "from", "hits", "false alarms", "missed", "left alone", "precision", "recall"]
    return Section(f"Where it decides for {labels[1]}", table(head, rows))


def _mistakes(labels: list[str], matrix: list[list[int]]) -> Section:
    pairs = [
        (count, labels[actual], labels[predicted])
        for actual, row in enumerate(matrix)
        for predicted, count in enumerate(row)
        if count and actual != predicted
    ]
    rows = [[f"{count:,}", was, taken] for count, was, taken in sorted(pairs, key=lambda pair: -pair[0])[:SHOWN]]
    right = sum(matrix[number][number] for number in range(len(labels)))
    head = f"{right:,} of {sum(map(sum, matrix)):,} test rows are right; its most frequent mistakes:"
    return Section("What it takes for what", [*paragraph(head), *table(["rows", "actual", "predicted"], rows)])


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _calibration(bins: list[dict[str, Any]]) -> Section:
    rows = [
        [
            percent(entry["mean_probability"]),
            percent(entry["observed_share"]),
            f"{percent(entry['low'])} to {percent(entry['high'])}",
            f"{entry['rows']:,}",
        ]
        for entry in bins
    ]
    return Section("How its probabilities hold", table(["forecast", "came true", "95 % interval", "test rows"], rows))


def _lift(deciles: list[dict[str, Any]]) -> Section:
    rows = [
        (
            f"decile {entry['decile']}",
            entry["lift"],
            f"{figure(entry['lift'], 3)} times the average, {percent(entry['capture'])} so far",
        )
        for entry in deciles
    ]
    return Section("What its likeliest rows bring", bars(rows))


def _residuals(found: dict[str, Any] | None) -> Section:
    if found is None:
        return Section("", [])
    quantiles = {entry["quantile"]: figure(entry["residual"]) for entry in found["quantiles"]}
    head = (
        f"Half of the test rows are off by {quantiles[0.25]} to {quantiles[0.75]}, nine in ten by {quantiles[0.05]} to "
        f"{quantiles[0.95]} (actual less predicted)."
    )
    rows = [
        [
            str(entry["decile"]),
            *(figure(entry[name]) for name in ("mean_predicted", "mean_actual", "mean_absolute_error")),
            f"{entry['rows']:,}",
        ]
        for entry in found["deciles"]
    ]
    names = ["decile", "predicted", "actual", "mean error", "test rows"]
    return Section("Where it is off", [*paragraph(head), *table(names, rows)])


def _hits(ranks: list[dict[str, Any]]) -> Section:
    rows = [
        (f"first {entry['rank']}", entry["hit_rate"], percent(entry["hit_rate"]))
        for entry in ranks
        if entry["rank"] in _RANKS
    ]
    return Section("How often one of its first items is bought", bars(rows))


def _neighbours(pairs: list[dict[str, Any]]) -> Section:
    near: dict[str, list[str]] = {}
    for pair in pairs:
        near.setdefault(str(pair["item"]), []).append(f"{pair['neighbour']} ({pair['cosine']:.2f})")
    shown = {item: ", ".join(others) for item, others in list(near.items())[:SHOWN]}
    return Section("What goes with its most bought items (cosine)", aligned(shown) if shown else [])
