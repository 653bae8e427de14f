"""What commands do with a model that was just registered: judge it by its gates, and tell."""

from typing import TYPE_CHECKING

from nightjar.cli.output import print_record, progress

if TYPE_CHECKING:
    from nightjar.registry import ModelRecord
    from nightjar.storage import Database
    from nightjar.usecases import UseCase

ACTOR = "command line"


def judge(database: "Database", use_case: "UseCase", record: "ModelRecord", *, as_json: bool) -> None:
    """Compare a new model with the champion, tell what the gates said, and print the model."""
    from nightjar import registry, training
    from nightjar.storage import Role

    decision = training.compare_with_champion(database, use_case, record, ACTOR)
    progress(decision.summary())
    # Read again: the alias may point at it now.
    with database.connect(Role.TRAINER) as connection:
        judged = registry.find_model(connection, record.name)
    print_record(judged.as_json(), as_json=as_json)
