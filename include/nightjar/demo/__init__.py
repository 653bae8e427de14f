"""A whole local system: Postgres servers, the sample business, Airflow, and the workflow run through it."""

from nightjar.demo.system import bring_down, bring_up, run_demo

__all__ = ["bring_down", "bring_up", "run_demo"]
