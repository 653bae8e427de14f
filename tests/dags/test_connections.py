"""The databases come from Airflow's connections; a missing one is a clear refusal."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from nightjar.errors import ConfigurationError
from nightjar.settings import Environment


@pytest.mark.usefixtures("dags")
def test_a_missing_connection_names_itself_and_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    from nightjar.orchestration.connections import nightjar_database

    def missing(connection_id: str) -> Any:
        raise AirflowNotFoundException(connection_id)

    monkeypatch.setattr(Connection, "get", missing)
    with pytest.raises(ConfigurationError, match=r"no connection 'nightjar_prod'.*AIRFLOW_CONN_NIGHTJAR_PROD"):
        nightjar_database(Environment.PROD)


@pytest.mark.usefixtures("dags")
def test_a_connection_keeps_odd_characters_and_hides_its_password() -> None:
    from nightjar.orchestration.connections import database_of

    connection = SimpleNamespace(host="/run/a b", port=5433, login="o'neil", password="p@ ss'", schema="night jar")
    database = database_of(Environment.DEV, connection)
    assert database.address == "/run/a b:5433/night jar"
    assert "p@" not in repr(database)
    assert json.dumps(str(database)).count("ss") == 0


@pytest.mark.usefixtures("dags")
@pytest.mark.parametrize(
    ("key", "params", "expected"),
    [("2017-12-01", {"as_of": "2017-11-01"}, "2017-12-01"), (None, {"as_of": "2017-11-01"}, "2017-11-01")],
)
def test_the_partition_key_comes_before_the_form(key: str | None, params: dict[str, Any], expected: str) -> None:
    from nightjar.orchestration.run_context import RunContext

    assert RunContext("run", key, params, "someone").as_of.isoformat() == expected


@pytest.mark.usefixtures("dags")
@pytest.mark.parametrize(
    ("value", "message"),
    [(None, "fill in 'as_of'"), ("tomorrow", "'tomorrow' is not a date"), ("2017-02-30", "is not")],
)
def test_a_run_without_a_usable_date_fails_loudly(value: str | None, message: str) -> None:
    from nightjar.errors import AsOfDateError
    from nightjar.orchestration.run_context import RunContext

    with pytest.raises(AsOfDateError, match=message):
        _ = RunContext("run", None, {"as_of": value}, "someone").as_of
