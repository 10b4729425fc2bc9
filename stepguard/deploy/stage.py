"""A stage is the stack `stepguard-STAGE` of the packaged application: deploy it, remove it.

Values of parameters come from deploy/stages/STAGE.yaml of the project, if there is one, and from the command line. The
command line wins.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from stepguard.deploy.aws import Aws, AwsError, aws_call
from stepguard.deploy.package import Package, build
from stepguard.deploy.stack import NAME_CHARACTERS, ChangeSet, Stack, StackError
from stepguard.deploy.versions import freeze
from stepguard.guard.review.rule import read_rule
from stepguard.project.folder import Project
from stepguard.project.settings_file import message_parameters

STAGES = Path("deploy/stages")
PACKAGE = Path("build/package")
POOL = "CognitoUserPoolArn"
IDENTIFIERS = ("PreprocessGuardrailIdentifier", "BedrockGuardrailIdentifier", "PostprocessGuardrailIdentifier")
Confirm = Callable[[str], bool]
Say = Callable[[str], object]


def stack_name(stage: str) -> str:
    """The stack of a stage. Raises StackError if the stage cannot be part of a stack's name."""
    name = f"stepguard-{stage}"
    if not re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", name) or len(name) > NAME_CHARACTERS:
        raise StackError(f"STAGE must be 1 to {NAME_CHARACTERS - 10} lower-case letters, digits and dashes: '{stage}'.")
    return name


def parameters_of(root: Path, stage: str, given: Sequence[str]) -> dict[str, str]:
    """The parameters of a stage's file and of `NAME=VALUE` words. Raises StackError."""
    values: dict[str, str] = {}
    file = root / STAGES / f"{stage}.yaml"
    if file.exists():
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        if not isinstance(content, dict) or not all(isinstance(value, str | int) for value in content.values()):
            raise StackError(f"{STAGES / file.name} must map parameters to texts or numbers.")
        values |= {str(name): str(value) for name, value in content.items()}
    for word in given:
        name, sign, value = word.partition("=")
        if not sign:
            raise StackError(f"A parameter is NAME=VALUE, not '{word}'.")
        values[name] = value
    return values


def deploy(
    stack: Stack, aws: Aws, project: Project, parameters: Mapping[str, str], confirm: Confirm, say: Say
) -> dict[str, str]:
    """Package, upload, preview, confirm, deploy, and return the stack's outputs. A second run without changes has no
    effect.

    Raises PackagingError, StackError, AwsError, and ConfigurationError for a wrong rule of reviews.
    """
    parameters = message_parameters(project) | dict(parameters)
    package = build(project, project.workspace / PACKAGE)
    say(f"{package.archive}: {package.size:,} bytes, sha256 {package.sha256[:12]}")
    template = yaml.safe_load(package.template.read_text(encoding="utf-8"))
    values = values_of(stack, template, parameters)
    if rule := values.get("ReviewRule", "").strip():
        read_rule(rule)
    _stamp(template, values.get(POOL, ""))
    freeze(template, package.sha256, values)
    if unguarded(values):
        say("Unguarded=yes: no guard layer is on in this stage.")
    url = _upload(aws, stack.name, package, template)
    change_set = stack.preview(url, parameters, list(template["Parameters"]))
    if not change_set.changes:
        say(f"{stack.name} is up to date.")
        return stack.outputs()
    for line in describe(change_set):
        say(line)
    if not confirm(f"{'Make' if change_set.create else 'Change'} {stack.name}?"):
        stack.discard(change_set.arn)
        raise StackError("No change was made.")
    stack.execute(change_set)
    return stack.outputs()


def values_of(stack: Stack, template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, str]:
    """The value of each parameter after the deployment: the given one, the stack's, or the template's default."""
    values = {name: str(item.get("Default", "")) for name, item in template["Parameters"].items()}
    existing = stack.describe() or {}
    kept = {item["ParameterKey"]: item.get("ParameterValue", "") for item in existing.get("Parameters", ())}
    return values | {name: value for name, value in kept.items() if name in values} | dict(parameters)


def unguarded(values: Mapping[str, str]) -> bool:
    """Whether the stage would have no guard layer. Raises StackError unless Unguarded=yes permits that.

    The template's rules refuse the same, but not every emulator of CloudFormation reads rules.
    """
    permitted, given = values.get("Unguarded") == "yes", values.get("Guardrails", "create") == "given"
    identifiers = [name for name in IDENTIFIERS if values.get(name, "").strip()]
    if given and not identifiers and not permitted:
        raise StackError(
            "Guardrails=given without an identifier leaves every guard layer off. Set the identifier and the version "
            f"of at least one layer ({', '.join(IDENTIFIERS)}), Guardrails=create, or Unguarded=yes."
        )
    if permitted and (identifiers or not given):
        raise StackError(
            "Unguarded=yes needs Guardrails=given and no guardrail, but "
            f"{', '.join(identifiers) or 'Guardrails=create'} is set: remove one of them."
        )
    return permitted


def _stamp(template: Mapping[str, Any], user_pool: str) -> None:
    """Make the API's text depend on its authorization.

    SAM publishes the API again only when its text changes (the deployment's logical id is a digest of it), and the text
    does not contain parameters: without this, IAM callers would keep access after a change to Cognito.
    """
    if user_pool:
        info = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["info"]
        info["version"] = hashlib.sha256(user_pool.encode()).hexdigest()[:12]


def _upload(aws: Aws, folder: str, package: Package, template: Mapping[str, Any]) -> str:
    """Upload the zip and its template to the bucket for packages. Returns the template's URL.

    The zip's key is its digest: unchanged code keeps its address, so CloudFormation updates no Lambda.
    """
    bucket, code, key = ensure_bucket(aws), f"{folder}/{package.sha256}.zip", f"{folder}/template.yaml"
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://{bucket}/{code}"
    text = yaml.safe_dump(template, allow_unicode=True, width=120)
    with aws_call():
        s3 = aws("s3")
        s3.put_object(Bucket=bucket, Key=code, Body=package.archive.read_bytes())
        s3.put_object(Bucket=bucket, Key=key, Body=text.encode())
    # Path style: an emulator of CloudFormation supports only this. China's regions have a different domain.
    region = s3.meta.region_name
    return f"https://s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}/{bucket}/{key}"


def describe(change_set: ChangeSet) -> list[str]:
    """The preview, one line per resource; replaced or removed resources first."""
    rows = sorted(
        change_set.changes, key=lambda item: (item.action == "Add", item.replacement != "True", item.resource)
    )
    return [
        f"  {item.action:<7} {item.resource:<44} {item.type}"
        + (f"  REPLACED: {item.replacement}" if item.replacement not in ("", "False") else "")
        for item in rows
    ]


def ensure_bucket(aws: Aws) -> str:
    """The account's bucket for packages in this region: private, encrypted by default, TLS only. Raises AwsError."""
    with aws_call():
        identity = aws("sts").get_caller_identity()
    account, partition = identity["Account"], identity["Arn"].split(":")[1]
    s3 = aws("s3")
    region = s3.meta.region_name
    name = f"stepguard-packages-{account}-{region}"
    try:
        with aws_call():
            s3.head_bucket(Bucket=name, ExpectedBucketOwner=account)
    except AwsError as error:
        if error.code not in ("404", "NoSuchBucket", "NotFound"):
            raise
        with aws_call():
            _make_bucket(s3, name, region, partition)
    return name


def _make_bucket(s3: Any, name: str, region: str, partition: str) -> None:
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **place)
    closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(closed, True))
    s3.put_bucket_policy(Bucket=name, Policy=_tls_only(f"arn:{partition}:s3:::{name}"))


def _tls_only(arn: str) -> str:
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def destroy(stack: Stack, aws: Aws, confirm: Confirm, say: Say, *, empty: bool = False) -> None:
    """Print the stack's resources, ask for confirmation, and remove the stack. A bucket with objects stops it, unless
    `empty`.

    Raises StackError, AwsError.
    """
    if stack.describe() is None:
        say(f"There is no stack {stack.name}.")
        return
    resources = stack.resources()
    for name, kind, physical in resources:
        say(f"  Remove  {name:<44} {kind}  {physical}")
    if not confirm(f"Remove {stack.name} and all of this?"):
        raise StackError("No resource was removed.")
    if empty:
        for _, kind, physical in resources:
            if kind == "AWS::S3::Bucket":
                _empty(aws("s3"), physical)
    for name, _, physical in resources:
        if name == "ReviewStateMachine":
            _stop_reviews(aws("stepfunctions"), physical)
    stack.delete()
    say(f"{stack.name} is gone.")


def _stop_reviews(states: Any, machine: str) -> None:
    """Stop the reviews that wait for a person: Step Functions deletes a state machine after its last execution."""
    with aws_call():
        pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
        for page in pages:
            for execution in page["executions"]:
                states.stop_execution(executionArn=execution["executionArn"], cause="The stage is removed.")


def _empty(s3: Any, bucket: str) -> None:
    """Delete all objects of a bucket with their old versions, a page at a time: a page holds as many as one
    DeleteObjects takes."""
    with aws_call():
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            keys = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in listed]
            failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True}) if keys else {}
            for error in failed.get("Errors", ()):
                raise AwsError(error["Code"], f"{bucket}/{error['Key']}: {error['Message']}")
