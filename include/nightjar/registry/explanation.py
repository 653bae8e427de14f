"""Explains a model version to a person: what it is, how it came to be, how good it is, what it goes by."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nightjar.registry.explanation_sections import family_sections
from nightjar.registry.explanation_text import Section, aligned, bars, figure, measured, paragraph, render, table
from nightjar.registry.records import Decision, ModelRecord, Trial

SHOWN_TRIALS = 5
SHOWN_FEATURES = 15


@dataclass(frozen=True)
class Explanation:
    """A model version with its leaderboard, best first, and what the gates said, oldest first."""

    record: ModelRecord
    trials: tuple[Trial, ...]
    decisions: tuple[Decision, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form; `details` is what the inspection found, by subject."""
        record = self.record
        return {
            "model": str(record.name),
            "use_case": record.use_case,
            "kind": record.kind,
            "algorithm": record.algorithm,
            "aliases": list(record.aliases),
            "trained": {
                "snapshot": record.snapshot,
                "train_split": record.train_split,
                "test_split": record.test_split,
                "as_of": record.as_of.isoformat(),
                "rows": record.processed_rows,
                "discarded_rows": record.discarded_rows,
                "seconds": record.fit_seconds,
                "iterations": record.iterations,
                "database": record.trained_in,
                "owner": record.owner,
                "created": record.created_at.isoformat() if record.created_at else None,
                "code_version": record.code_version,
            },
            "inputs": [column.name for column in record.signature.inputs],
            "hyperparameters": dict(record.hyperparameters),
            "coefficients": dict(record.coefficients),
            "scores": {"training": dict(record.training_scores), "test": dict(record.test_scores)},
            "leaderboard": [asdict(trial) for trial in self.trials[:SHOWN_TRIALS]],
            "trials": len(self.trials),
            "details": dict(record.details),
            "decisions": [asdict(decision) for decision in self.decisions],
        }

    def as_text(self) -> str:
        """Return it in sections for reading, in lines of at most 100 characters."""
        record = self.record
        sections = [
            _origin(record),
            _choice(self.trials),
            _scores(record),
            _importances(record),
            *family_sections(record),
            _alerts(record),
            _decisions(self.decisions),
        ]
        title = " · ".join([str(record.name), record.kind, record.algorithm, *record.aliases])
        return render(title, [section for section in sections if section.lines])


def explain(record: ModelRecord, trials: Sequence[Trial], decisions: Sequence[Decision]) -> Explanation:
    """Return the explanation of a model version, from what the registry has of it."""
    return Explanation(record, tuple(trials), tuple(decisions))


def _origin(record: ModelRecord) -> Section:
    left_out = f"; {record.discarded_rows:,} rows left out" if record.discarded_rows else ""
    iterations = f", {record.iterations:,} iterations" if record.iterations else ""
    created = f" on {record.created_at:%Y-%m-%d}" if record.created_at else ""
    owner = f" by {record.owner}" if record.owner else ""
    facts = {
        "use case": record.use_case,
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
        [str(place), trial.algorithm, _score(trial), ", ".join(f"{k} {_value(v)}" for k, v in trial.parameters.items())]
        for place, trial in enumerate(trials[:SHOWN_TRIALS], start=1)
    ]
    head = f"The best of {len(trials)} candidates by {trials[0].metric}, mean ± deviation over validation sets{note}."
    return Section("How it was chosen", [*paragraph(head), *table(["", "algorithm", "score", "parameters"], rows)])


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
