"""Model selection: successive halving over the declared candidates, on all cores, within a time budget."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nightjar.errors import TimeBudgetError, TrainingError
from nightjar.registry import Signature, Trial
from nightjar.training.configurations import Configuration, configurations, require_usable
from nightjar.training.dataset import Dataset
from nightjar.training.metrics import Metric, declared_metric
from nightjar.training.rungs import REDUCTION, Rung, plan_rungs
from nightjar.training.trials import Outcome, Task, Workplace, fit_and_score, lay_out
from nightjar.training.validation import Fold, require_learnable_folds, validation_folds
from nightjar.training.workers import shared_folder, side_by_side, warm_up
from nightjar.usecases import UseCase

log = logging.getLogger(__name__)

# A validation mask over the training rows, and the output on those rows.
HeldOut = tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class SearchResult:
    """The leaderboard, best first, and what the best one gave for rows that it was not fitted on.

    complete: whether every planned fit was done within the time budget; otherwise the choice may depend on the
    speed of the machine. held_out: pairs of validation mask and output, only where the use case is calibrated.
    """

    trials: list[Trial]
    complete: bool
    held_out: list[HeldOut]


@dataclass(frozen=True)
class Progress:
    """How far a search is, for people who watch; seconds_left are those of the round at most."""

    done: int
    planned: int
    rung: int
    rungs: int
    best: float | None
    seconds_left: float


Watch = Callable[[Progress], None]


def unwatched(_: Progress) -> None:
    """Show no progress."""


def search(
    use_case: UseCase,
    signature: Signature,
    train: Dataset,
    watch: Watch = unwatched,
    usual_clusters: int | None = None,
) -> SearchResult:
    """Fit and score configurations until they or the time are used up.

    Segmentations are ranked by the score times their stability in resamples, with the declared margin for as many
    clusters as the champion has, `usual_clusters`.

    Raises:
        DeclarationError: a candidate that no fit would accept.
        TimeBudgetError: not one fit was done in the time.
        TrainingError: none could be fitted.
    """
    metric = declared_metric(use_case)
    require_usable(use_case)
    folds = validation_folds(use_case, train)
    require_learnable_folds(use_case, train, folds)
    with shared_folder() as folder:
        lay_out(folder, train, folds, use_case.training.seed)
        workplace = Workplace(use_case, signature, folder)
        race = _Race(workplace, configurations(use_case), metric, watch, usual_clusters)
        fitted_rows = int((folds[0].fitting & train.candidate).sum())
        race.run(plan_rungs(len(race.configurations), fitted_rows, len(folds)))
    trials = race.leaderboard()
    if not race.results:
        raise TimeBudgetError(
            f"training.time_budget_seconds of {use_case.name} is {use_case.training.time_budget_seconds:g}, too small "
            "to fit anything: raise it, or declare cheaper candidates."
        )
    if trials[0].score is None:
        raise TrainingError(f"No candidate of {use_case.name} could be fitted; the first failure: {trials[0].failure}")
    return SearchResult(trials, race.complete, race.held_out(folds))


@dataclass
class _Race:
    """A search under way: the outcomes of each configuration's newest rung that was finished."""

    workplace: Workplace
    configurations: Sequence[Configuration]
    metric: Metric
    watch: Watch
    usual_clusters: int | None = None
    results: dict[int, list[Outcome]] = field(default_factory=dict)
    reached: dict[int, int] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    complete: bool = True

    def run(self, rungs: Sequence[Rung]) -> None:
        """Score the configurations rung by rung; each rung has an equal part of the time that is left."""
        left = self.workplace.use_case.training.time_budget_seconds
        contenders: list[int] = list(range(len(self.configurations)))
        for number, rung in enumerate(rungs):
            chosen = contenders[: rung.configurations]
            # Not on the clock, also where the end of a round has ended the workers.
            warm_up(_import_libraries)
            started = time.monotonic()
            self._run_rung(number, rungs, chosen, started + left / (len(rungs) - number))
            left -= time.monotonic() - started
            ranked = sorted((place for place in chosen if self.reached.get(place) == number), key=self._rank)
            scored = [place for place in ranked if self._score(place) is not None]
            # Of a rung that the time cut short, a third of what it could score goes on.
            contenders = scored[: math.ceil(len(scored) / REDUCTION)] if len(ranked) < len(chosen) else scored
            if not contenders:
                return

    def leaderboard(self) -> list[Trial]:
        """Return what was tried, best first: those that came further before those that were dropped earlier."""
        return [self._trial(place) for place in sorted(self.results, key=self._rank)]

    def held_out(self, folds: Sequence[Fold]) -> list[HeldOut]:
        """Return the best configuration's outputs on the rows it was validated with."""
        best = self.results[min(self.results, key=self._rank)]
        return [(folds[outcome.task.fold].validation, outcome.output) for outcome in best if outcome.output is not None]

    def _run_rung(self, number: int, rungs: Sequence[Rung], chosen: Sequence[int], deadline: float) -> None:
        rung = rungs[number]
        tasks = [Task(place, fold, rung.share) for place in chosen for fold in range(rung.folds)]
        outcomes: dict[int, list[Outcome]] = {}
        calls = [(self.workplace, self.configurations[task.configuration], task) for task in tasks]
        # Closed at once when it is left by an interrupt, so that no worker runs on.
        with closing(side_by_side(fit_and_score, calls, deadline)) as ready:
            for outcome in ready:
                place = outcome.task.configuration
                outcomes.setdefault(place, []).append(outcome)
                self.seconds[place] = self.seconds.get(place, 0.0) + outcome.seconds
                if len(outcomes[place]) == rung.folds:
                    # In the order of the folds, not of the workers, so that sums come out the same.
                    self.results[place] = sorted(outcomes[place], key=lambda outcome: outcome.task.fold)
                    self.reached[place] = number
                    self._tell(place, number, rungs, len(chosen), deadline)
        if sum(map(len, outcomes.values())) < len(tasks):
            self.complete = False
            log.info("The time for round %d of %d is used up: %d of %d fits are done.", number + 1, len(rungs),
                     sum(map(len, outcomes.values())), len(tasks))  # fmt: skip

    def _tell(self, place: int, number: int, rungs: Sequence[Rung], planned: int, deadline: float) -> None:
        trial = self._trial(place)
        done = [other for other, rung in self.reached.items() if rung == number]
        log.info("round %d/%d, %d/%d: %s %s: %s = %s in %.1f s", number + 1, len(rungs), len(done), planned,
                 trial.algorithm, dict(trial.parameters), trial.metric, trial.failure or f"{trial.score:.4f}",
                 trial.fit_seconds)  # fmt: skip
        best = self._score(min(done, key=self._rank))
        self.watch(Progress(len(done), planned, number + 1, len(rungs), best, max(0.0, deadline - time.monotonic())))

    def _score(self, place: int) -> float | None:
        scores = [outcome.score for outcome in self.results[place]]
        return None if None in scores else float(np.mean([score for score in scores if score is not None]))

    def _rank(self, place: int) -> tuple[bool, int, float, int]:
        score = self._score(place)
        return score is None, -self.reached[place], -self._worth(place, score or 0.0), place

    def _worth(self, place: int, score: float) -> float:
        """Return what a configuration is ranked by, more being better."""
        stability = self._stability(place)
        if stability is None or score <= 0:
            return score if self.metric.greater_is_better else -score
        usual = self.configurations[place].parameters.get("n_clusters") == self.usual_clusters
        margin = self.workplace.use_case.segments.switch_margin if usual else 0.0
        return score * stability * (1 + margin)

    def _stability(self, place: int) -> float | None:
        found = [outcome.stability for outcome in self.results[place] if outcome.stability is not None]
        return float(np.mean(found)) if found else None

    def _trial(self, place: int) -> Trial:
        outcomes = self.results[place]
        scores = [outcome.score for outcome in outcomes if outcome.score is not None]
        return Trial(
            algorithm=self.configurations[place].estimator,
            parameters=self.configurations[place].parameters,
            metric=self.metric.name,
            score=self._score(place),
            fit_seconds=self.seconds[place],
            failure=next((outcome.failure for outcome in outcomes if outcome.failure), None),
            spread=float(np.std(scores, ddof=1)) if len(scores) == len(outcomes) > 1 else None,
            folds=len(outcomes),
            rows=max(outcome.rows for outcome in outcomes),
            stability=self._stability(place),
        )


def _import_libraries(_: int) -> None:
    """Do nothing: that this module could be imported is what the worker is asked for."""
