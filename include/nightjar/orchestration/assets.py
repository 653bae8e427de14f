"""The assets that link the DAGs. Each event carries a partition key, so that consumers know what it is about."""

from airflow.sdk import Asset

from nightjar.usecases import UseCase

# Keyed by day: the sample business got one more day, in both databases.
RETAIL_DAY = Asset(name="retail_day", uri="nightjar://retail/day", group="nightjar")


def training_data(use_case: UseCase) -> Asset:
    """Published training data; keyed by as-of date."""
    return Asset(f"training_data__{use_case.name}", uri=f"nightjar://{use_case.name}/training-data", group="nightjar")


def challenger(use_case: UseCase) -> Asset:
    """A registered model that passed its gates; keyed by its name, such as churn_risk@3."""
    return Asset(f"challenger__{use_case.name}", uri=f"nightjar://{use_case.name}/challenger", group="nightjar")


def champion(use_case: UseCase) -> Asset:
    """The model in production; keyed by its name."""
    return Asset(f"champion__{use_case.name}", uri=f"nightjar://{use_case.name}/champion", group="nightjar")


def predictions(use_case: UseCase) -> Asset:
    """A published night; keyed by as-of date."""
    return Asset(f"predictions__{use_case.name}", uri=f"nightjar://{use_case.name}/predictions", group="nightjar")


def announce(asset: Asset, key: str, **facts: str | int | float) -> None:
    """Emit an event of an asset, with facts for those who consume it, from the task that is running."""
    from airflow.sdk import get_current_context

    event = get_current_context()["outlet_events"][asset]
    event.add_partitions(key)
    event.extra.update(facts)
