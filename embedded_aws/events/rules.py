"""Which rules an event matches, and its delivery to their targets: state machines and Lambda functions.

Rules come from two places: the deployment's own, which are fixed, and those that clients put on the default event bus,
which moto keeps. As on AWS, delivery is best effort: a target that fails changes nothing for who emitted the event.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from embedded_aws.wire import Account, ServiceError, place_of

Event = Mapping[str, Any]

_log = logging.getLogger(__name__)
_INPUT_MEMBERS = ("Input", "InputPath", "InputTransformer")
_MOTO = "moto.events.models"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the deployment: status changes of one state machine's executions start or invoke `target`.

    `members` are the target's input: the name of each member, and its place in the event, e.g. `detail.status`;
    `constants` are members that are the same in every input.
    """

    state_machine: str
    statuses: frozenset[str]
    target: str
    members: Mapping[str, str]
    constants: Mapping[str, str] = field(default_factory=dict)

    def matches(self, event: Event) -> bool:
        """Whether the event is one of the rule's."""
        detail = event["detail"]
        return detail["stateMachineArn"] == self.state_machine and detail["status"] in self.statuses

    def input(self, event: Event) -> dict[str, Any]:
        """What the target gets."""
        return {name: _member(event, place) for name, place in self.members.items()} | dict(self.constants)


class EventRules:
    """Delivers events. `start` starts a state machine's execution, `invoke` a function; both get the input as JSON."""

    def __init__(
        self,
        account: Account,
        rules: Sequence[Rule],
        start: Callable[[str, str], object],
        invoke: Callable[[str, str], object],
    ) -> None:
        self._account = account
        self._rules = rules
        self._start = start
        self._invoke = invoke

    def deliver(self, event: Event) -> None:
        """Send an event to the targets of all rules that it matches. It raises no exception."""
        for target, text in self._deliveries(event):
            try:
                self._send(target, text)
            except ServiceError as error:
                _log.warning("An event could not be delivered to %s: %s", target, error.code)
            except Exception as error:  # noqa: BLE001 - who emitted the event must not fail
                _log.error("An event could not be delivered to %s: %s", target, place_of(error))

    def _deliveries(self, event: Event) -> Iterator[tuple[str, str]]:
        for rule in self._rules:
            if rule.matches(event):
                yield rule.target, json.dumps(rule.input(event))
        yield from self._of_clients(event)

    def _of_clients(self, event: Event) -> Iterator[tuple[str, str]]:
        """The targets of the rules that clients have put."""
        models: Any = sys.modules.get(_MOTO)
        if models is None:  # nobody has called EventBridge: loading it takes some tenths of a second
            return
        buses = models.events_backends[self._account.account_id][self._account.region].event_buses
        for rule in list(buses["default"].rules.values()):
            if rule.state == "ENABLED" and rule.event_pattern.get_pattern() and rule.event_pattern.matches_event(event):
                for target in list(rule.targets):
                    try:
                        yield str(target["Arn"]), _input(target, event)
                    except Exception as error:  # noqa: BLE001 - moto's parser raises every kind of error
                        kind = type(error).__name__
                        _log.error("The input of target %s cannot be made: %s", target["Arn"], kind)

    def _send(self, target: str, text: str) -> None:
        service, _, resource = target.partition(":")[2].partition(":")[2].partition(":")
        if service == "states" and ":stateMachine:" in resource:
            self._start(target, text)
        elif service == "lambda" and ":function:" in resource:
            self._invoke(target, text)
        else:
            _log.warning("The embedded AWS delivers events to state machines and Lambda functions, not to %s", target)


def _input(target: Mapping[str, Any], event: Event) -> str:
    """The input of a client's target: the event, or what the target makes of it."""
    given = [name for name in _INPUT_MEMBERS if target.get(name)]
    if not given:
        return json.dumps(event)
    if given == ["Input"]:
        return str(target["Input"])
    if given == ["InputPath"]:
        return json.dumps(_member(event, str(target["InputPath"]).removeprefix("$").lstrip(".")))
    from moto.events.utils import EventTemplateParser

    transformer = target["InputTransformer"]
    parsed = EventTemplateParser.parse(
        transformer["InputTemplate"], transformer.get("InputPathsMap", {}), {**event, "ingestion-time": event["time"]}
    )
    return json.dumps(parsed)


def _member(event: Event, place: str) -> Any:
    """The value at `detail.status`, the event itself at ""; None if there is none."""
    value: Any = event
    for name in filter(None, place.split(".")):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
