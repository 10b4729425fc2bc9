"""Versions (immutable, numbered snapshots) and aliases (names that route to one or two versions).

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-cd-aliasing-versioning.html
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from sqlite3 import Row
from typing import Any

from embedded_aws.states.language.json_text import dump, load
from embedded_aws.states.run.core import Core, moment
from embedded_aws.states.store.arns import check_arn
from embedded_aws.states.store.lookup import find_machine
from embedded_aws.states.store.pages import page_of
from embedded_aws.states.store.store import Store
from embedded_aws.wire import ServiceError

Params = dict[str, Any]
_VERSION = re.compile(r":stateMachine:[^:]+:[0-9]+$")


@dataclass(frozen=True, slots=True)
class Target:
    """The start target of an execution: the machine's row, its revision, and the ARN's version and alias, if any.

    `description` is the version's.
    """

    machine: Row
    revision: str
    version: str | None = None
    alias: str | None = None
    description: str = ""


def resolve(store: Store, arn: str) -> Target:
    """Resolve the ARN of a state machine, version or alias; an alias chooses a version by its weights."""
    qualifier = check_arn(arn, "stateMachine").partition(":")[2]
    if not qualifier:
        machine = find_machine(store, arn)
        return Target(machine, machine["revision"])
    machine = find_machine(store, arn.rpartition(":")[0], named=arn)
    alias = store.one("SELECT routing FROM aliases WHERE arn = ?", arn)
    version = arn
    if alias is not None:
        routes = load(alias["routing"])
        (version,) = random.choices(  # noqa: S311  spreads load, guards nothing
            [route["stateMachineVersionArn"] for route in routes], [route["weight"] for route in routes]
        )
    row = store.one("SELECT revision, description FROM versions WHERE arn = ?", version)
    if row is None:
        raise ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
    return Target(machine, row["revision"], version, None if alias is None else arn, row["description"])


def publish(store: Store, machine: Row, description: str, now: float) -> Row:
    """Publish a machine's current revision, unless the latest version already has it."""
    latest = store.one("SELECT * FROM versions WHERE machine = ? ORDER BY number DESC LIMIT 1", machine["arn"])
    if latest is not None and latest["revision"] == machine["revision"]:
        if description:  # measured on AWS by moto's test_create_state_machine_with_version_description
            store.write("UPDATE versions SET description = ? WHERE arn = ?", description, latest["arn"])
        return latest
    numbered = store.one("SELECT last FROM version_numbers WHERE machine = ?", machine["arn"])
    number = (numbered["last"] if numbered else 0) + 1
    store.write("INSERT OR REPLACE INTO version_numbers VALUES (?, ?)", machine["arn"], number)
    arn = f"{machine['arn']}:{number}"
    row = (arn, machine["arn"], number, machine["revision"], description, now)
    store.write("INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?)", *row)
    made = store.one("SELECT * FROM versions WHERE arn = ?", arn)
    assert made is not None
    return made


class VersionOperations:
    """Part of `StepFunctions`."""

    core: Core

    def publish_state_machine_version(self, params: Params) -> Params:
        """Idempotent: the current revision is published once."""
        with self.core.starting:
            machine = find_machine(self.core.store, params["stateMachineArn"])
            wanted = params.get("revisionId")
            current = machine["revision"].partition("/")[0]
            if wanted is not None and wanted != current:
                raise ServiceError(
                    "ConflictException",
                    f"Failed to publish the State Machine version for revision {wanted}. The current State Machine "
                    f"revision is {current}.",
                )
            version = publish(self.core.store, machine, params.get("description") or "", self.core.now())
        return {"creationDate": moment(version["created"]), "stateMachineVersionArn": version["arn"]}

    def list_state_machine_versions(self, params: Params) -> Params:
        """Newest first."""
        check_arn(params["stateMachineArn"], "stateMachine")
        page = page_of(params)
        rows = self.core.store.read(
            "SELECT * FROM versions WHERE machine = ? AND number < ? ORDER BY number DESC LIMIT ?",
            params["stateMachineArn"],
            page.before,
            page.limit,
        )
        return page.reply(
            "stateMachineVersions",
            rows,
            lambda row: {"stateMachineVersionArn": row["arn"], "creationDate": moment(row["created"])},
            "number",
        )

    def delete_state_machine_version(self, params: Params) -> Params:
        """Refused while an alias routes to the version."""
        arn = params["stateMachineVersionArn"]
        check_arn(arn, "stateMachine")
        with self.core.starting:
            for row in self.core.store.read(
                "SELECT name, routing FROM aliases WHERE machine = ?", arn.rpartition(":")[0]
            ):
                if any(route["stateMachineVersionArn"] == arn for route in load(row["routing"])):
                    raise ServiceError(
                        "ConflictException",
                        "Version to be deleted must not be referenced by an alias. Current list of aliases "
                        f"referencing this version: [{row['name']}]",
                    )
            self.core.store.write("DELETE FROM versions WHERE arn = ?", arn)
            self.core.store.flush()
        return {}

    # --- aliases

    def create_state_machine_alias(self, params: Params) -> Params:
        """Idempotent: the same name, routing and description give the existing alias."""
        name, description = params["name"], params.get("description") or ""
        machine = self._check_routing(params["routingConfiguration"])
        arn = f"{machine}:{name}"
        routing = dump(params["routingConfiguration"])
        with self.core.starting:
            known = self.core.store.one("SELECT * FROM aliases WHERE arn = ?", arn)
            if known is not None:
                if (known["routing"], known["description"]) != (routing, description):
                    raise ServiceError(
                        "ConflictException",
                        "Failed to create alias because an alias with the same name and a different routing "
                        "configuration already exists.",
                    )
                return {"stateMachineAliasArn": arn, "creationDate": moment(known["created"])}
            now = self.core.now()
            self.core.store.write(
                "INSERT INTO aliases VALUES (?, ?, ?, ?, ?, ?, ?)", arn, machine, name, description, routing, now, now
            )
            self.core.store.flush()
        return {"stateMachineAliasArn": arn, "creationDate": moment(now)}

    def update_state_machine_alias(self, params: Params) -> Params:
        """Change routing or description; omitted members stay unchanged."""
        with self.core.starting:
            row = self._alias(params["stateMachineAliasArn"])
            routing, description = params.get("routingConfiguration"), params.get("description")
            if routing is None and description is None:
                raise ServiceError(
                    "ValidationException", "Either the routing configuration or the description must be provided"
                )
            if routing is not None:
                self._check_routing(routing)
            now = self.core.now()
            self.core.store.write(
                "UPDATE aliases SET routing = ?, description = ?, updated = ? WHERE arn = ?",
                row["routing"] if routing is None else dump(routing),
                row["description"] if description is None else description,
                now,
                row["arn"],
            )
            self.core.store.flush()
        return {"updateDate": moment(now)}

    def describe_state_machine_alias(self, params: Params) -> Params:
        """Describe an alias; ResourceNotFound if it does not exist."""
        row = self._alias(params["stateMachineAliasArn"])
        return {
            "stateMachineAliasArn": row["arn"],
            "name": row["name"],
            "description": row["description"],
            "routingConfiguration": load(row["routing"]),
            "creationDate": moment(row["created"]),
            "updateDate": moment(row["updated"]),
        }

    def list_state_machine_aliases(self, params: Params) -> Params:
        """The aliases of a state machine, or those that route to a version."""
        arn = params["stateMachineArn"]
        version = check_arn(arn, "stateMachine").partition(":")[2]
        machine = arn.rpartition(":")[0] if version else arn
        find_machine(self.core.store, machine, named=arn)
        page = page_of(params)
        rows = self.core.store.read("SELECT * FROM aliases WHERE machine = ? ORDER BY name", machine)
        if version:
            rows = [
                row for row in rows if any(route["stateMachineVersionArn"] == arn for route in load(row["routing"]))
            ]
        return page.reply(
            "stateMachineAliases",
            rows[page.after :],
            lambda row: {"stateMachineAliasArn": row["arn"], "creationDate": moment(row["created"])},
        )

    def delete_state_machine_alias(self, params: Params) -> Params:
        """Delete an alias; its versions stay."""
        row = self._alias(params["stateMachineAliasArn"])
        self.core.store.write("DELETE FROM aliases WHERE arn = ?", row["arn"])
        self.core.store.flush()
        return {}

    def _alias(self, arn: str) -> Row:
        check_arn(arn, "stateMachine")
        row = self.core.store.one("SELECT * FROM aliases WHERE arn = ?", arn)
        if row is None:
            raise _missing(arn)
        return row

    def _check_routing(self, routes: list[Params]) -> str:
        """The state machine whose versions the routes name."""
        arns = [route["stateMachineVersionArn"] for route in routes]
        weights = [route["weight"] for route in routes]
        machines = {arn.rpartition(":")[0] for arn in arns}
        for kept, rule, received in (
            (all(map(_VERSION.search, arns)), "Routing configuration must contain state machine version ARNs", arns),
            (len({*arns}) == len(arns), "Routing configuration must contain distinct state machine version ARNs", arns),
            (len(machines) == 1, "Routing configuration must contain versions of one state machine", arns),
            (sum(weights) == 100, "Sum of routing configuration weights must equal 100", weights),
        ):
            if not kept:
                raise ServiceError("ValidationException", f"{rule}. Received: [{', '.join(map(str, received))}]")
        for arn in arns:
            check_arn(arn, "stateMachine")
            if self.core.store.one("SELECT 1 FROM versions WHERE arn = ?", arn) is None:
                raise _missing(arn)
        return str(machines.pop())


def _missing(arn: str) -> ServiceError:
    return ServiceError("ResourceNotFound", "Request references a resource that does not exist.", resourceName=arn)
