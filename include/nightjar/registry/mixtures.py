"""Segments as a Gaussian mixture. Artifacts name the class, so this module and its class keep their names."""

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.mixture import GaussianMixture
from sklearn.utils._param_validation import Interval, StrOptions

Matrix = npt.NDArray[np.float64]


class MixtureClusters(ClusterMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A Gaussian mixture that is asked like a k-means: `transform` gives a distance to each cluster.

    The distance is minus the log of the probability that a row belongs to the cluster: 0 where that is sure. After
    fitting there are cluster_centers_ (clusters, columns), factors_ (clusters, columns, columns), the Cholesky
    factors of the precisions, and offsets_ (clusters,), the log density at a centre with the cluster's log weight.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions({"full", "diag"})],
        "reg_covar": [Interval(Real, 0.0, None, closed="neither")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"k-means++"}), "array-like"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters: int = 4,
        *,
        covariance_type: str = "diag",
        reg_covar: float = 0.01,
        n_init: int = 3,
        max_iter: int = 200,
        init: Any = "k-means++",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.covariance_type = covariance_type
        self.reg_covar = reg_covar
        self.n_init = n_init
        self.max_iter = max_iter
        self.init = init
        self.random_state = random_state

    def fit(self, matrix: Matrix, target: object = None) -> "MixtureClusters":  # noqa: ARG002
        """Fit by expectation-maximisation; where `init` gives centres, from the mixture of the rows around them."""
        self._validate_params()
        mixture = GaussianMixture(
            self.n_clusters,
            covariance_type=self.covariance_type,
            reg_covar=self.reg_covar,
            n_init=self.n_init,
            max_iter=self.max_iter,
            random_state=self.random_state,
            **({} if isinstance(self.init, str) else self._start(matrix, np.asarray(self.init))),
        ).fit(matrix)
        factors = mixture.precisions_cholesky_
        if self.covariance_type == "diag":
            factors = np.array([np.diag(column) for column in factors])
        self.n_features_in_ = matrix.shape[1]
        self.n_iter_ = mixture.n_iter_
        self.cluster_centers_: Matrix = mixture.means_
        self.factors_: Matrix = factors
        volumes = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        self.offsets_: Matrix = np.log(mixture.weights_) + volumes - 0.5 * matrix.shape[1] * np.log(2 * np.pi)
        self.labels_ = self.predict(matrix)
        return self

    def transform(self, matrix: Matrix) -> Matrix:
        """Return minus the log probabilities of the clusters, shape (rows, clusters)."""
        scores = self.scores(matrix)
        distances: Matrix = logsumexp(scores, axis=1, keepdims=True) - scores
        return distances

    def predict(self, matrix: Matrix) -> npt.NDArray[np.intp]:
        """Return the likeliest cluster of each row, shape (rows,)."""
        nearest: npt.NDArray[np.intp] = self.transform(matrix).argmin(axis=1)
        return nearest

    def scores(self, matrix: Matrix) -> Matrix:
        """Return the log density of each row with each cluster, its log weight added; shape (rows, clusters)."""
        return np.column_stack(
            [
                offset - 0.5 * np.square(matrix @ factor - centre @ factor).sum(axis=1)
                for offset, centre, factor in zip(self.offsets_, self.cluster_centers_, self.factors_, strict=True)
            ]
        )

    def squares(self, matrix: Matrix) -> Matrix:
        """Return what each column adds to the squared distances in standard deviations, (clusters, rows, columns)."""
        return np.array(
            [
                (matrix - centre) * ((matrix - centre) @ factor @ factor.T)
                for centre, factor in zip(self.cluster_centers_, self.factors_, strict=True)
            ]
        )

    def _start(self, matrix: Matrix, centres: Matrix) -> dict[str, Any]:
        """Return weights, means and precisions of the rows by their nearest centre."""
        nearest = np.square(matrix[:, None, :] - centres[None, :, :]).sum(axis=2).argmin(axis=1)
        counts = np.bincount(nearest, minlength=len(centres)) + 1.0
        spreads = [np.var(matrix[nearest == k], axis=0) if (nearest == k).any() else 1.0 for k in range(len(centres))]
        precisions = 1 / (np.array([np.broadcast_to(s, matrix.shape[1]) for s in spreads]) + self.reg_covar)
        if self.covariance_type == "full":
            precisions = np.array([np.diag(each) for each in precisions])
        return {"weights_init": counts / counts.sum(), "means_init": centres, "precisions_init": precisions}
