"""How often a campaign without any effect seems to have one, and how large an effect has to be to be seen.

Nobody was treated: in the sample business the outcomes of both arms are those of one and the same selection.
"""

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.measure import Result
from nightjar import campaigns, registry, retail
from nightjar.campaigns import Uplift
from nightjar.registry import Alias
from nightjar.scoring import create_prediction_tables, score_night
from nightjar.storage import Database, Role
from nightjar.training import freeze_training_data, split_training_data, train
from nightjar.usecases import UseCase, find_use_case

NIGHT = date(2017, 11, 1)
DAYS = 28
CAMPAIGNS = 400
HOLD_OUTS = (0.1, 0.2, 0.5)
# The share of campaigns without an effect for which a 95 % interval leaves 0 out.
EXPECTED = 0.05


def run(database: Database, rows: int) -> list[Result]:  # noqa: ARG001
    """Export and measure many campaigns for the top decile of two use cases."""
    retail.load_until(database, None, lambda _: None)
    found: list[Result] = []
    for name in ("churn_risk", "coupon_redemption"):
        use_case = find_use_case(name)
        _score(database, use_case)
        for hold_out in HOLD_OUTS:
            found += _of_hold_out(database, use_case, hold_out)
    return found


def _score(database: Database, use_case: UseCase) -> None:
    create_prediction_tables(database, [use_case])
    snapshot = freeze_training_data(database, use_case, NIGHT)
    split_training_data(database, use_case, snapshot)
    model = train(database, use_case, snapshot)
    with database.connect(Role.DEPLOYER) as connection:
        registry.move_alias(connection, use_case.name, Alias.CHAMPION, model, reason="benchmark", actor="benchmark")
    score_night(database, use_case, NIGHT)


def _of_hold_out(database: Database, use_case: UseCase, hold_out: float) -> Iterator[Result]:
    measured = [_uplifts(database, use_case, hold_out, number) for number in range(CAMPAIGNS)]
    for outcome in zip(*measured, strict=True):
        first = outcome[0]
        sides = f"{first.treated.entities} + {first.hold_out.entities}"
        work = f"uplift, {use_case.name} decile 1, {sides}: {first.outcome}"
        shown = float(np.mean([uplift.shown for uplift in outcome]))
        half = float(np.mean([(uplift.high - uplift.low) / 2 for uplift in outcome]))
        mean = float(np.mean([uplift.treated.mean for uplift in outcome]))
        yield Result(f"{work}, seems to have an effect", shown, EXPECTED, "<= 1.5", "5 in 100")
        yield Result(f"{work}, half of the interval", half, mean, "", "the mean of the treated")


def _uplifts(database: Database, use_case: UseCase, hold_out: float, number: int) -> tuple[Uplift, ...]:
    name = f"{use_case.name} {hold_out} {number}"
    with tempfile.TemporaryDirectory() as folder:
        target = campaigns.ListFile(Path(folder) / "list.csv")
        campaigns.export_campaign(
            database, use_case, name, campaigns.Decile(1), target, hold_out=hold_out, actor="benchmark"
        )
    return campaigns.measure_campaign(database, name, NIGHT, DAYS).uplifts
