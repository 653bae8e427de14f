"""The state of every use case, put together from the declarations and both databases."""

from dataclasses import dataclass

from nightjar.monitoring.overview import (
    Challenger,
    Champion,
    CommitRow,
    Freshness,
    challengers,
    champions,
    freshness,
    recent_commits,
)
from nightjar.storage import Database
from nightjar.usecases import UseCase, usable_use_cases

COMMITS_SHOWN = 5

# Relative to the console's page, so that it holds under whatever path Airflow is served at. The UI has no
# address for a trigger form: its button is on the DAG's page.
_DAG_PAGE = "../dags/{}"
_DAGS = (
    ("score_nightly", "Score a night"),
    ("snapshot_training_data", "Freeze training data"),
    ("retrain_models", "Train a challenger"),
    ("promote_models", "Promote to production"),
)


@dataclass(frozen=True)
class DagLink:
    """A DAG of a use case and where its page is, relative to the console's."""

    action: str
    dag_id: str
    href: str


@dataclass(frozen=True)
class UseCaseState:
    """The state of one use case; what is None does not exist yet."""

    name: str
    title: str
    description: str
    kind: str
    owner: str
    metric: str
    champion: Champion | None
    freshness: Freshness | None
    challenger: Challenger | None
    commits: list[CommitRow]
    dags: list[DagLink]


def read_state(dev: Database, prod: Database) -> list[UseCaseState]:
    """Return the state of every declared use case, in the order of their titles.

    Raises:
        DeclarationError: a declaration is wrong.
        DatabaseUnavailableError: a server does not answer.
        NotMigratedError: a catalog is missing or older.
    """
    in_production = {row.use_case: row for row in champions(prod)}
    shown = {row.use_case: row for row in freshness(prod)}
    proposed = {row.use_case: row for row in challengers(dev)}
    commits = recent_commits(prod, COMMITS_SHOWN)
    return [
        _state_of(
            use_case,
            in_production.get(use_case.name),
            shown.get(use_case.name),
            proposed.get(use_case.name),
            [commit for commit in commits if commit.use_case == use_case.name],
        )
        for use_case in sorted(usable_use_cases().values(), key=lambda declared: declared.title)
    ]


def only_of_dag(states: list[UseCaseState], dag_id: str) -> list[UseCaseState]:
    """Return the use case that a DAG belongs to, or all when it belongs to none."""
    return [state for state in states if any(dag.dag_id == dag_id for dag in state.dags)] or states


def _state_of(
    use_case: UseCase,
    champion: Champion | None,
    shown: Freshness | None,
    challenger: Challenger | None,
    commits: list[CommitRow],
) -> UseCaseState:
    # A model in production waits for nothing, whatever its alias in dev.
    if champion and challenger and champion.model == challenger.model:
        challenger = None
    return UseCaseState(
        name=use_case.name,
        title=use_case.title,
        description=use_case.description,
        kind=use_case.kind.value,
        owner=use_case.owner,
        metric=use_case.training.metric,
        champion=champion,
        freshness=shown,
        challenger=challenger,
        commits=commits,
        dags=_dag_links(use_case.name),
    )


def _dag_links(use_case: str) -> list[DagLink]:
    dags = ((action, f"{job}__{use_case}") for job, action in _DAGS)
    return [DagLink(action, dag_id, _DAG_PAGE.format(dag_id)) for action, dag_id in dags]
