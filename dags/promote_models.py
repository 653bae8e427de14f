"""Carries a model from the dev to the prod database and makes it champion, when a person agrees.

1. `export_model`: the challenger, or the version chosen in the form, becomes a bundle of files.
2. `verify_bundle`: every byte, type and score of the bundle is proved.
3. `decide`: where the declaration allows it and the gain is large enough, nobody has to be asked.
4. `approve`: a person reads the evidence under *Required actions* and approves or rejects. No answer within
   three days counts as a rejection. A rejected run ends well, and nothing is imported.
5. `import_model`: one transaction in prod; name, version and lineage stay.
6. `move_champion`: the alias moves in one transaction, with who approved and why. There is never a moment
   without a champion.
"""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param, TriggerRule, dag, task

from nightjar.orchestration import promote_steps as steps
from nightjar.orchestration.assets import challenger, champion
from nightjar.orchestration.dag_settings import by_asset, model_param, use_case_dag
from nightjar.usecases import UseCase, usable_use_cases


def promote_models(use_case: UseCase) -> None:
    """Define the DAG of one use case."""
    asset = champion(use_case)

    @dag(
        **use_case_dag("promote_models", use_case, __doc__),
        **by_asset(challenger(use_case)),
        params={
            "model": model_param(
                f"Which version to promote, such as `{use_case.name}@3`. Empty: the challenger in dev."
            ),
        },
    )
    def workflow() -> None:
        @task
        def export_model() -> str:
            return steps.export(use_case.name)

        @task
        def verify_bundle(model: str) -> dict[str, Any]:
            return steps.verify(use_case.name, model)

        @task.branch
        def decide(verified: dict[str, Any]) -> str:
            return "import_model" if verified["automatic"] else "approve"

        # It goes on after an approval, and after the branch that needs none; not after a rejection.
        @task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
        def import_model(verified: dict[str, Any], approval: dict[str, Any] | None) -> str:
            return steps.import_into_production(use_case.name, verified, approval)

        @task(outlets=[asset], trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
        def move_champion(model: str, verified: dict[str, Any], approval: dict[str, Any] | None) -> None:
            steps.move_champion(model, verified, approval, asset)

        verified = verify_bundle(export_model())
        decision = decide(verified)
        approve = ApprovalOperator(
            task_id="approve",
            subject=f"Promote a new model of {use_case.title} to production?",
            body="{{ ti.xcom_pull(task_ids='verify_bundle')['evidence'] }}",
            params={"note": Param(None, type=["null", "string"], title="Note", description="Kept with the decision.")},
            defaults=ApprovalOperator.REJECT,
            response_timeout=timedelta(days=3),
            ignore_downstream_trigger_rules=True,
        )
        imported = import_model(verified, approve.output)
        decision >> [approve, imported]
        move_champion(imported, verified, approve.output)

    workflow()


for declared in usable_use_cases().values():
    promote_models(declared)
