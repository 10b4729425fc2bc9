"""The method, path and query by which a REST request names its operation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from urllib.parse import parse_qsl, unquote

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel


class Route:
    """An operation's method and URI template, e.g. `POST /guardrail/{id}/version/{version}/apply`."""

    def __init__(self, operation: OperationModel) -> None:
        self.operation = operation
        uri = operation.http.get("requestUri", "/")
        path, _, query = uri.partition("?")
        self.query = {name: value for name, value in parse_qsl(query, keep_blank_values=True) if name != "x-id"}
        """What the query of a request must contain; "" for any value."""
        names = re.findall(r"\{(\w+)\+?\}", path)
        self.variables = len(names)
        expression = ""
        for piece in re.split(r"(\{\w+\+?\})", path):
            if piece.startswith("{"):
                expression += f"(?P<{piece.strip('{}+')}>{'.+' if piece.endswith('+}') else '[^/]+'})"
            else:
                expression += re.escape(piece)
        self._expression = re.compile(expression.rstrip("/") + "/?")

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The path's parameters, or None if the request is not for this operation."""
        if method != self.operation.http["method"]:
            return None
        found = self._expression.fullmatch(path)
        if found is None:
            return None
        return {name: unquote(value) for name, value in found.groupdict().items()}

    def accepts(self, query: Mapping[str, str]) -> bool:
        """Whether the query contains what the template requires."""
        return all(name in query and value in ("", query[name]) for name, value in self.query.items())


def find_operation(services: Iterable[str], method: str, path: str, query: str) -> tuple[str, str] | None:
    """The service and operation of a REST request, among services that share a signing name."""
    given = dict(parse_qsl(query, keep_blank_values=True))
    routes = (route for name in services for route in _routes(name))
    fitting = [route for route in routes if route.match(method, path) is not None and route.accepts(given)]
    if not fitting:
        return None
    named = [route for route in fitting if route.operation.name == given.get("x-id")]
    best = min(named or fitting, key=lambda route: (route.variables, -len(route.query), -_known(route, given)))
    return best.operation.service_model.service_name, best.operation.name


def _known(route: Route, query: Mapping[str, str]) -> int:
    """How many of the operation's required query parameters the request has, or -1 if one is missing."""
    shape = route.operation.input_shape
    members = [shape.members[name] for name in shape.required_members] if shape is not None else []
    wanted = [
        member.serialization.get("name", "")
        for member in members
        if member.serialization.get("location") == "querystring"
    ]
    return len(wanted) if all(name in query for name in wanted) else -1


@cache
def _routes(service: str) -> tuple[Route, ...]:
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service_name=service)
    return tuple(Route(model.operation_model(name)) for name in model.operation_names)
