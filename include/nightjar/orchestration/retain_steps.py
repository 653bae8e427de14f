"""Step of retain_snapshots: archive and purge by the form's policy."""

import logging
from typing import Any

from nightjar.orchestration.connections import nightjar_database
from nightjar.orchestration.run_context import run_context
from nightjar.settings import Environment

log = logging.getLogger(__name__)


def retain() -> list[dict[str, Any]]:
    """Carry out the policy in dev and return what became of each snapshot, those that stay as they are left out."""
    from nightjar import snapshots
    from nightjar.snapshots import RetentionPolicy
    from nightjar.snapshots.retention import Verb

    params = run_context().params
    policy = RetentionPolicy(params["keep"], params["archive"])
    done = snapshots.retain(nightjar_database(Environment.DEV), policy, dry_run=params["dry_run"])
    tense = "would be" if params["dry_run"] else "was"
    for retention in done:
        if retention.verb is Verb.KEEP:
            log.info("%s stays: %s", retention.snapshot.name, retention.reason)
        else:
            log.info("%s %s %sd: %s", retention.snapshot.name, tense, retention.verb, retention.reason)
    return [retention.as_json() for retention in done if retention.verb is not Verb.KEEP]
