"""Models run by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def inference_session(model: Path | bytes) -> Any:
    """A session on the CPU, of a model in a file or in memory, that keeps to the thread that runs it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # requests run beside one another; two threads each would fight for two cores
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads wait, and burn no core
    options.log_severity_level = 3
    given = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
