"""Archives and purges old training data, in the dev database.

Of each use case, the snapshots of the newest as-of dates stay as they are, those of the next ones are archived, older
ones are purged. Whatever a registered model was trained or tested on stays, and so do snapshots that people made by
hand. A dry run only tells, in the task's log and its return value.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from nightjar.orchestration import retain_steps as steps
from nightjar.orchestration.dag_settings import MAINTENANCE_START, default_args


@dag(
    dag_display_name="Training data: archive and purge",
    description="Keeps the newest as-of dates of each use case and whatever models were trained on.",
    doc_md=__doc__,
    tags={"nightjar", "retain_snapshots"},
    default_args=default_args("nightjar"),
    schedule="30 6 * * *",
    start_date=MAINTENANCE_START,
    max_active_runs=1,
    catchup=False,
    params={
        "keep": Param(
            8,
            type="integer",
            minimum=1,
            title="Keep",
            description_md="As-of dates of each use case that stay as they are.",
        ),
        "archive": Param(
            8, type="integer", minimum=0, title="Archive", description_md="As-of dates after those, archived."
        ),
        "dry_run": Param(False, type="boolean", title="Dry run", description_md="Only tell what would be done."),
    },
)
def retain_snapshots() -> None:
    """Define the DAG."""

    @task
    def retain() -> list[dict[str, Any]]:
        return steps.retain()

    retain()


retain_snapshots()
