"""A local executor whose workers are born with the heavy libraries in memory."""

import importlib
import logging
from collections import Counter
from typing import Any

from airflow.executors.local_executor import LocalExecutor
from airflow.utils.state import TaskInstanceState

log = logging.getLogger(__name__)

# Importing these takes a task of a second or two another ten; a forked worker shares its parent's copy.
PRELOADED = (
    "nightjar.quality.data_docs",
    "nightjar.quality.expectations",
    "nightjar.registry.estimator_files",
    "nightjar.registry.serving.compiled",
    "nightjar.scoring",
    "nightjar.training",
    "nightjar.transfer",
    "sklearn.ensemble",
)
_ENDED = (TaskInstanceState.SUCCESS, TaskInstanceState.FAILED)


class WarmLocalExecutor(LocalExecutor):
    """LocalExecutor that imports what tasks need once, before it forks its workers.

    A task that waits for a person runs in two parts under one key. When the answer comes before the end of the first
    part was read, LocalExecutor takes that for the end of the second, and Airflow fails the task.
    """

    def start(self) -> None:
        """Import, then start the workers."""
        self._parts: Counter[Any] = Counter()
        for name in PRELOADED:
            importlib.import_module(name)
        log.info("Workers start with %s in memory.", ", ".join(PRELOADED))
        super().start()

    def _process_workloads(self, workload_list: Any) -> None:
        self._parts.update(workload.key for workload in workload_list)
        super()._process_workloads(workload_list)  # type: ignore[no-untyped-call]

    def change_state(self, key: Any, state: Any, info: Any = None, remove_running: bool = True) -> None:
        """Report the state of a task, unless another part of it has been sent to the workers since."""
        if state in _ENDED:
            self._parts[key] -= 1
            if self._parts[key] > 0:
                return
            del self._parts[key]
        super().change_state(key, state, info, remove_running)
