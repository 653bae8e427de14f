"""Makes an earlier champion of production the champion again, by hand and with a reason.

`roll_back` moves the alias in one transaction of the prod database, and notes the same in dev, where retraining
compares with the champion. Who triggered the run and the reason are kept in the history. There is never a moment
without a champion; the next night is scored with the one that is back.
"""

from airflow.sdk import Param, dag, task

from nightjar.orchestration import rollback_steps as steps
from nightjar.orchestration.assets import champion
from nightjar.orchestration.dag_settings import model_param, use_case_dag
from nightjar.usecases import UseCase, usable_use_cases


def rollback_models(use_case: UseCase) -> None:
    """Define the DAG of one use case."""
    asset = champion(use_case)

    @dag(
        **use_case_dag("rollback_models", use_case, __doc__),
        schedule=None,
        params={
            "model": model_param(
                f"Which earlier champion to go back to, such as `{use_case.name}@1`. Empty: the one before this one."
            ),
            "reason": Param("", type="string", minLength=1, title="Reason", description_md="Kept in the history."),
        },
    )
    def workflow() -> None:
        @task(outlets=[asset])
        def roll_back() -> None:
            steps.roll_back(use_case.name, asset)

        roll_back()

    workflow()


for declared in usable_use_cases().values():
    rollback_models(declared)
