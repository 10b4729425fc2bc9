"""Freezes the Lambdas of a deployment: the state machines call published versions, never the code that changes.

A version of a state machine freezes its definition, not the code of the Lambdas that it calls
(https://docs.aws.amazon.com/step-functions/latest/dg/concepts-cd-aliasing-versioning.html). With the version of each
Lambda in the definition, an execution in flight ends with the code, the settings and the guardrails that it began with,
and a rollback of the state machine's alias is whole. SAM publishes a Lambda version when AutoPublishCodeSha256 changes:
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from typing import Any

ALIAS = "live"
DESCRIPTION = "stepguard"
DIGEST_CHARACTERS = 12


def freeze(template: Mapping[str, Any], code: str, values: Mapping[str, str]) -> None:
    """Make the state machines of a template call published versions of their Lambdas.

    `code` is the digest of the zip, `values` are the stack's parameters. SAM compares texts, and a text names a
    parameter without its value: so the digest of a version has the values too, or a changed setting would never reach
    the Lambda that runs. CloudFormation never returns the value of a NoEcho parameter: no digest has it, and a Lambda
    that uses one is not frozen, so that it gets each new value.
    """
    resources = template["Resources"]
    secrets = {name for name, item in template["Parameters"].items() if item.get("NoEcho")}
    known = {name: value for name, value in values.items() if name not in secrets}
    called: set[str] = set()
    for resource in resources.values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            substitutions = resource["Properties"].get("DefinitionSubstitutions", {})
            for name, value in substitutions.items():
                function = _function_of(value)
                if function is not None and not _uses(resources[function], secrets):
                    called.add(function)
                    substitutions[name] = {"Ref": f"{function}.Version"}
    shared = template.get("Globals", {}).get("Function", {})
    for function in called:
        properties = resources[function]["Properties"]
        content = json.dumps([code, known, shared, properties], sort_keys=True)
        digest = hashlib.sha256(content.encode()).hexdigest()
        properties["AutoPublishAlias"] = ALIAS
        properties["AutoPublishCodeSha256"] = digest
        # Lambda publishes no version of an unchanged function, which CloudFormation reports as a failure: so the
        # function changes with the digest, also when a parameter changed that it does not use.
        properties["Description"] = f"{DESCRIPTION} {digest[:DIGEST_CHARACTERS]}"


def _uses(value: Any, parameters: Set[str]) -> bool:
    """Whether a part of a template refers to one of these parameters."""
    match value:
        case {"Ref": str(name)}:
            return name in parameters
        case Mapping():
            return any(_uses(item, parameters) for item in value.values())
        case list():
            return any(_uses(item, parameters) for item in value)
    return False


def _function_of(value: Any) -> str | None:
    """The logical id in `GetAtt FUNCTION.Arn`."""
    match value:
        case {"Fn::GetAtt": [str(function), "Arn"]}:
            return function
    return None
