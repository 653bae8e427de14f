"""One DAG per workflow and use case, documented, owned, with the declared schedules and forms."""

from typing import Any

import pytest

from nightjar.usecases import UseCase, declared_use_cases

USE_CASES = list(declared_use_cases().values())
EDGES = {
    "snapshot_training_data": [
        ("check_sources", "freeze"),
        ("freeze", "prepare"),
        ("prepare", "split_and_announce"),
    ],
    "retrain_models": [
        ("train_candidates", "compare_with_champion"),
        ("compare_with_champion", "announce_challenger"),
    ],
    "promote_models": [
        ("export_model", "verify_bundle"),
        ("verify_bundle", "decide"),
        ("decide", "approve"),
        ("decide", "import_model"),
        ("approve", "import_model"),
        ("import_model", "move_champion"),
    ],
    "rollback_models": [],
    "score_nightly": [
        ("build_features", "gate_features"),
        ("gate_features", "score_shard"),
        ("score_shard", "gate_predictions"),
        ("gate_predictions", "publish"),
    ],
}
OUTLETS = {
    "snapshot_training_data": ("split_and_announce", "training_data"),
    "retrain_models": ("announce_challenger", "challenger"),
    "promote_models": ("move_champion", "champion"),
    "rollback_models": ("roll_back", "champion"),
    "score_nightly": ("publish", "predictions"),
}


def test_each_workflow_has_a_dag_for_each_use_case_and_nothing_else(dags: dict[str, Any]) -> None:
    expected = {f"{workflow}__{use_case.name}" for workflow in EDGES for use_case in USE_CASES}
    assert dags.keys() == expected | {"load_retail", "retain_snapshots"}


@pytest.mark.parametrize("use_case", USE_CASES, ids=lambda use_case: use_case.name)
@pytest.mark.parametrize("workflow", EDGES)
def test_dag_is_documented_owned_and_shaped_as_declared(dags: dict[str, Any], workflow: str, use_case: UseCase) -> None:
    dag = dags[f"{workflow}__{use_case.name}"]
    assert use_case.title in dag.doc_md
    assert use_case.description in dag.doc_md
    assert dag.tags == {"nightjar", workflow, use_case.name, use_case.kind.value}
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    for before, after in EDGES[workflow]:
        assert after in dag.get_task(before).downstream_task_ids
    for task in dag.tasks:
        assert task.owner == use_case.owner
        assert task.retries >= 2
        assert task.retry_policy is not None
    task_id, asset = OUTLETS[workflow]
    assert [outlet.name for outlet in dag.get_task(task_id).outlets] == [f"{asset}__{use_case.name}"]


@pytest.mark.parametrize("use_case", USE_CASES, ids=lambda use_case: use_case.name)
def test_dated_workflows_run_by_their_declared_cron_and_key(dags: dict[str, Any], use_case: UseCase) -> None:
    crons = {"snapshot_training_data": use_case.schedule.snapshot, "score_nightly": use_case.schedule.score}
    for workflow, cron in crons.items():
        dag = dags[f"{workflow}__{use_case.name}"]
        assert dag.timetable.expression == cron
        assert dag.timetable.key_format == "%Y-%m-%d"
        assert dag.start_date.date() == use_case.schedule.first
        assert dag.end_date.date() == use_case.schedule.last


@pytest.mark.parametrize("use_case", USE_CASES, ids=lambda use_case: use_case.name)
def test_models_follow_data_and_promotion_follows_models(dags: dict[str, Any], use_case: UseCase) -> None:
    for workflow, asset in (("retrain_models", "training_data"), ("promote_models", "challenger")):
        condition = dags[f"{workflow}__{use_case.name}"].timetable.asset_condition
        assert condition.name == f"{asset}__{use_case.name}"


def test_forms_explain_their_fields(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        for name in dag.params:
            schema = dag.params.get_param(name).schema
            assert schema["title"], (dag.dag_id, name)
            assert schema["description_md"], (dag.dag_id, name)
    score = dags["score_nightly__churn_risk"].params
    assert score.get_param("as_of").schema["format"] == "date"
    assert score.get_param("finish").schema["enum"] == ["publish", "check only"]


def test_a_refusal_is_not_retried_and_what_passes_by_itself_is(dags: dict[str, Any]) -> None:
    from airflow.sdk.definitions.retry_policy import RetryAction
    from psycopg import OperationalError, errors

    from nightjar.errors import AsOfDateError, DatabaseUnavailableError, GateError, LostStagingError

    policy = dags["score_nightly__churn_risk"].get_task("score_shard").retry_policy
    for refusal in (AsOfDateError, GateError):
        assert policy.evaluate(refusal("x"), 1, 3).action is RetryAction.FAIL
    for passing in (
        DatabaseUnavailableError, LostStagingError, OperationalError, errors.AdminShutdown, errors.SerializationFailure,
        errors.DeadlockDetected, errors.QueryCanceled, errors.LockNotAvailable, errors.DiskFull,
        errors.TransactionTimeout,
    ):  # fmt: skip
        assert policy.evaluate(passing("x"), 1, 3).action is RetryAction.DEFAULT
