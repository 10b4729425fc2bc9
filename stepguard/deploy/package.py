"""Builds the package: `chalice package`, the guardrails, a reproducible zip, the state machine's definition.

Offline and without credentials: Chalice only needs a region. The result is a folder of two files: sam.yaml, which holds
the state machines' definitions, and deployment.zip, which every Lambda's CodeUri names.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stepguard.deploy import archive, guardrails
from stepguard.deploy.lambda_part import PACKAGE, InstallationChanged, LambdaPart, find_lambda_part
from stepguard.deploy.resources import ResourcesError, load_resources
from stepguard.guard.errors import ConfigurationError
from stepguard.guard.stages import ALL
from stepguard.project.definitions import DefinitionError, check_composed
from stepguard.project.folder import Project, answers_recorded
from stepguard.project.guardrail_files import read_guardrail_files

STAGE = "dev"
RESOURCES = "statemachine/cloudformation"
MUST_HOLD = ("app.py", "chalice/app.py", "functions/__init__.py", "stepguard/guard/__init__.py")

# `python -m chalice` does not exist, and the `chalice` script may not be on the path.
_CHALICE = [sys.executable, "-c", "import sys; from chalice.cli import main; sys.exit(main())"]


class PackagingError(Exception):
    """The package could not be built; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    """What was built: paths, the zip's number of files, size in bytes and digest, the digest of stepguard's part."""

    archive: Path
    template: Path
    files: int
    size: int
    sha256: str
    lambda_part: str


def build(project: Project, out: Path) -> Package:
    """Package a project into a folder, which is created. Raises PackagingError."""
    try:
        project.lambdas()  # Chalice reports a malformed config.json as a traceback
        layers = configurations(project)
        resources = load_resources(project.path(RESOURCES))
        lambda_part = find_lambda_part()
    except (ResourcesError, ConfigurationError, InstallationChanged) as error:
        raise PackagingError(str(error)) from None
    for name in ("deployment.zip", "sam.yaml"):
        (out / name).unlink(missing_ok=True)  # what an earlier build left must not pass for this one's
    with tempfile.TemporaryDirectory(prefix="stepguard-package-") as staging:
        application = Path(staging)
        _stage(project, lambda_part, application)
        merged = application / "resources.yaml"
        merged.write_text(yaml.dump(resources, Dumper=_Plain, allow_unicode=True), encoding="utf-8")
        _chalice(application, out, merged)
    names = archive.normalise(out / "deployment.zip")
    missing = [name for name in MUST_HOLD if name not in names]
    if missing:
        raise PackagingError(f"The zip lacks {', '.join(missing)}.")
    _finish_template(out / "sam.yaml", layers, project)
    content = (out / "deployment.zip").read_bytes()
    return Package(
        archive=out / "deployment.zip",
        template=out / "sam.yaml",
        files=len(names),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        lambda_part=lambda_part.sha256,
    )


def configurations(project: Project) -> dict[str, Mapping[str, Any]]:
    """The CreateGuardrail request of each layer, by the file's name: preprocess, model, postprocess.

    Raises ConfigurationError naming the file that cannot be read.
    """
    return {file.stem: request for file, request in read_guardrail_files([project.path("guardrails")]).items()}


def _stage(project: Project, lambda_part: LambdaPart, target: Path) -> None:
    """Copy what runs in Lambda into a temporary Chalice project: Chalice packs app.py and what is in vendor/."""
    unwanted = shutil.ignore_patterns("__pycache__", "*.py[co]", "deployments", "deployed", "ejected.json")
    try:
        for folder in dict.fromkeys((project.builtin, project.root)):  # a team's own files win
            shutil.copytree(folder / ".chalice", target / ".chalice", ignore=unwanted, dirs_exist_ok=True)
        shutil.copy2(project.path("requirements.txt"), target / "requirements.txt")
        shutil.copy2(project.application / "app.py", target / "app.py")
        shutil.copytree(project.application / "functions", target / "vendor" / "functions", ignore=unwanted)
        for file in lambda_part.files:
            copy = target / "vendor" / "stepguard" / file.relative_to(PACKAGE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, copy)
    except OSError as error:
        raise PackagingError(f"{error.filename}: {error.strerror or 'cannot be copied'}.") from None


def _chalice(root: Path, out: Path, resources: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))},
        # Any region: the template has none in it. The person's AWS configuration must not matter, nor be needed.
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [*_CHALICE, "package", "--stage", STAGE, "--merge-template", str(resources.resolve()), str(out.resolve())]
    result = subprocess.run(  # noqa: S603 - a fixed command
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise PackagingError(f"chalice package failed:\n{(result.stdout + result.stderr).strip()}")


def _finish_template(template: Path, layers: Mapping[str, Mapping[str, Any]], project: Project) -> None:
    document = guardrails.point_at_versions(yaml.safe_load(template.read_text(encoding="utf-8")), layers)
    try:
        document["Resources"] |= guardrails.resources(layers)
    except guardrails.GuardrailFieldError as error:
        raise PackagingError(str(error)) from None
    _embed_definitions(document["Resources"], project.path("statemachine"))
    _allow_network_interfaces(document["Resources"])
    _allow_frames(document["Resources"])
    _close_api(document["Resources"])
    template.write_text(yaml.dump(document, Dumper=_Plain, allow_unicode=True, width=120), encoding="utf-8")


def _embed_definitions(resources: Mapping[str, Any], folder: Path) -> None:
    """Put each state machine's definition where its file is named: cfn-lint and CloudFormation then read it."""
    for name, resource in resources.items():
        if resource.get("Type") == "AWS::StepFunctions::StateMachine":
            resource["Properties"]["Definition"] = _embedded(name, resource["Properties"]["Definition"], folder)
    if not answers_recorded(json.dumps(resources["ChatStateMachine"]["Properties"]["Definition"])):
        _ask_step_functions(resources)
    try:
        check_composed(folder)
    except DefinitionError as error:
        raise PackagingError(str(error)) from None


def _embedded(name: str, definition: Any, folder: Path) -> Any:
    """The definition of a file, or of each file of an `!If`."""
    if isinstance(definition, Mapping):
        condition, *files = definition["Fn::If"]
        return {"Fn::If": [condition, *(_embedded(name, file, folder) for file in files)]}
    file = folder / str(definition)
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PackagingError(f"{name}'s definition {file.name} cannot be read: {error}") from None


def _ask_step_functions(resources: Mapping[str, Any]) -> None:
    """An ejected definition of an older version writes no answer: the API asks Step Functions for it, as before."""
    for name in ("APIHandler", "Stream", "NotifyListener"):
        del resources[name]["Properties"]["Environment"]["Variables"]["ANSWER_TABLE"]
    for name in ("ChatStateMachine", "ChatExpressStateMachine"):
        del resources[name]["Properties"]["DefinitionSubstitutions"]["AnswerTableName"]


def _close_api(resources: Mapping[str, Any]) -> None:
    """Make every route of app.py require a signature, or a token of the user pool; a new route is closed too.

    SAM's own DefaultAuthorizer cannot depend on a parameter.
    """
    for path in resources["RestAPI"]["Properties"]["DefinitionBody"]["paths"].values():
        for route in path.values():
            route["security"] = {"Fn::If": ["CallersAreCognitoUsers", [{"UserPool": []}], [{"Signature": []}]]}


def _allow_network_interfaces(resources: Mapping[str, Any]) -> None:
    """A Lambda in a VPC makes its own network interfaces; EC2 knows no resource for these actions before they exist.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    """
    for resource in resources.values():
        if resource.get("Type") == "AWS::Serverless::Function":
            role = resources[resource["Properties"]["Role"]["Fn::GetAtt"][0]]
            role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].append(
                {"Fn::If": ["InVpc", dict(_NETWORK_INTERFACES), {"Ref": "AWS::NoValue"}]}
            )


_NETWORK_INTERFACES = {
    "Sid": "UseNetworkInterfaces",
    "Effect": "Allow",
    "Action": ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"],
    "Resource": "*",
}


def _allow_frames(resources: Mapping[str, Any]) -> None:
    """The Lambdas that send frames may post to the connections of the stack's WebSocket API, and to no other."""
    for name in (*(stage.state for stage in ALL), "Stream", "NotifyListener"):
        role = resources[resources[name]["Properties"]["Role"]["Fn::GetAtt"][0]]
        role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].append(
            {"Fn::If": ["StreamingOn", dict(_FRAMES), {"Ref": "AWS::NoValue"}]}
        )


_FRAMES = {
    "Sid": "PostFrames",
    "Effect": "Allow",
    "Action": ["execute-api:ManageConnections"],
    "Resource": [
        {
            "Fn::Sub": "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${StreamApi}/live/POST"
            "/@connections/*"
        }
    ],
}


class _Plain(yaml.SafeDumper):
    """YAML without anchors and aliases, which not every reader of templates follows."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
