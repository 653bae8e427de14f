"""Brings one more day of the sample business into both databases, so that nights can follow each other.

The retailer's year is 2017. Without a partition key or a day in the form, the first missing day is loaded.
A day that is there already is left alone; days cannot be loaded out of order.
"""

from airflow.sdk import Param, PartitionedAtRuntime, dag, task

from nightjar.orchestration import retail_steps as steps
from nightjar.orchestration.assets import RETAIL_DAY
from nightjar.orchestration.dag_settings import default_args


@dag(
    dag_display_name="Sample business: load the next day",
    description="One more day of transactions and coupon redemptions, in dev and prod.",
    doc_md=__doc__,
    tags={"nightjar", "load_retail"},
    default_args=default_args("nightjar"),
    schedule=PartitionedAtRuntime(),
    max_active_runs=1,
    catchup=False,
    params={
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day",
            description_md="A day of 2017. Empty: the first missing one.",
        )
    },
)
def load_retail() -> None:
    """Define the DAG."""

    @task(outlets=[RETAIL_DAY])
    def load_day() -> str:
        return steps.load_next_day()

    load_day()


load_retail()
