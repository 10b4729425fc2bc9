"""The routes of an HTTP API: which one a path and a method belong to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Route = tuple[str, str]
"""A method and a pattern: `("GET", "/chat/{execution}")`, `("GET", "/files/{path+}")`."""


class RouteTable:
    """Routes by pattern. A literal segment matches before a parameter, and a parameter before the rest of a path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        methods: dict[str, set[str]] = {}
        for method, pattern in routes:
            methods.setdefault(pattern, set()).add(method)
        self._methods = {pattern: methods[pattern] for pattern in sorted(methods, key=_rank)}
        self._first = {pattern.split("/")[1] for pattern in methods}

    @property
    def patterns(self) -> list[str]:
        """The patterns of all routes."""
        return sorted(self._methods)

    def owns(self, path: str) -> bool:
        """Whether a path belongs to the API: its first segment is the first segment of a route."""
        return path.split("/")[1] in self._first

    def match(self, path: str, method: str) -> tuple[str, dict[str, str]] | None:
        """The pattern and the parameters of a path, undecoded; None if no route accepts it."""
        segments = path.strip("/").split("/")
        for pattern, methods in self._methods.items():
            parameters = _parameters(pattern.strip("/").split("/"), segments)
            if parameters is not None:
                return (pattern, parameters) if method in methods else None
        return None


def _rank(pattern: str) -> list[int]:
    return [2 if part.endswith("+}") else part.startswith("{") for part in pattern.strip("/").split("/")]


def _parameters(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for position, part in enumerate(pattern):
        rest = segments[position:]
        if part.endswith("+}"):
            return {**parameters, part[1:-2]: "/".join(rest)} if rest and rest[0] else None
        if not rest:
            return None
        if part.startswith("{"):
            if not rest[0]:
                return None
            parameters[part[1:-1]] = rest[0]
        elif part != rest[0]:
            return None
    return parameters if len(pattern) == len(segments) else None
