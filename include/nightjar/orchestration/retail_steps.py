"""Step of load_retail: one more day of the sample business in both databases."""

import logging
from datetime import date

from nightjar.orchestration.assets import RETAIL_DAY, announce
from nightjar.orchestration.connections import nightjar_database
from nightjar.orchestration.run_context import run_context
from nightjar.settings import Environment
from nightjar.usecases.as_of import parse_date

log = logging.getLogger(__name__)


def load_next_day() -> str:
    """Load the run's day (partition key or parameter; else the next missing one) and return it."""
    from nightjar import retail

    run = run_context()
    named = run.partition_key or run.params.get("day")
    databases = [nightjar_database(environment) for environment in (Environment.DEV, Environment.PROD)]
    day: date = parse_date(named) if named else min(retail.next_day(database) for database in databases)
    for database in databases:
        result = retail.load_day(database, day)
        log.info("%s in %s: %s", day, database.name, f"{result.rows} rows" if result.days else "is there already")
    announce(RETAIL_DAY, day.isoformat())
    return day.isoformat()
