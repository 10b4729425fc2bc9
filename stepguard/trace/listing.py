"""Executions in a list: the result of each, and filters.

ListExecutions returns names, statuses and times, but no answers: each execution's output contains its answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from stepguard.evaluation.items import FIXED_NAMES, POLICIES, UnknownLabel, policy_name
from stepguard.guard.answer import AnswerOutcome
from stepguard.guard.automated_reasoning import AUTOMATED_REASONING, is_listed
from stepguard.guard.bedrock_names import NONE, REASONING_FINDINGS
from stepguard.guard.callers import owner_of
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.stages import JUDGING
from stepguard.trace.diff import mapping
from stepguard.trace.model import rounded

QUESTION_CHARACTERS = 200
OUTCOMES = (*map(str, AnswerOutcome), "running", "succeeded")


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters; None matches all. `stage` is the state of a stage that intervened.

    `policy` is `POLICY`, `POLICY/NAME`, or `/NAME` for a finding of this name by any policy. The lister applies `since`
    and `until`.
    """

    outcome: str | None = None
    stage: str | None = None
    policy: str | None = None
    since: datetime | None = None
    text: str | None = None
    until: datetime | None = None

    def match(self, summary: Mapping[str, Any]) -> bool:
        """Whether an execution's summary matches."""
        if self.outcome is not None and summary["outcome"] != self.outcome:
            return False
        if self.stage is not None and self.stage not in summary["stages"]:
            return False
        if self.policy is not None and not any(self._named(item) for item in summary["findings"]):
            return False
        wanted = (self.text or "").casefold()
        return not wanted or any(
            wanted in str(summary[key] or "").casefold() for key in ("name", "question", "error", "outcome")
        )

    def _named(self, finding: Mapping[str, Any]) -> bool:
        kind, slash, name = str(self.policy).partition("/")
        same = not slash or str(finding["name"]).casefold() == name.casefold()
        return same and kind in ("", finding["policy"])

    def check_found(self, found: Iterable[Mapping[str, Any]], naming: str = "'{}'") -> None:
        """Raise InvalidRequest if `policy` is a name of no policy, and no summary has a finding of this name."""
        if self.policy is not None and self.policy.startswith("/") and not any(map(self.match, found)):
            raise _unknown_policy(self.policy.removeprefix("/"), naming)


def read_filters(given: Mapping[str, str | None], now: datetime, naming: str = "'{}'") -> Filters:
    """Filters by name, as people write them. Raises InvalidRequest that names the wrong one and what is known.

    `naming` is how messages write a filter's name.
    """
    held = {name: value or None for name, value in given.items()}
    outcome, stage, policy = held.get("outcome"), held.get("stage"), held.get("policy")
    if outcome is not None and outcome not in OUTCOMES:
        raise InvalidRequest(f"{naming.format('outcome')} must be one of {', '.join(OUTCOMES)}.")
    since, until = (read_time(held.get(name), now, naming.format(name)) for name in ("since", "until"))
    if since is not None and until is not None and since > until:
        raise InvalidRequest(f"{naming.format('since')} is after {naming.format('until')}.")
    return Filters(
        outcome,
        None if stage is None else _state(stage, naming),
        None if policy is None else _policy(policy, naming),
        since,
        held.get("text"),
        until,
    )


def read_time(text: str | None, now: datetime, name: str) -> datetime | None:
    """`30m`, `12h`, `7d` ago, or a time, in UTC: its date is the day of the tables. Raises InvalidRequest."""
    if text is None:
        return None
    ago = re.fullmatch(r"(\d{1,6})([mhd])", text, re.ASCII)
    try:
        if ago:
            unit = {"m": "minutes", "h": "hours", "d": "days"}[ago[2]]
            return now - timedelta(**{unit: int(ago[1])})
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=now.tzinfo)
    except ValueError:
        raise InvalidRequest(f"{name} takes 30m, 12h, 7d, or a time such as 2026-11-22T10:00:00Z.") from None


def _state(name: str, naming: str) -> str:
    wanted = name.casefold()
    for stage in JUDGING:
        if wanted in (stage.state.casefold(), stage.label, str(getattr(stage, "layer", ""))):
            return stage.state
    raise InvalidRequest(f"{naming.format('stage')} must be one of {', '.join(stage.state for stage in JUDGING)}.")


def _policy(name: str, naming: str) -> str:
    """`content`, `content/INSULTS` also for `INSULTS` and `insults`, or `/NAME` for the name of a topic or regex."""
    kind, slash, own = name.strip().partition("/")
    kind = kind.casefold().replace(" ", "_")
    for spelling in (f"{kind}{slash}{own}", f"{kind}{slash}{own.upper()}", name.strip().upper()):
        try:
            return policy_name(spelling)
        except UnknownLabel:
            continue
    fixed = _FOLDED.get((own if kind == AUTOMATED_REASONING else name).strip().casefold())
    if fixed is not None:
        return f"{AUTOMATED_REASONING}/{fixed}"
    if kind == AUTOMATED_REASONING and own.strip():
        return f"{kind}/{own.strip()}"  # a kind that is newer than this release
    if slash or not name.strip():
        raise _unknown_policy(name, naming)
    return f"/{name.strip()}"


_FOLDED = {name.casefold(): name for name in REASONING_FINDINGS}


def _unknown_policy(name: str, naming: str) -> InvalidRequest:
    return InvalidRequest(
        f"{naming.format('policy')} {name!r} is unknown. Known are the policies {', '.join(POLICIES)}; the filters "
        f"{', '.join(FIXED_NAMES)}, alone or as content/INSULTS; topic/NAME and sensitive_information/REGEX; and the "
        "names in the executions that were searched."
    )


def summarize(
    arn: str,
    status: str,
    started: datetime,
    stopped: datetime | None,
    document: Mapping[str, Any],
    output: Mapping[str, Any] | None,
    error: str | None,
) -> dict[str, Any]:
    """`{execution, name, status, outcome, question, caller, unguarded, stages, findings, started, milliseconds,
    error}`.

    `unguarded` is true if no layer judged the text. `stages` are those that intervened, `findings` those that acted
    there, and those of automated reasoning, which acts only by a setting. `document` is the execution's input.
    """
    held = mapping(output)
    request = mapping(document.get("request"))
    stages, findings, outcomes = [], [], []
    for stage in JUDGING:
        result = stage.result(held) or {}
        outcomes += [result["outcome"]] if "outcome" in result else []
        listed = [
            {name: item.get(name) for name in ("policy", "name", "action", "confidence")}
            for item in result.get("findings") or ()
            if isinstance(item, Mapping) and is_listed(item)
        ]
        findings += listed
        if any(item["action"] != NONE for item in listed) or result.get("outcome") in ("blocked", "masked"):
            stages.append(stage.state)
    text = request.get("query") or request.get("text")
    return {
        "execution": arn,
        "name": arn.rpartition(":")[2],
        "status": status,
        "outcome": _outcome(status, held),
        "question": text[:QUESTION_CHARACTERS] if isinstance(text, str) else None,
        "caller": owner_of(request),
        "unguarded": bool(outcomes) and set(map(str, outcomes)) == {"skipped"},
        "stages": stages,
        "findings": findings,
        "started": started.isoformat(),
        "milliseconds": None if stopped is None else rounded((stopped - started).total_seconds() * 1000),
        "error": error,
    }


def _outcome(status: str, output: Mapping[str, Any]) -> str:
    outcome = mapping(output.get("answer")).get("outcome")
    if isinstance(outcome, str):
        return outcome
    return {"RUNNING": "running", "PENDING_REDRIVE": "running", "SUCCEEDED": "succeeded"}.get(status, "unavailable")
