"""Freezes a use case's training data as a published snapshot with train and test splits, in the dev database.

1. `check_sources`: the declared source tables must reach the as-of date and meet their expectations.
2. `freeze`: features and outcomes at several earlier dates become the snapshot `<use case>_<date>`.
3. `prepare`: statements from the form, if any, make a changed version of it.
4. `split_and_announce`: the newest dates become `_test`, the rest `_train`; all of them are published.

The event on the asset `training_data__<use case>`, keyed by the as-of date, starts `retrain_models`.
"""

from airflow.sdk import Param, dag, task

from nightjar.orchestration import snapshot_steps as steps
from nightjar.orchestration.assets import training_data
from nightjar.orchestration.dag_settings import as_of_param, by_date, use_case_dag
from nightjar.usecases import UseCase, usable_use_cases


def snapshot_training_data(use_case: UseCase) -> None:
    """Define the DAG of one use case."""
    asset = training_data(use_case)

    @dag(
        **use_case_dag("snapshot_training_data", use_case, __doc__),
        **by_date(use_case, use_case.schedule.snapshot),
        params={
            "as_of": as_of_param(),
            "statements": Param(
                [],
                type="array",
                items={"type": "string"},
                title="Changes to the rows",
                description_md="One statement on the table `snapshot` per line, such as "
                "`DELETE FROM snapshot WHERE visits = 0`. Empty: the rows stay as they are.",
            ),
            "finish": Param(
                steps.PUBLISH,
                enum=[steps.PUBLISH, steps.LEAVE_PREPARED],
                title="At the end",
                description_md="*leave prepared* stops before the split: look at the changed version first, "
                "publish and split it later.",
            ),
        },
    )
    def workflow() -> None:
        @task
        def check_sources() -> int:
            return steps.check_sources(use_case.name)

        @task
        def freeze() -> str:
            return steps.freeze(use_case.name)

        @task
        def prepare(snapshot: str) -> str:
            return steps.prepare(snapshot)

        @task(outlets=[asset])
        def split_and_announce(snapshot: str) -> list[str]:
            return steps.split_and_announce(use_case.name, snapshot, asset)

        snapshot = freeze()
        check_sources() >> snapshot
        split_and_announce(prepare(snapshot))

    workflow()


for declared in usable_use_cases().values():
    snapshot_training_data(declared)
