"""The page that a person sees before approving a promotion."""

from typing import TYPE_CHECKING

from nightjar.usecases import UseCase

if TYPE_CHECKING:
    from nightjar.storage.database import Connection
    from nightjar.transfer import Verification


def evidence(connection: "Connection", use_case: UseCase, verified: "Verification") -> str:
    """Return what is known of a verified model beside production's champion, as Markdown."""
    from nightjar import registry
    from nightjar.registry import Alias

    model = verified.record
    champion = registry.aliased_model(connection, use_case.name, Alias.CHAMPION)
    size = sum(part.bytes for part in verified.bundle.manifest.parts)
    scores = sorted(model.test_scores)
    lines = [
        f"**{model.name}** ({model.algorithm}) is to become champion of **{use_case.title}** in production.",
        "",
        f"| test score | {model.name} | champion {champion.name if champion else '(none yet)'} |",
        "|---|---|---|",
        *(f"| {name} | {model.test_scores[name]:.4f} | {_score(champion, name)} |" for name in scores),
        "",
        f"- Trained as of {model.as_of} on `{model.snapshot}`, {model.processed_rows} rows, by {model.owner}.",
        f"- Gates: {_gates(verified)}",
        f"- Bundle: {size:,} bytes, the sha256 of every part is right.",
        f"- Parity: {verified.sample_rows} sample rows score the same here (largest difference "
        f"{verified.largest_difference:.1e}).",
    ]
    return "\n".join(lines)


def _score(champion: object, name: str) -> str:
    value = getattr(champion, "test_scores", {}).get(name)
    return "" if value is None else f"{value:.4f}"


def _gates(verified: "Verification") -> str:
    if not verified.bundle.decisions:
        return "not compared with a champion yet."
    decision = verified.bundle.decisions[-1]
    interval = ""
    if decision["gain_low"] is not None:
        interval = (
            f" Gain on champion {decision['champion']} on the same test rows, 95 % interval: "
            f"{decision['gain_low']:+.4f} to {decision['gain_high']:+.4f}."
        )
    return f"{'passed' if decision['passed'] else 'FAILED'}: {'; '.join(decision['reasons'])}.{interval}"
