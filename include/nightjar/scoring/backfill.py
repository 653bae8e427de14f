"""Past nights, one after the other, each with the model that is asked for."""

from collections.abc import Iterator, Sequence
from datetime import date

from nightjar.errors import ModelChoiceError
from nightjar.registry import ModelName, champion_of_then
from nightjar.scoring.commits import Commit
from nightjar.scoring.night import score_night
from nightjar.scoring.progress import Watch, unwatched
from nightjar.scoring.publish import require_kept
from nightjar.storage import Database, Role
from nightjar.usecases import UseCase
from nightjar.usecases.as_of import ModelOf
from nightjar.usecases.extent import Extent


def model_of_night(
    database: Database, use_case: UseCase, as_of: date, model_of: ModelOf, model: ModelName | None = None
) -> ModelName | None:
    """Return the model that a night is to be scored with: the one named, or that of then; None for the champion.

    Raises:
        ModelChoiceError: a model is named, and that of then is asked for too.
        NoChampionThenError: no champion was trained by that date.
    """
    if model_of is ModelOf.TODAY:
        return model
    if model is not None:
        raise ModelChoiceError(f"{model} is named, and the model of then is asked for: give one of the two.")
    with database.connect(Role.SCORER) as connection:
        return champion_of_then(connection, use_case.name, as_of)


def score_nights(
    database: Database,
    use_case: UseCase,
    nights: Sequence[date],
    *,
    model: ModelName | None = None,
    model_of: ModelOf = ModelOf.TODAY,
    extent: Extent = Extent.DECLARED,
    workers: int | None = None,
    progress: Watch = unwatched,
) -> Iterator[Commit]:
    """Score and publish nights one after the other; yield each once it is out, and stop at the first refusal.

    A night older than the one shown goes to the history only.

    Raises:
        ForgottenNightError: the history is too short for them; none was scored.
        NightjarError: as of a night; those before it stay.
    """
    require_kept(database, use_case, nights)
    for night in nights:
        chosen = model_of_night(database, use_case, night, model_of, model)
        yield score_night(database, use_case, night, model=chosen, extent=extent, workers=workers, progress=progress)
