"""The page that a person sees before approving a promotion."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nightjar.usecases import UseCase

if TYPE_CHECKING:
    from nightjar.registry import ModelRecord
    from nightjar.snapshots.distribution import Shift
    from nightjar.transfer import Verification, VerifiedModel

SHOWN_SHIFTS = 5


def evidence(
    use_case: UseCase, verified: "Verification", champion: "ModelRecord | None", drift: "Iterable[Shift] | str"
) -> str:
    """Return what is known of a verified model beside production's champion, as Markdown.

    drift: how far each input has moved since training, the farthest first, or why that is not known.
    """
    [carried] = verified.models
    model = carried.record
    sections = {
        "Scores on test rows": _scores(carried, champion),
        "Gates": [_gates(carried)],
        "Drift since training": _drift(drift),
        "Where it comes from": _lineage(model),
        "What was proved": _proofs(verified, carried),
    }
    head = f"**{model.name}** ({model.algorithm}) is to become champion of **{_plain(use_case.title)}** in production."
    return "\n\n".join([head, *(f"### {title}\n\n" + "\n".join(lines) for title, lines in sections.items())])


def _scores(carried: "VerifiedModel", champion: "ModelRecord | None") -> list[str]:
    model = carried.record
    name = f"champion {champion.name}, on its own test rows" if champion else "champion (none yet)"
    lines = [f"| score | {model.name} | {name} |", "|---|---|---|"]
    for score, value in sorted(model.test_scores.items()):
        theirs = champion.test_scores.get(score) if champion else None
        lines.append(f"| {_plain(score)} | {value:.4f} | {'' if theirs is None else f'{theirs:.4f}'} |")
    return lines


def _gates(carried: "VerifiedModel") -> str:
    if not carried.decisions:
        return "Not compared with a champion yet."
    return _plain(carried.decisions[-1].summary())


def _drift(drift: "Iterable[Shift] | str") -> list[str]:
    if isinstance(drift, str):
        return [drift]
    rows = [f"| {_plain(shift.column)} | {shift.psi:.3f} |" for shift in list(drift)[:SHOWN_SHIFTS]]
    return ["| input | population stability index |", "|---|---|", *rows, "", "Above 0.25 an input has moved far."]


def _lineage(model: "ModelRecord") -> list[str]:
    came_by = " → ".join([model.trained_in, *(str(hop["target"]) for hop in model.journey)])
    lines = [
        f"- Trained as of {model.as_of} by {_plain(model.owner or 'an unknown owner')} in {came_by}, with code "
        f"`{model.code_version}`.",
        f"- Snapshot `{model.snapshot}`: {model.processed_rows:,} rows, {model.discarded_rows:,} discarded.",
    ]
    alerts = model.details.get("alerts") or ()
    return [*lines, *(f"- Alert at training: {_plain(_alert(alert))}" for alert in alerts)]


def _alert(alert: Any) -> str:
    return str(alert.get("message", alert)) if isinstance(alert, dict) else str(alert)


def _proofs(verified: "Verification", carried: "VerifiedModel") -> list[str]:
    manifest, proof = verified.manifest, carried.proof
    sizes = ", ".join(f"{entry.content} {entry.bytes:,}" for entry in manifest.entries)
    return [
        f"- Signed with key `{manifest.key_id}`, which production trusts; the sha256 of every part is right.",
        f"- {manifest.total_bytes:,} bytes ({sizes}) in {_files(len(manifest.parts))}.",
        f"- {proof.rows} sample rows score the same here: largest difference {proof.largest_difference:.1e}, "
        f"{proof.tolerance:.0e} allowed.",
    ]


def _files(parts: int) -> str:
    return f"{parts} parts" if parts > 1 else "one file"


def _plain(text: str) -> str:
    """Return a text that does not break a table."""
    return " ".join(text.replace("|", "\\|").split())
