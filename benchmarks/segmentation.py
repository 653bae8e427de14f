"""Segments over nine weekly retrains: how stable they are, how far apart, and what they tell of the weeks after.

Each week's model becomes champion, as in a weekly retrain that is always promoted. Households are put into segments
as of that week; spend and coupons are those of the 28 days from then on, which no model has seen.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score

from benchmarks.measure import Result
from nightjar import registry, retail
from nightjar.evaluation.usefulness import Effect, Usefulness, usefulness
from nightjar.registry import Alias
from nightjar.registry.loading import load_predictor
from nightjar.storage import Database, Role
from nightjar.training import freeze_training_data, split_training_data, train
from nightjar.training.dataset import read_dataset
from nightjar.usecases import UseCase, find_use_case

WEEKS = tuple(date(2017, 9, 29) + timedelta(days=7 * week) for week in range(9))
DAYS = 28
OURS, PLAIN, RFM = "segments", "plain k-means, k = 5", "RFM quintiles"
_SMALLEST_ARI = "smallest ARI week to week"
_RECENCY = """
SELECT household_id, %(as_of)s - max(transaction_date) AS recency, count(DISTINCT basket_id) AS frequency,
       sum(sales_value)::double precision AS monetary
FROM retail.transactions
WHERE transaction_date < %(as_of)s AND transaction_date >= %(as_of)s - 364 AND sales_value > 0 GROUP BY household_id
"""
_SPEND = """
SELECT household_id, sum(sales_value)::double precision AS spend FROM retail.transactions
WHERE transaction_date >= %(as_of)s AND transaction_date < %(as_of)s + %(days)s GROUP BY household_id
"""
_REDEEMED = """
SELECT DISTINCT household_id FROM retail.coupon_redemptions
WHERE redemption_date >= %(as_of)s AND redemption_date < %(as_of)s + %(days)s
"""

Labels = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Week:
    """One way of segmenting in one week: each household's segment, and how good that is."""

    households: npt.NDArray[np.int64]
    labels: Labels
    silhouette: float
    spend: Usefulness
    redeemed: Usefulness

    @property
    def smallest(self) -> float:
        """The share of the smallest segment."""
        return min(part.entities for part in self.spend.segments) / len(self.labels)


def run(database: Database, rows: int) -> list[Result]:  # noqa: ARG001
    """Train as of each week, beside both rivals, and print what came of it."""
    retail.load_until(database, None, lambda _: None)
    use_case = find_use_case("customer_segments")
    weeks: dict[str, list[Week]] = {OURS: [], PLAIN: [], RFM: []}
    for number, as_of in enumerate(WEEKS):
        for name, week in _segmented(database, use_case, as_of, number).items():
            weeks[name].append(week)
            _tell(name, as_of, weeks[name])
    _tell_segments(database, use_case, weeks[OURS][-1])
    return _results(weeks)


def _segmented(database: Database, use_case: UseCase, as_of: date, number: int) -> dict[str, Week]:
    snapshot = freeze_training_data(database, use_case, as_of)
    split_training_data(database, use_case, snapshot)
    model = train(database, use_case, snapshot)
    with database.connect(Role.TRAINER) as connection:
        registry.move_alias(connection, use_case.name, Alias.CHAMPION, model, reason="weekly", actor="benchmark")
        predictor = load_predictor(connection, model)
    data = read_dataset(database, use_case, snapshot, model.signature)
    space = predictor.estimator[:-1].transform(data.features)
    labels = {
        OURS: predictor.predict(data.features)["segment_id"],
        PLAIN: KMeans(5, n_init=10, random_state=number).fit_predict(space),
        RFM: _rfm(database, as_of, data.entity),
    }
    spend, redeemed = _outcomes(database, as_of, data.entity)
    return {
        name: Week(
            data.entity,
            found,
            float(silhouette_score(space, found)),
            usefulness("spend", found, spend, is_share=False),
            usefulness("redeemed", found, redeemed.astype(float), is_share=True),
        )
        for name, found in labels.items()
    }


def _rfm(database: Database, as_of: date, households: npt.NDArray[np.int64]) -> Labels:
    """Return the quintile of the sum of three quintile scores, the marketer's classic."""
    found = {row["household_id"]: row for row in _query(database, _RECENCY, as_of)}
    scores = np.zeros(len(households))
    for name, sign in (("recency", -1), ("frequency", 1), ("monetary", 1)):
        scores += _quintile(sign * np.array([float(found[int(key)][name]) for key in households]))
    return _quintile(scores)


def _quintile(values: npt.NDArray[np.float64]) -> Labels:
    return np.searchsorted(np.quantile(values, [0.2, 0.4, 0.6, 0.8]), values).astype(np.int32)


def _outcomes(
    database: Database, as_of: date, households: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    spend = {row["household_id"]: row["spend"] for row in _query(database, _SPEND, as_of)}
    redeemed = [row["household_id"] for row in _query(database, _REDEEMED, as_of)]
    return np.array([spend.get(int(key), 0.0) for key in households]), np.isin(households, redeemed)


def _query(database: Database, query: str, as_of: date) -> list[Any]:
    with database.connect(Role.TRAINER) as connection:
        return connection.execute(query, {"as_of": as_of, "days": DAYS}).fetchall()


def _agreement(weeks: Sequence[Week]) -> list[float]:
    """Return the adjusted Rand index of each week with the one before, over the households of both."""
    found = []
    for before, after in itertools.pairwise(weeks):
        _, mine, theirs = np.intersect1d(before.households, after.households, return_indices=True)
        found.append(float(adjusted_rand_score(before.labels[mine], after.labels[theirs])))
    return found


def _tell(name: str, as_of: date, weeks: Sequence[Week]) -> None:
    week, agreement = weeks[-1], _agreement(weeks)
    amount, response = _effect(week.spend), _effect(week.redeemed)
    print(
        f"  {as_of}  {name:<20}  {len(week.spend.segments)} segments"
        f"  ARI {f'{agreement[-1]:.3f}' if agreement else '-':>5}  silhouette {week.silhouette:.3f}"
        f"  smallest {week.smallest:.1%}  eta2 {amount.value:.3f} ({amount.low:.3f} to {amount.high:.3f})"
        f"  V {response.value:.3f} ({response.low:.3f} to {response.high:.3f})",
        flush=True,
    )


def _tell_segments(database: Database, use_case: UseCase, week: Week) -> None:
    with database.connect(Role.TRAINER) as connection:
        champion = registry.aliased_model(connection, use_case.name, Alias.CHAMPION)
    assert champion is not None
    names = {segment["id"]: segment["name"] for segment in champion.details["segments"]}
    for spend, redeemed in zip(week.spend.segments, week.redeemed.segments, strict=True):
        print(
            f"  {spend.segment}  {names[spend.segment]:<50}  {spend.entities:>5} households"
            f"  {spend.mean:>7.2f} dollars  {redeemed.mean:.1%} redeem"
        )


def _effect(found: Usefulness) -> Effect:
    assert found.effect is not None, f"{found.outcome} is the same for all"
    return found.effect


def _results(weeks: dict[str, list[Week]]) -> list[Result]:
    ours = _summary(weeks[OURS])
    results = [
        Result(f"segments: {work}", value, _summary(weeks[rival])[work], ">= 1.0", rival)
        for rival in (PLAIN, RFM)
        for work, value in ours.items()
        # Quintiles of a score overlap in the space of the features: their silhouette is below 0.
        if _summary(weeks[rival])[work] > 0
    ]
    return [*results, Result(f"segments: {_SMALLEST_ARI}", ours[_SMALLEST_ARI], 0.85, ">= 1.0", "the goal")]


def _summary(weeks: Sequence[Week]) -> dict[str, float]:
    return {
        _SMALLEST_ARI: min(_agreement(weeks)),
        "silhouette, mean": float(np.mean([week.silhouette for week in weeks])),
        "eta2 of spend, mean": float(np.mean([_effect(week.spend).value for week in weeks])),
        "V of redemption, mean": float(np.mean([_effect(week.redeemed).value for week in weeks])),
    }
