"""Collects the nodes and constants of an ONNX graph in double precision."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from nightjar.registry.serving_models import OPSET, TREES_OPSET

# The newest form of the file that goes with these operators.
_FORMAT_VERSION = 10
INPUT = "features"
_TREES_DOMAIN = "ai.onnx.ml"


class Graph:
    """A graph that is being written; values in it are known by their names, rows come first."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto] = {}

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Append a node with one output and return the output's name."""
        name = f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], domain=domain, **attributes))
        return name

    def add_trees(self, matrix: str, **attributes: Any) -> str:
        """Append an ensemble of trees and return its output's name, shape (rows, targets)."""
        return self.add("TreeEnsemble", matrix, domain=_TREES_DOMAIN, **attributes)

    def constant(self, values: Any, dtype: type[np.generic] = np.float64) -> str:
        """Return the name of a constant; equal ones are kept once."""
        array = np.ascontiguousarray(values, dtype=dtype).reshape(np.shape(values))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(array, f"c{len(self._constants)}")
        name: str = self._constants[key].name
        return name

    def columns(self, matrix: str, indices: Any) -> str:
        """Return columns of a matrix by their positions, in this order."""
        if len(indices) and np.array_equal(indices, indices[0] + np.arange(len(indices))):
            # Neighbours are copied together, which takes half the time.
            first, behind, axis = (self.constant([value], np.int64) for value in (indices[0], indices[-1] + 1, 1))
            return self.add("Slice", matrix, first, behind, axis)
        return self.add("Gather", matrix, self.constant(indices, np.int64), axis=1)

    def model(
        self, width: int, output: str, name: str, dimensions: tuple[str | int, ...], facts: Mapping[str, str]
    ) -> bytes:
        """Return the finished graph as the bytes of a file.

        Args:
            width: columns of the input.
            output: the value that the graph computes.
            name: what that is called outside.
            dimensions: of the output, a text where the number is open.
            facts: further texts that the file carries.
        """
        self._nodes.append(helper.make_node("Identity", [output], [name]))
        graph = helper.make_graph(
            self._nodes,
            "nightjar",
            [helper.make_tensor_value_info(INPUT, TensorProto.DOUBLE, ["rows", width])],
            [helper.make_tensor_value_info(name, TensorProto.DOUBLE, dimensions)],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_TREES_DOMAIN, TREES_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_FORMAT_VERSION, producer_name="nightjar")
        helper.set_model_props(model, dict(facts))
        content: bytes = model.SerializeToString(deterministic=True)
        return content
