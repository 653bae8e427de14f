"""The log that an export leaves beside its files."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

log = logging.getLogger(__name__)


def write_log(folder: Path, bundle: str, title: str, told: Iterable[str], started: datetime) -> None:
    """Write `bundle.log`; one that cannot be written is told of, and takes nothing from the export."""
    finished = datetime.now(UTC)
    lines = [
        f"{started:%Y-%m-%d %H:%M:%S} {title} started",
        *(f"  {line}" for line in told),
        f"{finished:%Y-%m-%d %H:%M:%S} ended after {(finished - started).total_seconds():.1f} s",
    ]
    try:
        (folder / f"{bundle}.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        log.warning("The log of %s cannot be written to %s (%s).", bundle, folder, error.strerror)
