"""What a task knows of its run: the as-of date, the run's identity, its parameters."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from airflow.sdk import get_current_context

from nightjar.errors import AsOfDateError
from nightjar.usecases.as_of import parse_date


@dataclass(frozen=True)
class RunContext:
    """The facts of the present run."""

    run_id: str
    partition_key: str | None
    params: dict[str, Any]
    actor: str
    # Who triggered the run, where a person did.
    person: str | None = None

    @property
    def by_hand(self) -> bool:
        """Whether the as-of date was filled in, instead of being the key of the run."""
        return not self.partition_key

    @property
    def as_of(self) -> date:
        """The as-of date: the run's partition key, else the parameter.

        Raises:
            AsOfDateError: neither is given, or it is not a date.
        """
        value = self.partition_key or self.params.get("as_of")
        if not value:
            raise AsOfDateError("This run has no as-of date: fill in 'as_of' in the trigger form, such as 2017-12-01.")
        return parse_date(str(value))


def run_context() -> RunContext:
    """Return the context of the task that is running."""
    context = get_current_context()
    run: Any = context["dag_run"]
    person = getattr(run, "triggering_user_name", None)
    return RunContext(
        run_id=run.run_id,
        partition_key=run.partition_key,
        params=dict(context["params"]),
        actor=person or f"airflow:{getattr(run.run_type, 'value', run.run_type)}",
        person=person,
    )
