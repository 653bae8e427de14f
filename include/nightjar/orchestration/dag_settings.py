"""Settings that the DAGs share: schedules, retries, owners, tags, documentation, trigger forms."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from airflow.sdk import Asset, CronPartitionTimetable, ExceptionRetryPolicy, Param, PartitionedAssetTimetable
from airflow.sdk.definitions.retry_policy import RetryAction, RetryRule

from nightjar.usecases import UseCase

DATE_KEY = "%Y-%m-%d"
MAINTENANCE_START = datetime(2026, 1, 1, tzinfo=UTC)

# A refusal stays a refusal; a database that is away comes back, and what it lost is made again.
RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule("nightjar.errors.DatabaseUnavailableError", RetryAction.DEFAULT),
        RetryRule("nightjar.errors.LostStagingError", RetryAction.DEFAULT),
        RetryRule("nightjar.errors.NightjarError", RetryAction.FAIL, reason="Bad input stays bad: not retried."),
        RetryRule("psycopg.OperationalError", RetryAction.DEFAULT),
    ]
)


def default_args(owner: str) -> dict[str, Any]:
    """Return the arguments of every task of a DAG."""
    return {
        "owner": owner,
        "retries": 3,
        "retry_delay": timedelta(seconds=5),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=10),
        "retry_policy": RETRY_POLICY,
    }


def use_case_dag(workflow: str, use_case: UseCase, documentation: str | None) -> dict[str, Any]:
    """Return the arguments that a use case's DAGs share."""
    return {
        "dag_id": f"{workflow}__{use_case.name}",
        "dag_display_name": f"{use_case.title}: {workflow.replace('_', ' ')}",
        "description": use_case.description,
        "doc_md": f"# {use_case.title}\n\n{use_case.description}\n\n{documentation or ''}",
        "tags": {"nightjar", workflow, use_case.name, use_case.kind.value},
        "default_args": default_args(use_case.owner),
        "max_active_runs": 1,
        "catchup": False,
        "render_template_as_native_obj": True,
    }


def by_date(use_case: UseCase, cron: str) -> dict[str, Any]:
    """Return the arguments of a DAG that runs by a cron expression, keyed by its as-of date."""
    last = use_case.schedule.last
    return {
        "schedule": CronPartitionTimetable(cron, timezone="UTC", key_format=DATE_KEY),
        "start_date": datetime.combine(use_case.schedule.first, time(), UTC),
        "end_date": datetime.combine(last, time(23, 59), UTC) if last else None,
    }


def by_asset(asset: Asset) -> dict[str, Any]:
    """Return the arguments of a DAG that runs on each event of an asset and takes over its key."""
    return {"schedule": PartitionedAssetTimetable(assets=asset)}


def as_of_param() -> Param:
    """Return the form field of the as-of date."""
    return Param(
        None,
        type=["null", "string"],
        format="date",
        title="As-of date",
        description_md="Only data **before** this date is read. Not needed when the run has a partition key.",
    )


def model_param(description: str) -> Param:
    """Return the form field of a model version."""
    return Param(
        None,
        type=["null", "string"],
        pattern="^[a-z][a-z0-9_]*@[1-9][0-9]*$",
        title="Model version",
        description_md=description,
    )
