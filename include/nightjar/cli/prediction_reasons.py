"""nightjar predictions explain: why an entity got its prediction."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightjar.cli.output import EnvironmentOption, JsonOption, KeyArgument, count, database, print_record, print_rows
from nightjar.usecases import find_use_case
from nightjar.usecases.as_of import parse_date

if TYPE_CHECKING:
    from nightjar.scoring.reasons import Breakdown, ExplainedPrediction, PredictionReasons

BAR_WIDTH = 12
GONE = "its source rows are gone"


def explain(
    use_case: str,
    key: KeyArgument,
    item: Annotated[str | None, typer.Option("--item", help="One recommended item.")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="The night; default: the one readers see.")] = None,
    top: Annotated[int, typer.Option("--top", parser=count, help="How many features to show.")] = 5,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Show why an entity got its prediction: what each feature added to it."""
    from nightjar.scoring.reasons import explain_prediction

    declared = find_use_case(use_case)
    day = parse_date(as_of) if as_of else None
    reasons = explain_prediction(database(env), declared, key, item=item, as_of=day, top=top)
    if as_json:
        print_record(reasons.as_json(), as_json=True)
    elif declared.items is not None and item is None:
        _print_recommendations(reasons)
    else:
        _print_prediction(reasons, reasons.predictions[0])


def _print_recommendations(reasons: "PredictionReasons") -> None:
    """Print one line for each recommendation, with the first row of its evidence."""
    print(f"{_facts(reasons.entity)}: {len(reasons.predictions)} recommendations {_origin(reasons)}.\n")
    with_evidence = any(explained.evidence for explained in reasons.predictions)
    rows = [
        {name: _shown(value) for name, value in explained.prediction.items()}
        | {"mostly because": _main_reason(explained.breakdown, recommended=True) if explained.breakdown else GONE}
        | ({"evidence": _facts(explained.evidence[0]) if explained.evidence else ""} if with_evidence else {})
        for explained in reasons.predictions
    ]
    print_rows(rows, as_json=False)
    if reasons.drifted:
        print("\nSource rows have changed since that night: some of these scores would be others today.")
    print("\nOne of them in full: add --item KEY.")


def _print_prediction(reasons: "PredictionReasons", explained: "ExplainedPrediction") -> None:
    """Print a headline, a table of the features, and the evidence."""
    because = _because(explained)
    # What today's rows say is no reason for what that night's rows gave.
    then, now = ("", because) if explained.drifted else (because, "")
    print(f"{_facts(reasons.entity)}: {_facts(explained.prediction)}{then} {_origin(reasons)}.")
    if explained.recomputed is None:
        print("Its source rows are gone since that night: there is nothing to explain it with.")
    elif explained.drifted:
        print(f"Its source rows have changed since that night; for today's it is {_facts(explained.recomputed)}{now}.")
    if explained.breakdown:
        print()
        print_rows(_table(explained.breakdown), as_json=False)
    if explained.evidence:
        print("\nWhat led to it:\n")
        print_rows(_known(explained.evidence), as_json=False)


def _because(explained: "ExplainedPrediction") -> str:
    if explained.breakdown is None:
        return ""
    main_reason = _main_reason(explained.breakdown, recommended="rank" in explained.prediction)
    return f", mostly because {main_reason}" if main_reason else ""


def _table(breakdown: "Breakdown") -> list[dict[str, str]]:
    largest = max((abs(reason.contribution) for reason in breakdown.reasons), default=0.0)
    compared = f"nearer than {breakdown.against}" if breakdown.unit == "squared distance" else ""
    lines = [("where it starts", "", breakdown.baseline, "")]
    for reason in breakdown.reasons:
        bar = f"{_bar(reason.contribution, largest)} {reason.direction}"
        lines.append((reason.feature, _shown(reason.value), reason.contribution, bar))
    if breakdown.other_features:
        lines.append((f"{breakdown.other_features} other features", "", breakdown.others, ""))
    lines.append(("adds up to", "", breakdown.output, compared))
    return [
        {"feature": name, "value": value, breakdown.unit: f"{number:+.3f}", "": remark}
        for name, value, number, remark in lines
    ]


def _bar(contribution: float, largest: float) -> str:
    """Return a bar to the left of the middle for what is negative, and to the right for what is positive."""
    length = round(BAR_WIDTH * abs(contribution) / largest) if largest else 0
    left, right = ("█" * length, "") if contribution < 0 else ("", "█" * length)
    return f"{left:>{BAR_WIDTH}}│{right:<{BAR_WIDTH}}"


def _main_reason(breakdown: "Breakdown", *, recommended: bool) -> str:
    """Return the largest reason that points where the prediction went; what is recommended went up."""
    upwards = recommended or breakdown.output >= breakdown.baseline
    fitting = [reason for reason in breakdown.reasons if reason.contribution and (reason.contribution > 0) == upwards]
    return f"{fitting[0].feature} is {_shown(fitting[0].value)}" if fitting else ""


def _origin(reasons: "PredictionReasons") -> str:
    return f"(as of {reasons.as_of}, {reasons.model})"


def _facts(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_shown(value)}" for name, value in row.items() if value is not None)


def _known(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Leave out the columns that are empty in all rows."""
    names = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    return [{name: _shown(row[name]) for name in names} for row in rows]


def _shown(value: Any) -> str:
    match value:
        case None:
            return "missing"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
        case date():
            return value.isoformat()
        case _:
            return str(value)
