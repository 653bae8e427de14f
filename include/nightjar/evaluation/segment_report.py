"""Tells an evaluation of segments as text or JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nightjar.evaluation.segments import Night, SegmentEvaluation
from nightjar.evaluation.usefulness import Usefulness

_NAME, _CELL = 44, 18


@dataclass(frozen=True)
class SegmentReport:
    """An evaluation, to be told."""

    evaluation: SegmentEvaluation

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form: use_case, days, nights (as_of, model, names, outcomes), stays between nights."""
        return _as_json(self.evaluation)

    def as_text(self) -> str:
        """Return tables to read in a terminal: of each night its segments' outcomes, then who stayed where."""
        return _as_text(self.evaluation)


def _as_json(evaluation: SegmentEvaluation) -> dict[str, Any]:
    return {
        "use_case": evaluation.use_case,
        "days": evaluation.days,
        "nights": [asdict(night) | {"as_of": night.as_of.isoformat()} for night in evaluation.nights],
        "stays": [
            asdict(stay) | {"before": stay.before.isoformat(), "after": stay.after.isoformat()}
            for stay in evaluation.stays
        ],
    }


def _as_text(evaluation: SegmentEvaluation) -> str:
    parts = [f"{evaluation.use_case}: what became of its segments in {evaluation.period} from each night on"]
    parts += [_night(night) for night in evaluation.nights]
    parts += [
        f"{stay.before} to {stay.after}: {stay.stayed / stay.entities:.1%} of {stay.entities} stayed in their segment; "
        f"adjusted Rand index {stay.agreement:.3f}"
        for stay in evaluation.stays
        if stay.entities
    ]
    return "\n\n".join(parts)


def _night(night: Night) -> str:
    segments = sorted(night.names)
    lines = [
        f"{night.as_of}, {night.model}",
        _line("", [outcome.outcome for outcome in night.outcomes], "entities"),
        *(_segment(night, number) for number in segments),
        _line("everybody", [_value(outcome, outcome.overall) for outcome in night.outcomes], _entities(night)),
        _line("how far they differ", [outcome.measure for outcome in night.outcomes]),
        _line("", [_effect(outcome) for outcome in night.outcomes]),
        _line("  95 % interval", [_interval(outcome) for outcome in night.outcomes]),
    ]
    lines += [
        f"{outcome.outcome} is not known of {outcome.unknown} entities."
        for outcome in night.outcomes
        if outcome.unknown
    ]
    return "\n".join(lines)


def _segment(night: Night, number: int) -> str:
    found = [next((mean for mean in outcome.segments if mean.segment == number), None) for outcome in night.outcomes]
    cells = [
        "-" if mean is None else _value(outcome, mean.mean) for outcome, mean in zip(night.outcomes, found, strict=True)
    ]
    entities = max((mean.entities for mean in found if mean is not None), default=0)
    return _line(f"{number}  {night.names[number]}", cells, str(entities))


def _entities(night: Night) -> str:
    return str(max(sum(mean.entities for mean in outcome.segments) for outcome in night.outcomes))


def _line(name: str, cells: Sequence[str], entities: str = "") -> str:
    return f"{name:<{_NAME}}{entities:>10}" + "".join(f"{cell:>{_CELL}}" for cell in cells)


def _value(outcome: Usefulness, value: float) -> str:
    return f"{value:.1%}" if outcome.is_share else f"{value:.2f}"


def _effect(outcome: Usefulness) -> str:
    return "none" if outcome.effect is None else f"{outcome.effect.value:.3f}"


def _interval(outcome: Usefulness) -> str:
    return "" if outcome.effect is None else f"{outcome.effect.low:.3f} to {outcome.effect.high:.3f}"
