"""`make deploy STAGE=…`, `make destroy STAGE=…`: a stage is the stack `stepguard-STAGE` of the packaged application.

    python -m stepguard.deploy.stage deploy|outputs|destroy STAGE [--parameter NAME=VALUE]… [--yes] [--endpoint-url URL]

Values of parameters come from deploy/stages/STAGE.yaml, if there is one, and from the command line, which wins.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from stepguard.deploy.aws import Aws, AwsCli, AwsError
from stepguard.deploy.package import PackagingError, build
from stepguard.deploy.stack import NAME_CHARACTERS, ChangeSet, Stack, StackError

ROOT = Path(__file__).resolve().parents[2]
STAGES = Path("deploy/stages")
PACKAGE = Path("build/package")
POOL = "CognitoUserPoolArn"
Confirm = Callable[[str], bool]
Say = Callable[[str], object]


def stack_name(stage: str) -> str:
    """The stack of a stage. Raises StackError for a stage that cannot be part of a stack's name."""
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
    stack: Stack, aws: Aws, root: Path, parameters: Mapping[str, str], confirm: Confirm, say: Say
) -> dict[str, str]:
    """Package, upload, preview, ask, change, and give the stack's outputs; doing it twice changes nothing.

    Raises PackagingError, StackError, AwsError.
    """
    package = build(root, PACKAGE)
    say(f"{package.archive}: {package.size:,} bytes, sha256 {package.sha256[:12]}")
    template = root / package.template
    declared = _stamp(template, _user_pool(stack, parameters))
    bucket = ensure_bucket(aws)
    packaged = template.with_name("packaged.yaml")
    aws(
        "cloudformation",
        "package",
        *("--template-file", str(template), "--s3-bucket", bucket, "--s3-prefix", stack.name),
        *("--output-template-file", str(packaged)),
    )
    key = f"{stack.name}/template.yaml"
    aws("s3api", "put-object", "--bucket", bucket, "--key", key, "--body", str(packaged))
    change_set = stack.preview(_url(aws, bucket, key), parameters, declared)
    if not change_set.changes:
        say(f"{stack.name} is up to date.")
        return stack.outputs()
    for line in describe(change_set):
        say(line)
    if not confirm(f"{'Make' if change_set.create else 'Change'} {stack.name}?"):
        stack.discard(change_set.arn)
        raise StackError("Nothing was changed.")
    stack.execute(change_set)
    return stack.outputs()


def _user_pool(stack: Stack, parameters: Mapping[str, str]) -> str:
    """The pool whose users may call the API: as given, or as the stack has it."""
    if POOL in parameters:
        return parameters[POOL]
    existing = stack.describe() or {}
    found = [item["ParameterValue"] for item in existing.get("Parameters", ()) if item["ParameterKey"] == POOL]
    return str(found[0]) if found else ""


def _stamp(template: Path, user_pool: str) -> list[str]:
    """Let the API's text tell who may call it; gives the names of the template's parameters.

    SAM publishes the API again only when its text changes (the deployment's logical id is a digest of it), and a
    parameter is not in the text: without this, IAM callers would still get in after a change to Cognito.
    """
    document = yaml.safe_load(template.read_text(encoding="utf-8"))
    if user_pool:
        info = document["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["info"]
        info["version"] = hashlib.sha256(user_pool.encode()).hexdigest()[:12]
        template.write_text(yaml.safe_dump(document, allow_unicode=True, width=120), encoding="utf-8")
    return list(document["Parameters"])


def describe(change_set: ChangeSet) -> list[str]:
    """The preview, a line a resource; what would be replaced or removed stands first."""
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
    identity = aws("sts", "get-caller-identity")
    account, partition = identity["Account"], identity["Arn"].split(":")[1]
    region = _region(aws)
    name = f"stepguard-packages-{account}-{region}"
    try:
        aws("s3api", "head-bucket", "--bucket", name, "--expected-bucket-owner", account)
    except AwsError as error:
        if error.code not in ("404", "NoSuchBucket", "NotFound"):
            raise
        place = () if region == "us-east-1" else ("--create-bucket-configuration", f"LocationConstraint={region}")
        aws("s3api", "create-bucket", "--bucket", name, *place)
        closed = "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true"
        aws("s3api", "put-public-access-block", "--bucket", name, "--public-access-block-configuration", closed)
        aws("s3api", "put-bucket-policy", "--bucket", name, "--policy", _tls_only(f"arn:{partition}:s3:::{name}"))
    return name


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


def _region(aws: Aws) -> str:
    found = aws("configure", "list")
    match = re.search(r"^\s*region\s+(\S+)", str(found), re.MULTILINE)
    if match is None or match[1] in ("<not", "None"):
        raise StackError("No AWS region is set: set AWS_DEFAULT_REGION, or a profile with a region.")
    return match[1]


def _url(aws: Aws, bucket: str, key: str) -> str:
    """Path style, as `aws cloudformation package` writes nested templates' addresses."""
    region = _region(aws)
    return f"https://s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}/{bucket}/{key}"


def destroy(stack: Stack, aws: Aws, confirm: Confirm, say: Say, *, empty: bool = False) -> None:
    """Show what the stack holds, ask, and remove it. A bucket that holds something stops it, unless `empty`.

    Raises StackError, AwsError.
    """
    if stack.describe() is None:
        say(f"There is no stack {stack.name}.")
        return
    resources = stack.resources()
    for name, kind, physical in resources:
        say(f"  Remove  {name:<44} {kind}  {physical}")
    if not confirm(f"Remove {stack.name} and all of this?"):
        raise StackError("Nothing was removed.")
    if empty:
        for _, kind, physical in resources:
            if kind == "AWS::S3::Bucket":
                aws("s3", "rm", f"s3://{physical}", "--recursive")
    stack.delete()
    say(f"{stack.name} is gone.")


def main(arguments: Sequence[str]) -> int:
    """Exit code 0, 1 when AWS or the person says no, 2 for bad usage."""
    chosen = _parser().parse_args(arguments)
    aws = AwsCli(chosen.endpoint_url)
    try:
        stack = Stack(stack_name(chosen.stage), aws)
        confirm = (lambda question: True) if chosen.yes else _ask
        if chosen.action == "deploy":
            parameters = parameters_of(ROOT, chosen.stage, chosen.parameter)
            _print(deploy(stack, aws, ROOT, parameters, confirm, _say))
        elif chosen.action == "outputs":
            _print(stack.outputs())
        else:
            destroy(stack, aws, confirm, _say, empty=chosen.empty_buckets)
    except (StackError, PackagingError, AwsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stepguard.deploy.stage", description="Deploy or remove a stage.")
    parser.add_argument("action", choices=("deploy", "outputs", "destroy"))
    parser.add_argument("stage")
    parser.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="docs/operate/packaging.md"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--endpoint-url", metavar="URL", help="an emulator of AWS")
    parser.add_argument("--empty-buckets", action="store_true", help="with destroy: delete what the buckets hold")
    return parser


def _ask(question: str) -> bool:
    if not sys.stdin.isatty():
        sys.stderr.write(f"{question} Nobody is there to say yes: use --yes.\n")
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _print(outputs: Mapping[str, Any]) -> None:
    for name, value in sorted(outputs.items()):
        _say(f"{name} = {value}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
