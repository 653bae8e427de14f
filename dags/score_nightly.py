"""Scores every entity of a use case for one night and publishes the predictions, in the prod database.

1. `build_features`: the sources must serve the as-of date and meet their expectations; the declared SQL is
   staged once for all shards.
2. `gate_features`: expectations on the staged features.
3. `score_shard`: one mapped task per key range, each all or nothing; a retry leaves finished ones alone.
4. `gate_predictions`: every entity is scored or quarantined, and the predictions meet their expectations.
5. `publish`: declared reasons and tenants are stored beside the predictions, then readers see the whole new night at
   once. Until then, and when anything fails, they see the old one.

Runs every night, keyed by the as-of date. The same night again replaces it. A backfill over a range of dates scores
past nights, with today's model or the one of then; a night older than the one shown goes to the history only.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from nightjar.orchestration import score_steps as steps
from nightjar.orchestration.assets import predictions
from nightjar.orchestration.dag_settings import as_of_param, by_date, model_param, use_case_dag
from nightjar.usecases import UseCase, usable_use_cases
from nightjar.usecases.as_of import ModelOf
from nightjar.usecases.extent import Extent


def score_nightly(use_case: UseCase) -> None:
    """Define the DAG of one use case."""
    asset = predictions(use_case)

    @dag(
        **use_case_dag("score_nightly", use_case, __doc__),
        **by_date(use_case, use_case.schedule.score),
        params={
            "as_of": as_of_param(),
            "model": model_param("Score with this version, which must be in prod. Empty: the champion."),
            "model_of": Param(
                ModelOf.TODAY.value,
                enum=[choice.value for choice in ModelOf],
                title="Model of",
                description_md="For a past night. *today*: the champion. *then*: of all that were ever champion, the "
                "one whose training data are the latest that do not go beyond the as-of date.",
            ),
            "extent": Param(
                Extent.DECLARED.value,
                enum=[extent.value for extent in Extent],
                title="Extent",
                description_md="*incremental*: what has the same inputs, model and code as in the night that readers "
                "see is taken over. *proved*: that is scored again, too, and compared.",
            ),
            "finish": Param(
                steps.PUBLISH,
                enum=[steps.PUBLISH, steps.CHECK_ONLY],
                title="At the end",
                description_md="*check only* runs every step and gate, then throws the night away.",
            ),
        },
    )
    def workflow() -> None:
        @task
        def build_features() -> dict[str, Any]:
            return steps.build_features(use_case.name)

        @task
        def gate_features(night: dict[str, Any]) -> list[int]:
            return steps.gate_features(use_case.name, night["commit"])

        @task(map_index_template="shard {{ task.op_kwargs['shard'] }}")
        def score_shard(night: dict[str, Any], shard: int) -> None:
            steps.score_shard(use_case.name, night["commit"], shard)

        @task
        def gate_predictions(night: dict[str, Any]) -> None:
            steps.gate_predictions(use_case.name, night["commit"])

        @task(outlets=[asset])
        def publish(night: dict[str, Any]) -> None:
            steps.publish(use_case.name, night["commit"], asset)

        night = build_features()
        scored = score_shard.partial(night=night).expand(shard=gate_features(night))
        checked = gate_predictions(night)
        scored >> checked >> publish(night)

    workflow()


for declared in usable_use_cases().values():
    score_nightly(declared)
