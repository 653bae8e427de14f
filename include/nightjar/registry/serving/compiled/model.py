"""Scores with a serving model whose trees are compiled; what is before and behind them runs as in the other form."""

import gzip
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper

from nightjar.errors import ServingError
from nightjar.registry.artifacts import damaged
from nightjar.registry.serving.compiled.bitvectors import bit_vectors
from nightjar.registry.serving.compiled.kernel import add_trees
from nightjar.registry.serving.graph import INPUT
from nightjar.registry.serving.model import ServingModel, open_session

Matrix = npt.NDArray[np.float64]


class CompiledModel(ServingModel):
    """A serving model; it answers the calls of a fitted estimator, each that its kind has.

    Args:
        content: the serving model, as stored.

    Raises:
        ArtifactError: the bytes are damaged, or are not a serving model.
        ServingError: it is not one ensemble of trees, or one of them is too large.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        model = onnx.load_from_string(gzip.decompress(content))
        nodes = list(model.graph.node)
        ensemble = [node for node in nodes if node.op_type == "TreeEnsemble"]
        matrix, total = _one_ensemble(nodes, ensemble)
        self._trees = bit_vectors(ensemble)
        head = _needed_for(matrix, nodes)
        self._head = _part(model, head, INPUT, matrix) if matrix != INPUT else None
        tail = [node for node in nodes if node not in (*head, *ensemble, total)]
        self._tail = _part(model, tail, total.output[0], model.graph.output[0].name)
        self._sums = total.output[0]

    def _run(self, output: str, matrix: Matrix) -> Matrix:
        result: Matrix
        try:
            rows = np.ascontiguousarray(matrix, dtype=np.float64)
            if self._head is not None:
                [rows] = self._head.run(None, {INPUT: rows})
            [result] = self._tail.run([output], {self._sums: add_trees(rows, self._trees)})
        except Exception as error:
            raise damaged("serving model", error) from error
        return result


def _one_ensemble(nodes: Sequence[onnx.NodeProto], ensemble: Sequence[onnx.NodeProto]) -> tuple[str, onnx.NodeProto]:
    """Return what the trees read, and the node that adds them up."""
    read = {node.input[0] for node in ensemble}
    parts = {node.output[0] for node in ensemble}
    sums = [node for node in nodes if parts & set(node.input)]
    if len(read) != 1 or len(sums) != 1 or sums[0].op_type != "Sum" or parts != set(sums[0].input):
        raise ServingError("The model is not one ensemble of trees: it is not compiled.")
    return read.pop(), sums[0]


def _needed_for(value: str, nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    wanted, needed = {value}, []
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted |= set(node.input)
            needed.append(node)
    return needed[::-1]


def _part(
    model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], first: str, last: str
) -> onnxruntime.InferenceSession:
    """Return a session for some nodes of a graph, from one of its values to another."""
    graph = helper.make_graph(
        nodes,
        "part",
        [helper.make_tensor_value_info(first, TensorProto.DOUBLE, ["rows", None])],
        [helper.make_tensor_value_info(last, TensorProto.DOUBLE, None)],
        list(model.graph.initializer),
    )
    part = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    return open_session(part.SerializeToString())
