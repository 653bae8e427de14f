"""A web page on the state of every use case, shown inside the Airflow UI."""

from nightjar.console.app import create_app

__all__ = ["create_app"]
