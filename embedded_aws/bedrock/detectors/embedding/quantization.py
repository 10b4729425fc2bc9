"""Integer matrix products for a sentence model whose package stores its weights as 8-bit integers.

The packaged model turns its weights into floats again and multiplies floats. Multiplying integers is about twice as
fast on one core: dynamic quantization (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Node = onnx.NodeProto


def integer_model(path: Path) -> bytes:
    """The model in `path`, serialised, with every product by 8-bit weights done in integers.

    Looks for MatMul(x, Mul(Cast(weights), scale)) with the weights in 8 bits, and puts in its place the product of
    the dynamically quantized x with the weights, scaled. Weights keep 7 bits: processors without VNNI add pairs of
    products in 16 bits, which 8 by 8 bits can exceed (same page, "U8S8"). Other nodes stay as they are.
    """
    model = onnx.load(path)
    graph = model.graph
    constants = {constant.name: constant for constant in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    nodes: list[Node] = []
    halved: set[str] = set()
    quantized: set[str] = set()
    for node in graph.node:
        scaling = made_by.get(node.input[1]) if node.op_type == "MatMul" else None
        cast = made_by.get(scaling.input[0]) if scaling is not None and scaling.op_type == "Mul" else None
        if scaling is None or cast is None or cast.op_type != "Cast" or cast.input[0] not in constants:
            nodes.append(node)
            continue
        weights, scale, given = cast.input[0], scaling.input[1], node.input[0]
        if given not in quantized:
            quantized.add(given)
            nodes.append(helper.make_node("DynamicQuantizeLinear", [given], _parts(given)))
        if weights not in halved:
            halved.add(weights)
            _halve(constants[weights], constants[scale])
        nodes += _product(given, weights, scale, node.output[0])
    used = {name for node in nodes for name in node.input} | {output.name for output in graph.output}
    del graph.node[:]
    graph.node.extend(node for node in nodes if used.intersection(node.output))
    return bytes(model.SerializeToString())


def _parts(name: str) -> list[str]:
    """Names of a quantized tensor, its scale and its zero point."""
    return [f"{name}/quantized", f"{name}/scale", f"{name}/zero"]


def _product(given: str, weights: str, scale: str, result: str) -> list[Node]:
    quantized, step, zero = _parts(given)
    return [
        helper.make_node("MatMulInteger", [quantized, weights, zero], [f"{result}/integer"]),
        helper.make_node("Cast", [f"{result}/integer"], [f"{result}/float"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [step, scale], [f"{result}/step"]),
        helper.make_node("Mul", [f"{result}/float", f"{result}/step"], [result]),
    ]


def _halve(weights: onnx.TensorProto, scale: onnx.TensorProto) -> None:
    """7 bits instead of 8, and steps twice as wide."""
    values: NDArray[np.float32] = numpy_helper.to_array(weights).astype(np.float32)
    weights.CopyFrom(numpy_helper.from_array(np.rint(values / 2).astype(np.int8), weights.name))
    steps: NDArray[np.float32] = numpy_helper.to_array(scale)
    scale.CopyFrom(numpy_helper.from_array(steps * np.float32(2), scale.name))
