"""Scores with carried models in a process of its own: whatever a model does to that one, the transfer goes on.

It also keeps the memory of large models out of the process that moves their bytes.
"""

import os
from concurrent.futures import Future

import numpy as np
import numpy.typing as npt
from loky import ProcessPoolExecutor
from loky.process_executor import TerminatedWorkerError

from nightjar.errors import BundleError, NightjarError
from nightjar.processes import serve
from nightjar.registry import Form, ModelRecord, Predictor, load_estimator
from nightjar.registry.predictor import Outputs
from nightjar.registry.serving import serving_predictor
from nightjar.transfer.streams import Source

Matrix = npt.NDArray[np.float64]
_IDLE_SECONDS = 60
_executors: list[ProcessPoolExecutor] = []


def scores(record: ModelRecord, form: Form, artifact: Source, matrix: Matrix) -> Outputs:
    """Return what a model answers to rows of shape (rows, features).

    Raises:
        ArtifactError: its bytes are damaged, or hold types that are not trusted.
        BundleError: it cannot score the rows, or ends the process that it is loaded in.
    """
    try:
        future: Future[Outputs] = _executor().submit(_score, record, form, artifact, matrix)
        return future.result()
    except TerminatedWorkerError as error:
        _executors.clear()
        raise BundleError(
            f"{record.name} ended the process that it was loaded in, by a crash or for want of memory: it is not moved."
        ) from error


def end() -> None:
    """End the process that scores; the next model starts another."""
    while _executors:
        _executors.pop().shutdown(wait=True)


def _executor() -> ProcessPoolExecutor:
    if not _executors:
        _executors.append(
            ProcessPoolExecutor(max_workers=1, timeout=_IDLE_SECONDS, initializer=serve, initargs=(os.getpid(),))
        )
    return _executors[0]


def _score(record: ModelRecord, form: Form, artifact: Source, matrix: Matrix) -> Outputs:
    with artifact.open() as file:
        content = file.read()
    if form is Form.SERVING:
        predictor = serving_predictor(record, content)
    else:
        predictor = Predictor(record, load_estimator(content))
    try:
        return predictor.predict(matrix)
    except NightjarError:
        raise
    except Exception as error:
        raise BundleError(f"The model {record.name} cannot score its sample ({type(error).__name__}).") from error
