"""Parts of pipelines that scikit-learn lacks. Artifacts name them, so this module and its classes keep their names."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PowerTransformer

Matrix = npt.NDArray[np.float64]
# Probabilities of 0 and 1 have no log odds.
SMALLEST_PROBABILITY = 1e-12
# The shape of a column shows in so many of its rows.
_SHAPE_ROWS = 10_000
# Powers beyond say nothing more of a shape, and next to 0 digits would be lost.
_LEAST_POWER, _GREATEST_POWER, _NEXT_TO_NOTHING = -60.0, 10.0, 1e-3


class LogScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Signed logarithm, sign(x) * log(1 + |x|): tames the long tails of counts and money."""

    def fit(self, matrix: Matrix, target: object = None) -> "LogScaler":  # noqa: ARG002
        """Learn the number of columns."""
        self.n_features_in_ = matrix.shape[1]
        return self

    def transform(self, matrix: Matrix) -> Matrix:
        """Return the transformed matrix, same shape."""
        result: Matrix = np.sign(matrix) * np.log1p(np.abs(matrix))
        return result

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")


class SkewScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Makes columns symmetric by a power (Yeo and Johnson 2000), scales them to mean 0 and deviation 1, and cuts tails.

    For distances: a column with a long tail, or a value that training did not hold, does not outweigh all others.
    """

    def __init__(self, limit: float = 3.0) -> None:
        self.limit = limit

    def fit(self, matrix: Matrix, target: object = None) -> "SkewScaler":  # noqa: ARG002
        """Learn a power, a mean and a deviation per column; constant ones become 0."""
        rows = matrix[np.linspace(0, len(matrix) - 1, min(len(matrix), _SHAPE_ROWS)).astype(int)]
        self.n_features_in_ = matrix.shape[1]
        powers = PowerTransformer(standardize=False).fit(rows).lambdas_
        powers = np.clip(np.where(np.isnan(powers), 1.0, powers), _LEAST_POWER, _GREATEST_POWER)
        self.rising_ = _off_zero(powers)
        self.falling_ = _off_zero(2 - powers)
        shaped = self._shape(matrix)
        self.mean_ = shaped.mean(axis=0)
        spread = shaped.std(axis=0)
        self.scale_ = np.where(spread > 1e-12 * np.maximum(1, np.abs(self.mean_)), spread, np.inf)
        return self

    def transform(self, matrix: Matrix) -> Matrix:
        """Return the transformed matrix, same shape, within the limit."""
        result: Matrix = np.clip((self._shape(matrix) - self.mean_) / self.scale_, -self.limit, self.limit)
        return result

    def inverse_transform(self, matrix: Matrix) -> Matrix:
        """Return where values within the limit lie before the transformation; a constant column's constant."""
        shaped = np.where(np.isinf(self.scale_), 0.0, matrix) * np.where(np.isinf(self.scale_), 1.0, self.scale_)
        shaped = shaped + self.mean_
        above = np.expm1(np.log1p(np.maximum(shaped, 0) * self.rising_) / self.rising_)
        below = np.expm1(np.log1p(np.maximum(-shaped, 0) * self.falling_) / self.falling_)
        result: Matrix = above - below
        return result

    def _shape(self, matrix: Matrix) -> Matrix:
        above, below = np.log1p(np.maximum(matrix, 0)), np.log1p(np.maximum(-matrix, 0))
        shaped: Matrix = np.expm1(self.rising_ * above) / self.rising_ - np.expm1(self.falling_ * below) / self.falling_
        return shaped


def _off_zero(powers: Matrix) -> Matrix:
    return np.where(np.abs(powers) < _NEXT_TO_NOTHING, _NEXT_TO_NOTHING, powers)


class EmptyColumnFiller(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Zero in the columns that held no value at all in training, which boosting cannot make bins of."""

    def fit(self, matrix: Matrix, target: object = None) -> "EmptyColumnFiller":  # noqa: ARG002
        """Learn which columns are empty."""
        self.n_features_in_ = matrix.shape[1]
        self.empty_: npt.NDArray[np.bool_] = np.all(np.isnan(matrix), axis=0)
        return self

    def transform(self, matrix: Matrix) -> Matrix:
        """Return the matrix, same shape; whatever an empty column holds by now is left out."""
        return np.where(self.empty_, 0.0, matrix) if self.empty_.any() else matrix


class FeatureSelector(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """Keeps the columns that an estimator finds most important; what it was judged by is not kept."""

    def __init__(self, judge: Any, count: int) -> None:
        self.judge = judge
        self.count = count

    def fit(self, matrix: Matrix, target: Matrix) -> "FeatureSelector":
        """Fit the judge, and choose at most `count` columns by its importances."""
        importances = clone(self.judge).fit(matrix, target).feature_importances_
        self.n_features_in_ = matrix.shape[1]
        self.support_ = np.zeros(matrix.shape[1], dtype=bool)
        self.support_[np.argsort(-importances, kind="stable")[: self.count]] = True
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Trees judge columns with missing values too.
        tags.input_tags.allow_nan = True
        return tags

    def _get_support_mask(self) -> npt.NDArray[np.bool_]:
        return self.support_


class CalibratedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier whose log probabilities are stretched by `slope_` and shifted by `shift_` per class.

    Platt scaling (Platt 1999), and for several classes its vector form (Guo et al. 2017, section 4.2). For two
    classes the log odds are slope * log odds + shift[1] - shift[0].
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    @property
    def n_features_in_(self) -> int:
        """How many columns it was fitted on."""
        return int(self.estimator.n_features_in_)

    def fit(self, matrix: Matrix, target: Matrix) -> "CalibratedClassifier":
        """Fit the classifier; until `calibrate` is called its probabilities stay as they are."""
        self.estimator.fit(matrix, target)
        return self._start()

    def partial_fit(self, matrix: Matrix, target: Matrix, classes: Matrix | None = None) -> "CalibratedClassifier":
        """Go on fitting the classifier, and keep the calibration."""
        self.estimator.partial_fit(matrix, target, classes)
        return self if hasattr(self, "slope_") else self._start()

    def calibrate(self, probabilities: Matrix, target: Matrix) -> "CalibratedClassifier":
        """Fit slope and shift by maximum likelihood.

        Args:
            probabilities: (rows, classes) of rows that the classifier was not fitted on.
            target: (rows,) their classes, as indices.
        """
        logs = np.log(np.clip(probabilities, SMALLEST_PROBABILITY, 1.0))
        rows, codes = np.arange(len(target)), target.astype(int)

        def loss(values: Matrix) -> float:
            likelihood = log_softmax(values[0] * logs + np.r_[0.0, values[1:]], axis=1)
            return -float(likelihood[rows, codes].mean())

        found = minimize(loss, np.r_[1.0, np.zeros(logs.shape[1] - 1)], method="L-BFGS-B")
        # A negative slope would turn the order of the rows around.
        if found.x[0] > 0:
            self.slope_, self.shift_ = float(found.x[0]), np.r_[0.0, found.x[1:]]
        return self

    def predict_proba(self, matrix: Matrix) -> Matrix:
        """Return calibrated probabilities, shape (rows, classes)."""
        logs = np.log(np.clip(self.estimator.predict_proba(matrix), SMALLEST_PROBABILITY, 1.0))
        result: Matrix = softmax(self.slope_ * logs + self.shift_, axis=1)
        return result

    def predict(self, matrix: Matrix) -> Matrix:
        """Return the likeliest class of each row."""
        chosen: Matrix = self.classes_[self.predict_proba(matrix).argmax(axis=1)]
        return chosen

    def _start(self) -> "CalibratedClassifier":
        self.classes_ = self.estimator.classes_
        self.slope_, self.shift_ = 1.0, np.zeros(len(self.classes_))
        return self


class PartitionedEstimator(BaseEstimator):  # type: ignore[misc]
    """One pipeline per value of a categorical feature, and a common one for values with too few rows.

    A row whose value has no pipeline of its own, an unseen or missing one included, is scored by the common one.
    """

    def __init__(self, estimator: Pipeline, column: int, names: tuple[str, ...], minimum_rows: int = 1) -> None:
        self.estimator = estimator
        self.column = column
        self.names = names
        self.minimum_rows = minimum_rows

    @property
    def n_features_in_(self) -> int:
        """How many columns it was fitted on."""
        return int(self.common_.n_features_in_)

    def fit(self, matrix: Matrix, target: Matrix) -> "PartitionedEstimator":
        """Fit the common pipeline on all rows, and each value's on its own."""
        self.common_ = clone(self.estimator).fit(matrix, target)
        if hasattr(self.common_, "classes_"):
            self.classes_ = self.common_.classes_
        self.codes_: list[int] = []
        self.parts_: list[Pipeline] = []
        for code in range(len(self.names)):
            rows = matrix[:, self.column] == code
            # With fewer classes than the whole, its probabilities would not be those of the others.
            whole = not hasattr(self.common_, "classes_") or len(np.unique(target[rows])) == len(self.common_.classes_)
            if rows.sum() >= self.minimum_rows and whole:
                self.codes_.append(code)
                self.parts_.append(clone(self.estimator).fit(matrix[rows], target[rows]))
        return self

    def predict(self, matrix: Matrix) -> Matrix:
        """Return the predictions, shape (rows,)."""
        return self._by_part(matrix, lambda part, rows: part.predict(rows))

    def predict_proba(self, matrix: Matrix) -> Matrix:
        """Return the probabilities, shape (rows, classes)."""
        return self._by_part(matrix, lambda part, rows: part.predict_proba(rows))

    def parts(self, matrix: Matrix) -> Iterator[tuple[Pipeline, npt.NDArray[np.intp]]]:
        """Yield the pipelines that score any row, each with the indices of its rows."""
        codes = matrix[:, self.column]
        chosen = [(self.common_, ~np.isin(codes, self.codes_))]
        chosen += [(part, codes == code) for code, part in zip(self.codes_, self.parts_, strict=True)]
        yield from ((part, np.flatnonzero(rows)) for part, rows in chosen if rows.any())

    def _by_part(self, matrix: Matrix, predict: Callable[[Pipeline, Matrix], Matrix]) -> Matrix:
        found = [(rows, predict(part, matrix[rows])) for part, rows in self.parts(matrix)]
        result = np.empty((len(matrix), *found[0][1].shape[1:]))
        for rows, values in found:
            result[rows] = values
        return result


def pipelines_of(estimator: Any) -> dict[str, Pipeline]:
    """Return the fitted pipelines of an estimator: by partition, or the only one under the empty name."""
    if not isinstance(estimator, PartitionedEstimator):
        return {"": estimator}
    named = {estimator.names[code]: part for code, part in zip(estimator.codes_, estimator.parts_, strict=True)}
    return {"all others": estimator.common_} | named


def model_of(pipeline: Pipeline) -> Any:
    """Return the model at the end of a pipeline, without its calibration."""
    last = pipeline[-1]
    return last.estimator if isinstance(last, CalibratedClassifier) else last
