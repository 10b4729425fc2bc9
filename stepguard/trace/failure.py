"""Reads an error and its cause: the type and message of the exception, and its stack in lines.

Lambda reports an exception as a JSON document, `{errorMessage, errorType, requestId, stackTrace}`
(https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html); other services and states report a text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from stepguard.guard.errors import StepguardError
from stepguard.trace.diff import mapping
from stepguard.trace.model import Trace, Visit, parsed

MESSAGE_CHARACTERS = 500

OWN_TYPES = frozenset(
    kind.__name__ for kind in StepguardError.__subclasses__() if kind.__module__ == StepguardError.__module__
)
"""stepguard's errors; their messages contain no text of a user, of a document or of a model."""

VERDICT_MISSING = "VerdictMissing"
"""The error that the chat's definition writes itself, with a constant cause."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,79}")
_FRAME = re.compile(r'\s*File "(?P<file>[^"]*)", line (?P<line>\d+), in (?P<name>[^\n]+)\n?\s*(?P<code>[^\n]*)')
_PACKAGE = re.compile(r"(?:^|/)((?:functions|stepguard|chalicelib)/.+)$")
_TASK = "/var/task/"
_LIBRARY = re.compile(r"/(?:site-packages|dist-packages|python\d[^/]*|runtime|lang)/|<frozen")


@dataclass(frozen=True, slots=True)
class Failure:
    """`type` and `message` of an error; `stack` are its frames as lines, the application's last.

    `safe` means that one of stepguard's errors was raised in a Lambda, or that the definition wrote the message: it
    never contains a text of a person or a model.
    """

    type: str
    message: str = ""
    stack: tuple[str, ...] = ()
    safe: bool = False

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type

    def to_dict(self) -> dict[str, Any]:
        """The failure as JSON, without the members that are empty."""
        full = {"type": self.type, "message": self.message, "stack": list(self.stack), "safe": self.safe}
        return {key: value for key, value in full.items() if value}


def read_failure(error: str | None, cause: str | None) -> Failure | None:
    """The failure that a history reports as error and cause; None without an error."""
    if error is None:
        return None
    document = mapping(parsed(cause))
    kind, message = document.get("errorType"), document.get("errorMessage")
    if not isinstance(kind, str) or not isinstance(message, str):
        return Failure(error, _short(cause or ""), safe=error == VERDICT_MISSING)
    stack = document.get("stackTrace")
    frames = _stack(stack if isinstance(stack, list) else [])
    return Failure(kind, _message(kind, message), frames, kind in OWN_TYPES)


def error_name(error: str | None, cause: str | None) -> str | None:
    """An execution's error for lists: the chat's Fail state has the name of the real error as its cause."""
    return f"{error}: {cause}" if error and cause and _NAME.fullmatch(cause) else error


def failure_of(trace: Trace) -> tuple[Visit | None, Failure] | None:
    """The failure that ended an execution, and the visit of the state that reported it; None if it did not fail.

    The document's `error` at the Fail state names it, and the Fail state's cause if the history has no documents.
    Otherwise it is the last error. A state that only records the failure may fail too, and decides nothing.
    """
    if trace.status in ("SUCCEEDED", "RUNNING"):
        return None
    failed = [visit for visit in reversed(trace.visits) if visit.error and visit.type != "Fail"]
    noted = _noted(trace)
    if noted is None and trace.cause in {visit.error for visit in failed}:
        noted = str(trace.cause), None
    last = next((visit for visit in failed if noted is None or visit.error == noted[0]), None)
    found = read_failure(last.error, last.cause) if last else read_failure(*(noted or (trace.error, trace.cause)))
    return None if found is None else (last, found)


def _noted(trace: Trace) -> tuple[str, str | None] | None:
    """The error and cause that the Fail state found in the document."""
    last = trace.visits[-1] if trace.visits else None
    if last is None or last.type != "Fail":
        return None
    error = mapping(mapping(parsed(last.input)).get("error"))
    name, cause = error.get("Error"), error.get("Cause")
    return (name, cause if isinstance(cause, str) else None) if isinstance(name, str) else None


def _message(kind: str, message: str) -> str:
    if kind == "KeyError":  # Python's message is only the key
        return f"there is no key {_short(message)}"
    return _short(message)


def _short(text: str) -> str:
    """One line, cut."""
    line = " ".join(text.split())
    return line if len(line) <= MESSAGE_CHARACTERS else f"{line[: MESSAGE_CHARACTERS - 1]}…"


def _place(file: str) -> tuple[str, bool]:
    """A file's path as people know it, and whether it belongs to a library."""
    if package := _PACKAGE.search(file):
        return package[1], False
    if file.startswith(_TASK):  # the zip has the application's files, and the packages that it needs beside them
        name = file.removeprefix(_TASK)
        return name, "/" in name
    if _LIBRARY.search(file):
        return file.rpartition("-packages/")[2], True
    return file.rpartition("/")[2], False


def _stack(frames: list[Any]) -> tuple[str, ...]:
    """Frames in the order of their calls, those of libraries first; a frame in an unknown form stays as it is."""
    libraries: list[str] = []
    application: list[str] = []
    for frame in frames:
        if not isinstance(frame, str):
            continue
        found = _FRAME.match(frame)
        if found is None:
            application.append(_short(frame))
            continue
        name, library = _place(found["file"])
        code = f": {found['code'].strip()}" if found["code"].strip() else ""
        (libraries if library else application).append(
            _short(f"{name}:{found['line']} in {found['name'].strip()}{code}")
        )
    return (*libraries, *application)
