"""Scores with carried models in a process of its own: whatever a model does to that one, the transfer goes on.

It also keeps the memory of large models out of the process that moves their bytes.
"""

import importlib
import os
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from loky import ProcessPoolExecutor
from loky.process_executor import TerminatedWorkerError

from nightjar.errors import BundleError, NightjarError
from nightjar.processes import serve
from nightjar.registry import Form, ModelRecord, Predictor
from nightjar.registry.predictor import Outputs
from nightjar.transfer.manifest import Entry
from nightjar.transfer.shipment import require_signed
from nightjar.transfer.streams import Source

Matrix = npt.NDArray[np.float64]
_IDLE_SECONDS = 60
_executors: list[ProcessPoolExecutor] = []


@dataclass(frozen=True)
class Carried:
    """A model's bytes on their way."""

    form: Form
    entry: Entry
    source: Source


def scores(record: ModelRecord, carried: Carried, matrix: Matrix) -> Outputs:
    """Return what a model answers to rows of shape (rows, features); its bytes are compared with their sha256 first.

    Raises:
        AlteredPartError: they are not what was signed.
        ArtifactError: its bytes are damaged, or hold types that are not trusted.
        BundleError: it cannot score the rows, or ends the process that it is loaded in.
    """
    try:
        future: Future[Outputs] = _executor().submit(_score, record, carried, matrix)
        return future.result()
    except TerminatedWorkerError as error:
        _executors.clear()
        raise BundleError(
            f"{record.name} ended the process that it was loaded in, by a crash or for want of memory: it is not moved."
        ) from error


def prepare() -> None:
    """Start the process that scores: it imports for seconds, while the bytes are hashed here."""
    _executor().submit(_import)


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


def _import() -> None:
    # The process that moves the bytes does without these, and the memory that they take.
    importlib.import_module("nightjar.registry.loading")


def _score(record: ModelRecord, carried: Carried, matrix: Matrix) -> Outputs:
    predictor = _load(record, carried)
    try:
        return predictor.predict(matrix)
    except NightjarError:
        raise
    except Exception as error:
        raise BundleError(f"The model {record.name} cannot score its sample ({type(error).__name__}).") from error


def _load(record: ModelRecord, carried: Carried) -> Predictor:
    from nightjar.registry.estimator_files import load_estimator
    from nightjar.registry.serving import serving_predictor

    with carried.source.open() as file:
        content = file.read()
    require_signed(carried.entry, content)
    if carried.form is Form.SERVING:
        return serving_predictor(record, content)
    return Predictor(record, load_estimator(content))
