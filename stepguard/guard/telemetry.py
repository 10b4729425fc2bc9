"""The log lines of stages and routes, and metrics in CloudWatch's embedded metric format.

A line never holds a text of a user, a document or a model: from a verdict it contains the outcome, the policies and how
often they acted.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stepguard.guard.errors import StepguardError

if TYPE_CHECKING:
    from stepguard.guard.talk.feedback import Feedback

NAMESPACE = "stepguard"


def stage_lines(
    stage: str,
    execution: str,
    result: Mapping[str, Any] | None,
    error: BaseException | None,
    milliseconds: float,
    stack: str,
    timestamp: int,
) -> list[dict[str, Any]]:
    """The lines of one run of a stage: one for the run, one per policy that acted, one for the answer that it gave,
    one if settings are not in use.

    `execution` is the ARN or name; `result` is what the stage writes into the execution document; `timestamp` is in
    milliseconds since 1970. Metrics: Runs and Milliseconds by stage and by outcome, TextUnits, InputTokens and
    OutputTokens by stage, Interventions by stage, policy and action, Answers by source and outcome, ShadowVerdicts by
    layer and change, SettingsProblems by problem.
    """
    result = result or {}
    name = execution.rpartition(":")[2]
    acted = Counter((item["policy"], item["action"]) for item in result.get("findings", ()) if item["action"] != "NONE")
    tokens = result.get("tokens") or {}
    metrics: dict[str, tuple[float, str]] = {
        "Runs": (1, "Count"),
        "Milliseconds": (round(milliseconds, 1), "Milliseconds"),
        "TextUnits": (sum((result.get("text_units") or {}).values()), "Count"),
        "InputTokens": (int(tokens.get("input") or 0), "Count"),
        "OutputTokens": (int(tokens.get("output") or 0), "Count"),
    }
    dimensions = {
        "Stack": stack,
        "Stage": stage,
        "Outcome": "error" if error else str(result.get("outcome", "done")),
    }
    first: dict[str, Any] = {
        "level": "ERROR" if error else "INFO",
        "message": "stage",
        "execution": name,
        **_emf(dimensions, [["Stack", "Stage"], ["Stack", "Stage", "Outcome"]], metrics, timestamp),
    }
    if error is not None:
        first |= failure(error)
    lines = [first]
    for (policy, action), count in sorted(acted.items()):
        by = {"Stack": stack, "Stage": stage, "Policy": policy, "Action": action}
        emf = _emf(by, [["Stack", "Stage", "Policy", "Action"]], {"Interventions": (count, "Count")}, timestamp)
        lines.append({"level": "INFO", "message": "intervention", "execution": name, **emf})
    if answer := result.get("answer"):
        by = {"Stack": stack, "Source": str(answer["source"]), "Answer": str(answer["outcome"])}
        emf = _emf(by, [["Stack", "Source"], ["Stack", "Source", "Answer"]], {"Answers": (1, "Count")}, timestamp)
        lines.append({"level": "INFO", "message": "answer", "execution": name, **emf})
    changes = Counter((pair["layer"], pair["change"]) for pair in result.get("shadow") or ())
    for (layer, change), count in sorted(changes.items()):
        by = {"Stack": stack, "Layer": layer, "Change": change}
        emf = _emf(by, [["Stack", "Layer", "Change"]], {"ShadowVerdicts": (count, "Count")}, timestamp)
        lines.append({"level": "INFO", "message": "shadow", "execution": name, **emf})
    if problem := str((result.get("settings") or {}).get("problem") or ""):
        emf = _emf(
            {"Stack": stack, "Problem": problem}, [["Stack", "Problem"]], {"SettingsProblems": (1, "Count")}, timestamp
        )
        lines.append({"level": "WARNING", "message": "settings", "execution": name, **emf})
    return lines


def route_line(
    route: str,
    caller: str,
    reply: tuple[int, Mapping[str, Any], Mapping[str, str]],
    milliseconds: float,
    stack: str,
    timestamp: int,
) -> dict[str, Any]:
    """The line of one request. It contains the caller as a digest: enough to follow a caller, not to identify one."""
    status, body, _ = reply
    dimensions = {"Stack": stack, "Route": route, "Status": str(status)}
    metrics = {"Requests": (1.0, "Count"), "Milliseconds": (round(milliseconds, 1), "Milliseconds")}
    answer = body.get("answer")
    return {
        "level": "ERROR" if status >= 500 else "INFO",
        "message": "request",
        "execution": str(body.get("execution", "")).rpartition(":")[2],
        "caller": hashlib.sha256(caller.encode(errors="replace")).hexdigest()[:16],
        "outcome": str(answer["outcome"]) if isinstance(answer, Mapping) else "",
        **_emf(dimensions, [["Stack", "Route"], ["Stack", "Route", "Status"]], metrics, timestamp),
    }


def feedback_lines(feedback: Feedback, stack: str, timestamp: int) -> list[dict[str, Any]]:
    """The lines of one feedback: by outcome and by source, then one for each policy that acted; never the reason."""
    by = {"Stack": stack, "Thumb": str(feedback.thumb)}
    count = {"Feedback": (1.0, "Count")}
    first = {"Outcome": feedback.outcome, "Source": feedback.source}
    sets = [["Stack", "Thumb"], ["Stack", "Thumb", "Outcome"], ["Stack", "Thumb", "Source"]]
    known = {"level": "INFO", "message": "feedback", "execution": feedback.execution}
    lines = [{**known, **_emf(by | first, sets, count, timestamp)}]
    for policy in feedback.policies:
        emf = _emf(by | {"Policy": policy}, [["Stack", "Thumb", "Policy"]], count, timestamp)
        lines.append({**known, **emf})
    return lines


def failure(error: BaseException) -> dict[str, str]:
    """An error for the log: its class, and its message only for stepguard's own errors, which never quote a text."""
    return {"error": type(error).__name__} | ({"detail": str(error)} if isinstance(error, StepguardError) else {})


def _emf(
    dimensions: Mapping[str, str],
    sets: Sequence[Sequence[str]],
    metrics: Mapping[str, tuple[float, str]],
    timestamp: int,
) -> dict[str, Any]:
    units = [{"Name": name, "Unit": unit} for name, (_, unit) in metrics.items()]
    directive = {"Namespace": NAMESPACE, "Dimensions": [list(names) for names in sets], "Metrics": units}
    values = {name: value for name, (value, _) in metrics.items()}
    return {"_aws": {"Timestamp": timestamp, "CloudWatchMetrics": [directive]}, **dimensions, **values}
