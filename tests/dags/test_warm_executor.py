"""The executor of the local system, where a task's second part starts before the end of its first was read."""

from types import SimpleNamespace

import pytest
from airflow.executors.local_executor import LocalExecutor
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.utils.state import TaskInstanceState

from nightjar.orchestration.warm_executor import WarmLocalExecutor

KEY = TaskInstanceKey("promote_models__churn_risk", "approve", "run", 1, -1)
OTHER = KEY._replace(task_id="import_model")


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> WarmLocalExecutor:
    """An executor without workers."""
    monkeypatch.setattr(LocalExecutor, "start", lambda _self: None)
    monkeypatch.setattr(LocalExecutor, "_process_workloads", lambda _self, _workloads: None)
    made = WarmLocalExecutor(parallelism=1)  # type: ignore[no-untyped-call]
    made.start()
    return made


def send(executor: WarmLocalExecutor, *keys: TaskInstanceKey) -> None:
    executor.running.update(keys)
    executor._process_workloads([SimpleNamespace(key=key) for key in keys])


def test_an_early_answer_does_not_end_the_task(executor: WarmLocalExecutor) -> None:
    send(executor, KEY, OTHER)
    send(executor, KEY)
    executor.change_state(KEY, TaskInstanceState.SUCCESS)
    executor.change_state(OTHER, TaskInstanceState.SUCCESS)
    assert executor.get_event_buffer() == {OTHER: (TaskInstanceState.SUCCESS, None)}
    assert executor.running == {KEY}

    executor.change_state(KEY, TaskInstanceState.FAILED)
    assert executor.get_event_buffer() == {KEY: (TaskInstanceState.FAILED, None)}
    assert executor.running == set()


def test_parts_one_after_the_other_are_both_reported(executor: WarmLocalExecutor) -> None:
    for state in (TaskInstanceState.SUCCESS, TaskInstanceState.SUCCESS):
        send(executor, KEY)
        executor.change_state(KEY, state)
        assert executor.get_event_buffer() == {KEY: (state, None)}
