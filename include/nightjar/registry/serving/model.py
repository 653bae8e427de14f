"""Scores with a serving model: an ONNX file that stands for the estimator it was made of."""

import gzip
import json

import numpy as np
import numpy.typing as npt
import onnxruntime

from nightjar.errors import ArtifactError
from nightjar.registry.artifacts import damaged
from nightjar.registry.predictor import Predictor
from nightjar.registry.records import Form, ModelRecord
from nightjar.registry.serving.graph import INPUT
from nightjar.registry.serving.outputs import CLASSES, OUTPUTS

Matrix = npt.NDArray[np.float64]
_ONLY_FATAL = 4
_DOUBLE = "tensor(double)"


def pack(graph: bytes) -> bytes:
    """Return an ONNX file as it is stored: numbers of trees take a quarter of the bytes."""
    # Without a date, so that the same model gives the same bytes.
    return gzip.compress(graph, compresslevel=6, mtime=0)


def open_session(graph: bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """Return a session that runs an ONNX graph on some threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ONLY_FATAL
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


class ServingModel:
    """A loaded serving model; it answers the calls of a fitted estimator, each that its kind has.

    Args:
        content: what `pack` returned.
        threads: how many threads score a matrix.

    Raises:
        ArtifactError: the bytes are damaged, or are not a serving model.
    """

    def __init__(self, content: bytes, threads: int = 1) -> None:
        try:
            self._session = open_session(gzip.decompress(content), threads)
            facts = self._session.get_modelmeta().custom_metadata_map
            self.classes_ = np.array(json.loads(facts.get(CLASSES, "[]")), dtype=np.float64)
        except Exception as error:
            raise damaged("serving model", error) from error
        self._require_ours()

    def _require_ours(self) -> None:
        values = [*self._session.get_inputs(), *self._session.get_outputs()]
        names = [value.name for value in values]
        if names not in [[INPUT, output] for output in set(OUTPUTS.values())] or {_DOUBLE} != {v.type for v in values}:
            raise ArtifactError(
                f"The file reads and writes {', '.join(names)}: it is not a serving model. Export it again."
            )

    def predict_proba(self, matrix: Matrix) -> Matrix:
        """Return the probabilities, shape (rows, classes)."""
        return self._run("probability", matrix)

    def predict(self, matrix: Matrix) -> Matrix:
        """Return the predictions of a regression, shape (rows,)."""
        return self._run("prediction", matrix)

    def transform(self, matrix: Matrix) -> Matrix:
        """Return the distances to all clusters, shape (rows, clusters)."""
        return self._run("distances", matrix)

    def _run(self, output: str, matrix: Matrix) -> Matrix:
        result: Matrix
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        try:
            [result] = self._session.run([output], {INPUT: rows})
        except Exception as error:
            raise damaged("serving model", error) from error
        return result


def serving_predictor(record: ModelRecord, content: bytes, threads: int = 1) -> Predictor:
    """Return a predictor that scores with a serving model; its outputs are those of the full model.

    Raises:
        ArtifactError: the bytes are damaged, or are not a serving model.
    """
    return Predictor(record, ServingModel(content, threads), Form.SERVING)
