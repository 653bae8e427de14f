"""Who decides on a promotion, and what that person is shown."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from nightjar.errors import SamePersonError
from nightjar.orchestration import promote_steps
from nightjar.orchestration.evidence import evidence
from nightjar.registry import Decision, ParitySample
from nightjar.registry.serving_models import ParityReport
from nightjar.snapshots.distribution import Shift, Side
from nightjar.transfer import Facts, Manifest, Mode, Proof, Verification, VerifiedModel
from nightjar.transfer.manifest import Content, Entry, Identity
from nightjar.transfer.shipment import Shipment
from nightjar.usecases import UseCase, find_use_case
from tests.unit.test_model_filters import MODEL

PASSED = Decision("churn_risk@1", "roc_auc", 0.9, 0.85, 0.02, 0.08, True, ("better",))


def use_case(**promotion: object) -> UseCase:
    declared = find_use_case("churn_risk")
    return declared.model_copy(update={"promotion": declared.promotion.model_copy(update=promotion)})


def carried(*decisions: Decision) -> VerifiedModel:
    record = replace(
        MODEL,
        test_scores={"roc_auc": 0.9, "log|loss": 0.3},
        details={"alerts": [{"alert": "constant feature", "message": "visits is | constant"}]},
        journey=({"source": "dev", "target": "staging"},),
        owner="ada",
    )
    facts = Facts(record, (), decisions, (), ParityReport(1, 0, 1, 0, 0), ParitySample(rows=[], outputs={}))
    return VerifiedModel(facts, None, None, Proof(200, 1e-12, 1e-9))


@pytest.mark.parametrize(
    ("margin", "decision", "automatic"),
    [
        (None, PASSED, False),
        (0.02, PASSED, True),
        (0.021, PASSED, False),
        (0.0, replace(PASSED, passed=False), False),
        (0.0, replace(PASSED, champion=None, champion_score=None, gain_low=None, gain_high=None), False),
        (-1.0, None, False),
    ],
)
def test_a_person_is_spared_by_declaration_alone(
    margin: float | None, decision: Decision | None, automatic: bool
) -> None:
    model = carried(*([decision] if decision else []))
    reason = promote_steps.automatic_reason(use_case(auto_approve_gain=margin), model)

    assert (reason is not None) is automatic
    if automatic:
        assert reason == (
            "all gates passed, and the gain over churn_risk@1 is at least +0.0200, "
            "where the declaration asks for +0.0200"
        )


def test_two_persons_are_two() -> None:
    strict = use_case(two_persons=True)
    with pytest.raises(SamePersonError, match="ada triggered this promotion of churn_risk and approved it"):
        promote_steps.require_second_person(strict, "ada", "ada")
    promote_steps.require_second_person(strict, "ada", "bob")
    promote_steps.require_second_person(strict, None, "ada")
    promote_steps.require_second_person(use_case(), "ada", "ada")


def test_the_evidence_tells_what_is_known() -> None:
    manifest = Manifest(
        format=1,
        mode=Mode.MODEL,
        models=(Identity(name="churn_risk@2", use_case="churn_risk", sha256="0" * 64),),
        entries=(Entry(content=Content.ARTIFACT, model="churn_risk@2", bytes=12345, sha256="0" * 64),),
        rows={},
        source="dev",
        revision="",
        versions={},
        key_id="0123456789abcdef",
        created="",
    )
    verified = Verification(Shipment(manifest, MappingProxyType({}), "b"), (carried(PASSED),))
    side = Side(0.0, 10)
    text = evidence(use_case(), verified, None, [Shift("visits", "bigint", 0.31, side, side)])

    for told in (
        "**churn_risk@2** (random_forest_classifier) is to become champion",
        "| log\\|loss | 0.3000 |",
        "a gain of +0.0200 to +0.0800",
        "| visits | 0.310 |",
        "by ada in dev → staging",
        "Alert at training: visits is \\| constant",
        "Signed with key `0123456789abcdef`",
        "12,345 bytes",
        "largest difference 1.0e-12, 1e-09 allowed",
    ):
        assert told in text
    assert "Not known: no later data" in evidence(use_case(), verified, MODEL, "Not known: no later data")
