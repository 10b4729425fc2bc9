"""The encoder's network as an ONNX graph with 8-bit products, made from the package's 4-bit weights.

Multiplying 8-bit integers is twice as fast as 4-bit weights (dynamic quantization,
https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html). Weights keep 7 bits, with a scale for
each column: processors without VNNI add pairs of products in 16 bits, which 8 by 8 bits can exceed (same page,
"U8S8"). The embeddings of words and positions stay outside the graph, in the mapped file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from embedded_aws.bedrock.encoder.interface import INPUT, LAYERS, MEANS, STATES
from embedded_aws.bedrock.encoder.weights import Floats, Weights

_STEPS = 63
_MICROSOFT = "com.microsoft"
_ONES, _ZEROS = "ones", "zeros"  # one for each token


class _Graph:
    """Nodes and constants of a graph that is being built."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        outputs = [output] if output else []
        self.nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **attributes))
        return output

    def product(self, given: str, name: str, matrix: Floats, bias: Floats) -> str:
        """given @ matrix + bias in integers; matrix (in, out)."""
        scale = np.maximum(np.abs(matrix).max(axis=0), 1e-12) / np.float32(_STEPS)
        rounded = np.rint(matrix / scale).astype(np.int8)
        inputs = [
            given,
            self.constant(f"{name}/weights", rounded),
            self.constant(f"{name}/scale", scale.astype(np.float32)),
            "",
            self.constant(f"{name}/bias", bias),
        ]
        return self.add("DynamicQuantizeMatMul", inputs, f"{name}/out", _MICROSOFT)


def build(weights: Weights) -> bytes:
    """The graph, serialised: input (texts, tokens, width); outputs MEANS (texts, layers returned, width) and STATES."""
    graph, shape = _Graph(), weights.shape
    length = graph.add("Shape", [INPUT], "tokens", start=1, end=2)
    for name, value in (_ONES, 1.0), (_ZEROS, 0.0):
        graph.add("Expand", [graph.constant(f"{name}/value", np.array([value], dtype=np.float32)), length], name)
    state, means = INPUT, []
    for number in range(shape.layers):
        state = _layer(graph, weights, f"l{number}", state)
        if number + 1 in LAYERS:
            means.append(graph.add("ReduceMean", [state], f"mean{number + 1}", axes=[1], keepdims=1))
    graph.add("Concat", means, MEANS, axis=1)
    floats = onnx.TensorProto.FLOAT
    made = helper.make_graph(
        graph.nodes,
        "encoder",
        [helper.make_tensor_value_info(INPUT, floats, ["texts", "tokens", shape.width])],
        [
            helper.make_tensor_value_info(MEANS, floats, ["texts", len(LAYERS), shape.width]),
            *(helper.make_tensor_value_info(name, floats, ["texts", "tokens", shape.width]) for name in STATES),
        ],
        graph.constants,
    )
    versions = [helper.make_opsetid("", 17), helper.make_opsetid(_MICROSOFT, 1)]
    return bytes(helper.make_model(made, opset_imports=versions, ir_version=8).SerializeToString())


def _layer(graph: _Graph, weights: Weights, name: str, state: str) -> str:
    shape = weights.shape

    def matrix(part: str, columns: int) -> Floats:
        return weights.matrix(f"{name}.{part}.w", columns).T

    def floats(part: str) -> Floats:
        return weights.floats(f"{name}.{part}")

    joined = np.concatenate([matrix(part, shape.width) for part in "qkv"], axis=1)
    bias = np.concatenate([floats(f"{part}.b") for part in "qkv"])
    together = graph.product(state, f"{name}/qkv", joined, bias)
    parts = [f"{name}/{part}" for part in "qkv"]
    graph.nodes.append(helper.make_node("Split", [together], parts, axis=2))
    graph.add("MultiHeadAttention", parts, f"{name}/attention", _MICROSOFT, num_heads=shape.heads)
    mixed = graph.product(f"{name}/attention", f"{name}/ao", matrix("ao", shape.width), floats("ao.b"))
    state = _normalized(graph, weights, f"{name}.aln", mixed, state)
    inner = graph.product(state, f"{name}/fi", matrix("fi", shape.width), floats("fi.b"))
    graph.add("Gelu", [inner], f"{name}/gelu", _MICROSOFT)
    outer = graph.product(f"{name}/gelu", f"{name}/fo", matrix("fo", shape.inner), floats("fo.b"))
    return _normalized(graph, weights, f"{name}.oln", outer, state)


def _normalized(graph: _Graph, weights: Weights, name: str, given: str, before: str) -> str:
    """LayerNorm(given + before). ONNX Runtime's LayerNormalization adds up one number at a time; its
    InstanceNormalization, of each token as a channel, is ten times as fast.
    """
    scale, shift = [graph.constant(f"{name}.{part}", weights.floats(f"{name}.{part}")) for part in "wb"]
    total = graph.add("Add", [given, before], f"{name}/sum")
    epsilon = weights.shape.epsilon
    unit = graph.add("InstanceNormalization", [total, _ONES, _ZEROS], f"{name}/unit", epsilon=epsilon)
    return graph.add("Add", [graph.add("Mul", [unit, scale], f"{name}/scaled"), shift], f"{name}/out")
