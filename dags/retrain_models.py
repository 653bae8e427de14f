"""Trains, registers and judges a new model version, in the dev database.

1. `train_candidates`: searches among the declared estimators by successive halving on time-ordered validation
   rows, refits the best on the whole train split, measures it on the test split, registers it with its leaderboard.
   Where the declaration says partial_fit, the newest model is updated with the rows of newer dates instead.
2. `compare_with_champion`: both score the same test rows; the declared gates decide, with reasons.
3. `announce_challenger`: skipped when a gate failed or the run only registers.

Runs on every new snapshot, or by hand for a chosen one. The event on `challenger__<use case>`, keyed by
the model's name, starts `promote_models`.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from nightjar.orchestration import retrain_steps as steps
from nightjar.orchestration.assets import challenger, training_data
from nightjar.orchestration.dag_settings import as_of_param, by_asset, use_case_dag
from nightjar.usecases import UseCase, usable_use_cases


def retrain_models(use_case: UseCase) -> None:
    """Define the DAG of one use case."""
    asset = challenger(use_case)

    @dag(
        **use_case_dag("retrain_models", use_case, __doc__),
        **by_asset(training_data(use_case)),
        params={
            "as_of": as_of_param(),
            "snapshot": Param(
                None,
                type=["null", "string"],
                title="Snapshot",
                description_md=f"A published, split snapshot such as `{use_case.name}_20171201@1.0.0`. "
                "Empty: the newest one (as of the date).",
            ),
            "proposal": Param(
                steps.PROPOSE,
                enum=[steps.PROPOSE, steps.REGISTER_ONLY],
                title="Proposal",
                description_md="Whether a model that passes its gates is proposed for promotion.",
            ),
            **_anew_param(use_case),
        },
    )
    def workflow() -> None:
        @task
        def train_candidates() -> str:
            return steps.train_candidates(use_case.name)

        @task
        def compare_with_champion(model: str) -> dict[str, Any]:
            return steps.compare(use_case.name, model)

        @task(outlets=[asset])
        def announce_challenger(decision: dict[str, Any]) -> None:
            steps.announce_challenger(decision, asset)

        announce_challenger(compare_with_champion(train_candidates()))

    workflow()


def _anew_param(use_case: UseCase) -> dict[str, Param]:
    if not use_case.training.partial_fit:
        return {}
    text = "Select a new model on all rows, instead of updating the newest one."
    return {"anew": Param(False, type="boolean", title="Anew", description_md=text)}


for declared in usable_use_cases().values():
    retrain_models(declared)
