"""The routes that a handler declares, read by a real worker."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from embedded_aws.lambda_.config import FunctionConfig
from embedded_aws.lambda_.functions import Functions
from embedded_aws.wire import Account, ServiceError

pytestmark = pytest.mark.process


def test_a_handler_declares_its_routes(tmp_path: Path) -> None:
    """Its attribute `routes` is read without an invocation, in a new worker and in a warm one."""
    code = """
def plain(event, context):
    return event

def api(event, context):
    raise RuntimeError("was invoked")

api.routes = {"/a": {"GET": 1, "POST": 2}, "/b/{c}": {"PUT": 3}}
"""
    (tmp_path / "routed.py").write_text(code, encoding="utf-8")
    with closing(Functions(Account(), tmp_path / "logs", workers=1)) as functions:
        for name in ("plain", "api", "missing"):
            functions.register(FunctionConfig(name, f"routed.{name}", tmp_path))
        for _ in range(2):
            assert functions.routes("api", 30.0) == [("GET", "/a"), ("POST", "/a"), ("PUT", "/b/{c}")]
        assert functions.routes("plain", 30.0) == []
        with pytest.raises(ServiceError, match="Function missing cannot be loaded; see its log"):
            functions.routes("missing", 30.0)
