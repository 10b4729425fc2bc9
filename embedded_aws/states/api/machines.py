"""The operations on state machines: create, update, describe, list, delete, validate.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html and its siblings
"""

from __future__ import annotations

import re
from typing import Any

from embedded_aws.states.api.tags import replace_tags
from embedded_aws.states.api.versions import publish, resolve
from embedded_aws.states.interpret.sdk_services import has_action
from embedded_aws.states.language.compiler import compile_machine, processor_definition
from embedded_aws.states.language.errors import DefinitionError
from embedded_aws.states.language.findings import Finding, parse_definition
from embedded_aws.states.language.json_text import dump, load
from embedded_aws.states.language.validate import validate
from embedded_aws.states.run.core import Core, moment, new_id
from embedded_aws.states.store.arns import check_arn, check_encryption, check_name
from embedded_aws.states.store.lookup import INITIAL, find_machine, find_revision, shown_revision
from embedded_aws.states.store.pages import page_of
from embedded_aws.wire import ServiceError

Params = dict[str, Any]
_DEFAULT_LOGGING = {"level": "OFF", "includeExecutionData": False}
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/.+")
_SETTINGS = ("loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")


def check_definition(text: str, kind: str) -> list[Finding]:
    """All findings about a definition, including the compiler's."""
    definition, findings = parse_definition(text)
    if definition is None:
        return findings
    findings = validate(definition, express=kind == "EXPRESS", has_action=has_action)
    if not any(finding.severity == "ERROR" for finding in findings):
        try:
            compile_machine(definition)
        except DefinitionError as error:
            findings.append(Finding(error.code, error.message, error.location))
    return findings


class MachineOperations:
    """Part of `StepFunctions`."""

    core: Core

    def create_state_machine(self, params: Params) -> Params:
        """Idempotent: the same name, definition, type and settings return the existing state machine."""
        check_name(params["name"])
        _check_role(params["roleArn"])
        _check_publish(params)
        kind = params.get("type") or "STANDARD"
        _refuse_bad_definition(params["definition"], kind)
        arn = self.core.account.arn("states", f"stateMachine:{params['name']}")
        settings = _settings(params, {})
        with self.core.starting:
            known = self.core.store.one("SELECT * FROM machines WHERE arn = ?", arn)
            if known is not None:
                revision = find_revision(self.core.store, arn, known["revision"])
                wanted = (params["definition"], kind, settings)
                if (revision["definition"], known["type"], load(known["settings"])) != wanted:
                    raise ServiceError("StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'")
                made = {"stateMachineArn": arn, "creationDate": moment(known["created"])}
                return self._published(params, arn, made)
            self.core.forget(arn)
            now, revision_id = self.core.now(), f"{INITIAL}/{new_id()}"
            self._add_revision(arn, revision_id, params["definition"], params["roleArn"], now)
            row = (arn, params["name"], kind, now, now, revision_id, dump(settings))
            self.core.store.write("INSERT INTO machines VALUES (?, ?, ?, ?, ?, ?, ?)", *row)
            replace_tags(self.core.store, arn, params.get("tags") or [])
            self.core.store.flush()
            return self._published(params, arn, {"stateMachineArn": arn, "creationDate": moment(now)})

    def update_state_machine(self, params: Params) -> Params:
        """Create a new revision. Running executions keep their revision."""
        _check_publish(params)
        with self.core.starting:
            machine = find_machine(self.core.store, params["stateMachineArn"])
            settings = _settings(params, load(machine["settings"]))
            if not any(params.get(key) is not None for key in ("definition", "roleArn", *_SETTINGS)):
                raise ServiceError(
                    "MissingRequiredParameter",
                    "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must "
                    "be specified",
                )
            old = find_revision(self.core.store, machine["arn"], machine["revision"])
            definition = params.get("definition") or old["definition"]
            role = params.get("roleArn") or old["role"]
            _check_role(role)
            _refuse_bad_definition(definition, machine["type"])
            now, revision_id = self.core.now(), machine["revision"]
            if (definition, role, settings) != (old["definition"], old["role"], load(machine["settings"])):
                revision_id = new_id()
                self._add_revision(machine["arn"], revision_id, definition, role, now)
            values = (now, revision_id, dump(settings), machine["arn"])
            self.core.store.write("UPDATE machines SET updated = ?, revision = ?, settings = ? WHERE arn = ?", *values)
            self.core.store.flush()
            return self._published(params, machine["arn"], {"updateDate": moment(now), **shown_revision(revision_id)})

    def describe_state_machine(self, params: Params) -> Params:
        """Describe a state machine, or the version that the ARN names or the alias points to."""
        target = resolve(self.core.store, params["stateMachineArn"])
        machine = target.machine
        revision = find_revision(self.core.store, machine["arn"], target.revision)
        response = {
            "stateMachineArn": target.version or machine["arn"],
            "name": machine["name"],
            "status": "ACTIVE",
            "definition": revision["definition"],
            "roleArn": revision["role"],
            "type": machine["type"],
            "creationDate": moment(machine["created"]),
            **load(machine["settings"]),
        }
        if target.description:
            response["description"] = target.description
        return response | shown_revision(target.revision)

    def list_state_machines(self, params: Params) -> Params:
        """Sorted by name (AWS promises no order)."""
        page = page_of(params)
        rows = self.core.store.read(
            "SELECT arn, name, type, created FROM machines ORDER BY name LIMIT ? OFFSET ?", page.limit, page.after
        )
        return page.reply(
            "stateMachines",
            rows,
            lambda row: {
                "stateMachineArn": row["arn"],
                "name": row["name"],
                "type": row["type"],
                "creationDate": moment(row["created"]),
            },
        )

    def delete_state_machine(self, params: Params) -> Params:
        """Idempotent. AWS ends running executions first; here they continue until a machine of this name is created."""
        check_arn(params["stateMachineArn"], "stateMachine")
        with self.core.starting:
            self.core.store.write("DELETE FROM machines WHERE arn = ?", params["stateMachineArn"])
            self.core.store.write("DELETE FROM tags WHERE arn = ?", params["stateMachineArn"])
            self.core.store.write("DELETE FROM versions WHERE machine = ?", params["stateMachineArn"])
            self.core.store.write("DELETE FROM aliases WHERE machine = ?", params["stateMachineArn"])
            self.core.store.flush()
        return {}

    def describe_state_machine_for_execution(self, params: Params) -> Params:
        """The definition that an execution runs, even if the state machine has changed since."""
        check_arn(params["executionArn"], "execution")
        execution = self.core.store.one("SELECT * FROM executions WHERE arn = ?", params["executionArn"])
        if execution is None:
            raise ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{params['executionArn']}'")
        revision = find_revision(self.core.store, execution["machine"], execution["revision"])
        base = execution["machine"].partition("/")[0]
        machine = self.core.store.one("SELECT settings FROM machines WHERE arn = ?", base)
        return {
            "stateMachineArn": execution["machine"],
            "name": execution["machine"].rpartition(":")[2],
            "definition": _definition(revision["definition"], execution["machine"].partition("/")[2]),
            "roleArn": revision["role"],
            "mapRunArn": execution["map_run"],
            "label": execution["machine"].partition("/")[2] or None,
            "updateDate": moment(revision["created"]),
            **shown_revision(execution["revision"]),
            **(load(machine["settings"]) if machine else {}),
        }

    def validate_state_machine_definition(self, params: Params) -> Params:
        """Return all findings; the result is FAIL if one is an error."""
        findings = check_definition(params["definition"], params.get("type") or "STANDARD")
        if params.get("severity", "ERROR") == "ERROR":
            findings = [finding for finding in findings if finding.severity == "ERROR"]
        most = params.get("maxResults") or 100
        diagnostics = []
        for finding in findings[:most]:
            diagnostic = {"severity": finding.severity, "code": finding.code, "message": finding.message}
            if finding.location is not None:
                diagnostic["location"] = finding.location
            diagnostics.append(diagnostic)
        failed = any(finding.severity == "ERROR" for finding in findings)
        return {"result": "FAIL" if failed else "OK", "diagnostics": diagnostics, "truncated": len(findings) > most}

    def _published(self, params: Params, arn: str, response: Params) -> Params:
        """The response, with a new version if `publish` is set."""
        if params.get("publish"):
            machine = find_machine(self.core.store, arn)
            version = publish(self.core.store, machine, params.get("versionDescription") or "", self.core.now())
            response["stateMachineVersionArn"] = version["arn"]
        return response

    def _add_revision(self, arn: str, revision: str, definition: str, role: str, now: float) -> None:
        self.core.store.write("INSERT INTO revisions VALUES (?, ?, ?, ?, ?)", arn, revision, definition, role, now)


def _definition(text: str, label: str) -> str:
    """The definition of an execution. For a child of a Map Run, this is the item processor."""
    return processor_definition(compile_machine(load(text)), label) or text if label else text


def _settings(params: Params, old: Params) -> Params:
    settings = {
        "loggingConfiguration": _DEFAULT_LOGGING,
        "tracingConfiguration": {"enabled": False},
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
        **old,
    }
    settings.update({key: params[key] for key in _SETTINGS if params.get(key) is not None})
    check_encryption(settings["encryptionConfiguration"])
    logging = settings["loggingConfiguration"]
    if logging.get("level", "OFF") != "OFF" and not logging.get("destinations"):
        raise ServiceError(
            "InvalidLoggingConfiguration", "Invalid Logging Configuration: Must specify exactly one Log Destination."
        )
    return settings


def _check_publish(params: Params) -> None:
    if params.get("versionDescription") and not params.get("publish"):
        raise ServiceError("ValidationException", "Version description can only be set when publish is true")


def _check_role(arn: str) -> None:
    if not _ROLE.fullmatch(arn):
        raise ServiceError("InvalidArn", f"Invalid Role Arn: '{arn[:256]}'")


def _refuse_bad_definition(text: str, kind: str) -> None:
    errors = [finding for finding in check_definition(text, kind) if finding.severity == "ERROR"]
    if errors:
        listing = ", ".join(map(str, errors[:10]))
        raise ServiceError("InvalidDefinition", f"Invalid State Machine Definition: '{listing}'")
