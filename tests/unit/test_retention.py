"""Which snapshots a retention policy keeps, archives and purges."""

from datetime import UTC, date, datetime, timedelta

import pytest

from nightjar.errors import NumberError
from nightjar.snapshots import RetentionPolicy, Snapshot, SnapshotName, State, Version
from nightjar.snapshots.retention import Verb, decide

FIRST = date(2017, 12, 1)
POLICY = RetentionPolicy(keep=2, archive=1)


def snapshot(identity: int, days: int, use_case: str | None = "churn_risk", state: State = State.PUBLISHED) -> Snapshot:
    return Snapshot(
        id=identity,
        name=SnapshotName(f"s{identity}", Version(1)),
        state=state,
        parent_id=None,
        parent=None,
        columns=(),
        statements=(),
        unreplayable=None,
        row_count=1,
        byte_count=8192,
        content_hash="0" * 32,
        use_case=use_case,
        as_of=FIRST + timedelta(days=days),
        owner="me",
        comment=None,
        created_at=datetime(2018, 1, 1, tzinfo=UTC),
    )


def verbs(snapshots: list[Snapshot], used: frozenset[int] = frozenset()) -> dict[int, Verb]:
    return {retention.snapshot.id: retention.verb for retention in decide(snapshots, used, POLICY)}


def test_the_newest_dates_stay_the_next_are_archived_the_oldest_purged() -> None:
    assert verbs([snapshot(day, day) for day in range(5)]) == {
        4: Verb.KEEP, 3: Verb.KEEP, 2: Verb.ARCHIVE, 1: Verb.PURGE, 0: Verb.PURGE
    }  # fmt: skip


def test_all_snapshots_of_a_date_share_its_fate() -> None:
    parts = [snapshot(10 * day + part, day) for day in range(4) for part in range(3)]

    found = verbs(parts)

    assert [found[part] for part in (0, 1, 2)] == [Verb.PURGE] * 3
    assert [found[part] for part in (10, 11, 12)] == [Verb.ARCHIVE] * 3


def test_each_use_case_has_dates_of_its_own() -> None:
    found = verbs([snapshot(day, day) for day in range(3)] + [snapshot(9, 0, "spend_forecast")])

    assert (found[0], found[9]) == (Verb.ARCHIVE, Verb.KEEP)


def test_what_a_model_was_trained_on_stays_with_the_rest_of_its_date() -> None:
    found = verbs([snapshot(day, day) for day in range(5)] + [snapshot(7, 0)], used=frozenset({0}))

    assert (found[0], found[7], found[1]) == (Verb.KEEP, Verb.KEEP, Verb.PURGE)


def test_what_people_made_by_hand_is_left_alone() -> None:
    assert decide([snapshot(1, 0, use_case=None)], frozenset(), POLICY) == []


def test_the_archived_are_not_archived_again_but_purged_in_time() -> None:
    found = verbs([snapshot(day, day, state=State.ARCHIVED) for day in range(5)])

    assert (found[2], found[1]) == (Verb.KEEP, Verb.PURGE)


@pytest.mark.parametrize(("keep", "archived"), [(0, 1), (-1, 1), (1, -1)])
def test_a_policy_keeps_something(keep: int, archived: int) -> None:
    with pytest.raises(NumberError, match="keep 1 or more"):
        RetentionPolicy(keep, archived)
