"""The sections of an explanation: those that every model has are made here."""

from collections.abc import Sequence
from typing import Any

from nightjar.registry.explanation.families import family_sections
from nightjar.registry.explanation.text import Section, aligned, bars, figure, measured, paragraph, table
from nightjar.registry.records import Decision, ModelRecord, Trial

SHOWN_TRIALS = 5
SHOWN_FEATURES = 15


def sections_of(record: ModelRecord, trials: Sequence[Trial], decisions: Sequence[Decision]) -> list[Section]:
    """Return what there is to tell of a model version, in the order of reading."""
    found = [
        _origin(record),
        _choice(trials),
        _scores(record),
        _importances(record),
        *family_sections(record),
        _alerts(record),
        _decisions(decisions),
    ]
    return [section for section in found if section.lines]


def _origin(record: ModelRecord) -> Section:
    left_out = f"; {record.discarded_rows:,} rows left out" if record.discarded_rows else ""
    iterations = f", {record.iterations:,} iterations" if record.iterations else ""
    created = f" on {record.created_at:%Y-%m-%d}" if record.created_at else ""
    owner = f" by {record.owner}" if record.owner else ""
    base = record.details.get("updated_from")
    facts = {
        "use case": record.use_case,
        **({"updated": f"from {base}, with the rows of newer dates"} if base else {}),
        "trained on": f"{record.processed_rows:,} rows of {record.train_split}, as of {record.as_of}{left_out}",
        "tested on": record.test_split,
        "fitted": f"in {figure(record.fit_seconds)} s{iterations}, in {record.trained_in}{owner}{created}",
        "code": record.code_version,
        "reads": ", ".join(column.name for column in record.signature.inputs),
        "returns": ", ".join(record.signature.classes) or record.output_type,
    }
    return Section("What it is", aligned(facts))


def _choice(trials: Sequence[Trial]) -> Section:
    if not trials:
        return Section("How it was chosen", [])
    failed = sum(trial.score is None for trial in trials)
    note = f"; {failed} could not be fitted" if failed else ""
    rows = [
        [
            str(place),
            trial.algorithm,
            _score(trial),
            str(trial.folds),
            f"{trial.rows:,}",
            ", ".join(f"{name} {_value(value)}" for name, value in trial.parameters.items()),
        ]
        for place, trial in enumerate(trials[:SHOWN_TRIALS], start=1)
    ]
    head = (
        f"The best of {len(trials)} candidates by {trials[0].metric}, mean ± deviation over validation sets{note}. "
        "Those that came to more sets or rows come first; the others were dropped before."
    )
    columns = ["", "algorithm", "score", "sets", "rows", "parameters"]
    return Section("How it was chosen", [*paragraph(head), *table(columns, rows)])


def _score(trial: Trial) -> str:
    if trial.score is None:
        return "failed"
    return measured(trial.score, trial.spread)


def _value(value: Any) -> str:
    return figure(value) if isinstance(value, float) else str(value)


def _scores(record: ModelRecord) -> Section:
    rows = [
        [name, figure(score), figure(record.training_scores.get(name))] for name, score in record.test_scores.items()
    ]
    return Section("How good it is", table(["metric", "test", "training"], rows))


def _importances(record: ModelRecord) -> Section:
    found = record.details.get("importances")
    if not found:
        return Section("What matters", paragraph("It carries no inspection: nothing is known of its features."))
    features = found["features"]
    segments = found["metric"] == "segment_changes"
    what = "The share of rows that change their segment" if segments else f"By how much {found['metric']} gets worse"
    shown = features[:SHOWN_FEATURES]
    rows = [
        (entry["feature"], entry["importance"], measured(entry["importance"], entry["deviation"])) for entry in shown
    ]
    head = f"{what} while a feature is shuffled, on {found['rows']:,} test rows."
    more = [f"and {len(features) - len(shown)} more features"] if len(features) > len(shown) else []
    return Section("What matters", [*paragraph(head), *bars(rows), *more])


def _alerts(record: ModelRecord) -> Section:
    alerts = record.details.get("alerts", [])
    return Section("Alerts", [line for entry in alerts for line in paragraph(f"{entry['alert']}: {entry['message']}")])


def _decisions(decisions: Sequence[Decision]) -> Section:
    lines = []
    for decision in decisions:
        against = f" against {decision.champion} with {figure(decision.champion_score)}" if decision.champion else ""
        gain = (
            f", gain {figure(decision.gain_low)} to {figure(decision.gain_high)}"
            if decision.gain_low is not None
            else ""
        )
        verdict = "passed" if decision.passed else "refused"
        lines += paragraph(f"{verdict}: {decision.metric} {figure(decision.model_score)}{against}{gain}")
        lines += [line for reason in decision.reasons for line in paragraph(f"- {reason}")]
    return Section("What the gates said", lines)
