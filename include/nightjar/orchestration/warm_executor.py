"""A local executor whose workers are born with the heavy libraries in memory."""

import importlib
import logging

from airflow.executors.local_executor import LocalExecutor

log = logging.getLogger(__name__)

# Importing these takes a task of a second or two another ten; a forked worker shares its parent's copy.
PRELOADED = (
    "nightjar.quality",
    "nightjar.scoring",
    "nightjar.training",
    "nightjar.transfer",
    "sklearn.ensemble",
)


class WarmLocalExecutor(LocalExecutor):
    """LocalExecutor that imports what tasks need once, before it forks its workers."""

    def start(self) -> None:
        """Import, then start the workers."""
        for name in PRELOADED:
            importlib.import_module(name)
        log.info("Workers start with %s in memory.", ", ".join(PRELOADED))
        super().start()
