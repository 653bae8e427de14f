"""Nightjar: nightly batch prediction next to the data, on Apache Airflow and Postgres."""

__version__ = "0.1.0"
