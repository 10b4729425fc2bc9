"""Deploying a stage: preview, confirmation, failure, removal. botocore's model checks every request and reply."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws

from stepguard.cli.main import main
from stepguard.deploy.aws import AwsError
from stepguard.deploy.stack import Change, ChangeSet, Stack, StackError
from stepguard.deploy.stage import deploy, describe, destroy, ensure_bucket, parameters_of, stack_name
from stepguard.project.folder import Project
from tests.fakes.aws import FakeClient, Request, client_error
from tests.packaging.conftest import Built, copy_project, package, read

NAME = "stepguard-test"
CHANGE_SET = f"arn:aws-us-gov:cloudformation:eu-west-1:123456789012:changeSet/{NAME}/1"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


class FakeAws:
    """One stack of CloudFormation, the bucket for packages, and the caller's identity."""

    def __init__(
        self, status: str = "", ends: str = "CREATE_COMPLETE", reason: str = "", *, bucket: bool = True
    ) -> None:
        self.status, self.ends, self.reason, self.bucket = status, ends, reason, bucket
        self.previous = [{"ParameterKey": "Kept", "ParameterValue": "1"}]
        self.head_error = client_error("404", "Not Found", 404)
        self.cloudformation = FakeClient(
            "cloudformation",
            describe_stacks=self._stacks,
            create_change_set={"Id": CHANGE_SET},
            describe_change_set=self._change_set,
            delete_change_set={},
            execute_change_set=self._end,
            delete_stack=self._end,
            describe_stack_events=self._events,
            list_stack_resources=self._resources,
        )
        self.s3 = FakeClient(
            "s3", head_bucket=self._head_bucket, put_object={}, list_object_versions=self._objects, delete_objects={}
        )
        self.s3.meta = SimpleNamespace(region_name="eu-west-1")
        identity = {"Account": "123456789012", "Arn": "arn:aws-us-gov:iam::123456789012:user/a"}
        self._services = {
            "cloudformation": self.cloudformation,
            "s3": self.s3,
            "sts": FakeClient("sts", get_caller_identity=identity),
        }

    def __call__(self, service: str) -> Any:
        """As `Aws`."""
        return self._services[service]

    def done(self, operation: str) -> list[Request]:
        """The requests of an operation."""
        return [*self.cloudformation.bodies(operation), *self.s3.bodies(operation)]

    def template(self) -> dict[str, Any]:
        """The template that was uploaded last."""
        bodies = {request["Key"]: request["Body"] for request in self.s3.bodies("put_object")}
        document: dict[str, Any] = yaml.safe_load(bodies[f"{NAME}/template.yaml"])
        return document

    def _stacks(self, request: Request) -> Mapping[str, Any]:
        if not self.status:
            raise client_error("ValidationError", f"Stack with id {NAME} does not exist", operation="DescribeStacks")
        outputs = [{"OutputKey": "EndpointURL", "OutputValue": "https://x"}]
        stack = {"StackName": NAME, "CreationTime": NOW, "StackStatus": self.status}
        return {"Stacks": [{**stack, "Parameters": self.previous, "Outputs": outputs}]}

    def _change_set(self, request: Request) -> Mapping[str, Any]:
        """Two changes, on two pages."""
        if self.reason:
            return {"Status": "FAILED", "StatusReason": self.reason}
        change = {"Action": "Modify", "LogicalResourceId": "RestAPI", "ResourceType": "T", "Replacement": "True"}
        added = {"Action": "Add", "LogicalResourceId": "A", "ResourceType": "T"}
        last = "NextToken" in request
        more = {} if last else {"NextToken": "two"}
        return {"Status": "CREATE_COMPLETE", "Changes": [{"ResourceChange": change if last else added}], **more}

    def _end(self, request: Request) -> Mapping[str, Any]:
        self.status = self.ends
        return {}

    def _events(self, request: Request) -> Mapping[str, Any]:
        event = {"LogicalResourceId": "Table", "ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": "no quota"}
        event |= {"StackId": NAME, "EventId": "1", "StackName": NAME, "Timestamp": NOW}  # type: ignore[dict-item]
        return {"StackEvents": [event, {**event, "ResourceStatus": "CREATE_COMPLETE"}]}

    def _resources(self, request: Request) -> Mapping[str, Any]:
        bucket = {"LogicalResourceId": "B", "ResourceType": "AWS::S3::Bucket", "PhysicalResourceId": "b-1"}
        return {
            "StackResourceSummaries": [
                {**bucket, "ResourceStatus": "CREATE_COMPLETE", "LastUpdatedTimestamp": NOW},
            ]
        }

    def _head_bucket(self, request: Request) -> Mapping[str, Any]:
        assert request["ExpectedBucketOwner"] == "123456789012"
        if not self.bucket:
            raise self.head_error
        return {}

    def _objects(self, request: Request) -> Mapping[str, Any]:
        """Two pages: an object, and the marker of a deleted one."""
        if "KeyMarker" in request:
            return {"DeleteMarkers": [{"Key": "second", "VersionId": "2"}], "IsTruncated": False}
        more = {"IsTruncated": True, "NextKeyMarker": "two", "NextVersionIdMarker": "1"}
        return {"Versions": [{"Key": "first", "VersionId": "1"}], **more}


def stack(aws: FakeAws) -> Stack:
    """A stack without pauses."""
    return Stack(NAME, aws.cloudformation, 0)


@pytest.fixture(name="built", scope="module")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A separate package, because deploying writes into it."""
    root = copy_project(tmp_path_factory.mktemp("stack") / "project")
    return read(root, package(root, "build/package"))


def run(aws: FakeAws, built: Built, *, yes: bool, parameters: Mapping[str, str] | None = None) -> list[str]:
    """`make deploy`; what it said."""
    said: list[str] = []
    deploy(stack(aws), aws, Project(built.root, built.root), parameters or {}, lambda question: yes, said.append)
    return said


def test_a_new_stack_is_previewed_and_made(built: Built) -> None:
    """Upload, change set of type CREATE, execute; the preview names what is replaced first."""
    aws = FakeAws()
    said = run(aws, built, yes=True)

    assert [line.split()[1] for line in said[1:]] == ["RestAPI", "A"]
    assert "REPLACED: True" in said[1]
    (request,) = aws.done("create_change_set")
    assert request["ChangeSetType"] == "CREATE"
    assert request["Tags"] == [{"Key": "stepguard", "Value": NAME}]
    bucket = "stepguard-packages-123456789012-eu-west-1"
    assert request["TemplateURL"] == f"https://s3.eu-west-1.amazonaws.com/{bucket}/{NAME}/template.yaml"
    assert aws.done("execute_change_set") == [{"ChangeSetName": CHANGE_SET}]


def test_the_zip_is_named_by_its_content(built: Built) -> None:
    """All Lambdas name the uploaded zip by its digest: the same code is the same address, other code another."""
    aws = FakeAws()
    run(aws, built, yes=True)
    (archive, _) = aws.done("put_object")
    content = (built.root / built.package.archive).read_bytes()

    assert archive["Key"] == f"{NAME}/{built.package.sha256}.zip"
    assert archive["Body"] == content
    functions = [
        item["Properties"]["CodeUri"]
        for item in aws.template()["Resources"].values()
        if item["Type"] == "AWS::Serverless::Function"
    ]
    assert len(functions) == 16
    assert set(functions) == {f"s3://{archive['Bucket']}/{archive['Key']}"}
    assert "./deployment.zip" not in json.dumps(aws.template())


def test_without_a_yes_nothing_changes(built: Built) -> None:
    """The change set is thrown away."""
    aws = FakeAws("CREATE_COMPLETE")
    with pytest.raises(StackError, match="No change was made"):
        run(aws, built, yes=False)

    assert aws.done("execute_change_set") == []
    assert aws.done("delete_change_set") == [{"ChangeSetName": CHANGE_SET}]


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_an_unchanged_stack_is_left_alone(built: Built, reason: str) -> None:
    """CloudFormation calls an empty change set a failure; nobody is asked."""
    aws = FakeAws("UPDATE_COMPLETE", reason=reason)

    assert run(aws, built, yes=False)[-1] == f"{NAME} is up to date."


def test_a_refused_change_is_reported_in_cloudformations_words(built: Built) -> None:
    """For example a rule of the template."""
    with pytest.raises(StackError, match="refuses the change: Set both"):
        run(FakeAws("CREATE_COMPLETE", reason="Set both or neither"), built, yes=True)


def test_a_rollback_is_a_failure_with_its_reasons(built: Built) -> None:
    """What failed, and why; not what was rolled back for it."""
    with pytest.raises(StackError, match=r"UPDATE_ROLLBACK_COMPLETE\. Why:\n  Table: no quota$"):
        run(FakeAws("CREATE_COMPLETE", ends="UPDATE_ROLLBACK_COMPLETE"), built, yes=True)


def test_a_stack_that_was_never_made_must_go_first(built: Built) -> None:
    """CloudFormation updates no ROLLBACK_COMPLETE stack."""
    with pytest.raises(StackError, match="stepguard destroy"):
        run(FakeAws("ROLLBACK_COMPLETE"), built, yes=True)


def test_parameters_that_are_not_given_keep_their_values(built: Built) -> None:
    """An update without a parameter does not fall back to its default."""
    aws = FakeAws("CREATE_COMPLETE")
    aws.previous = [{"ParameterKey": "EmptyMessage", "ParameterValue": "x"}, {"ParameterKey": "Gone"}]
    run(aws, built, yes=True, parameters={"ErrorMessage": "y"})
    (request,) = aws.done("create_change_set")

    assert request["Parameters"] == [
        {"ParameterKey": "ErrorMessage", "ParameterValue": "y"},
        {"ParameterKey": "EmptyMessage", "UsePreviousValue": True},
    ]


def test_a_change_of_who_may_call_publishes_the_api_again(built: Built) -> None:
    """SAM's deployment of the API follows the API's text: the text follows the user pool, given or kept."""

    def version(aws: FakeAws, **parameters: str) -> str:
        run(aws, built, yes=True, parameters=parameters)
        return str(aws.template()["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["info"]["version"])

    with_pool = FakeAws("CREATE_COMPLETE")
    with_pool.previous = [{"ParameterKey": "CognitoUserPoolArn", "ParameterValue": "pool-a"}]
    signed = version(FakeAws())
    kept = version(with_pool)
    other = version(FakeAws(), CognitoUserPoolArn="pool-b")

    assert len({signed, kept, other}) == 3
    assert kept == version(FakeAws(), CognitoUserPoolArn="pool-a")
    assert version(with_pool, CognitoUserPoolArn="") == signed


def test_an_unknown_parameter_is_named(built: Built) -> None:
    """Before the first call of CloudFormation."""
    aws = FakeAws()
    with pytest.raises(StackError, match="no parameter Misspelt"):
        run(aws, built, yes=True, parameters={"Misspelt": "1"})
    assert aws.done("create_change_set") == []


@pytest.mark.parametrize(
    ("region", "partition"), [("us-east-1", "aws"), ("eu-west-1", "aws"), ("us-gov-west-1", "aws-us-gov")]
)
def test_the_bucket_for_packages_is_closed(monkeypatch: pytest.MonkeyPatch, region: str, partition: str) -> None:
    """Made once, in the region, private, TLS only, in the caller's partition."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        made: dict[str, Any] = {name: boto3.client(name, region_name=region) for name in ("s3", "sts")}
        s3, name = made["s3"], f"stepguard-packages-123456789012-{region}"
        assert ensure_bucket(made.__getitem__) == ensure_bucket(made.__getitem__) == name
        assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == (None if region == "us-east-1" else region)
        assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
        (statement,) = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert all(arn.startswith(f"arn:{partition}:s3:::") for arn in statement["Resource"])


def test_another_accounts_bucket_is_not_used() -> None:
    """A bucket of this name that belongs to somebody else stops the deployment: code must not go there."""
    aws = FakeAws(bucket=False)
    aws.head_error = client_error("403", "Forbidden", 403)
    with pytest.raises(AwsError, match="403: Forbidden"):
        ensure_bucket(aws)


@pytest.mark.parametrize(("yes", "empty"), [(True, False), (True, True), (False, True)])
def test_destroying_asks_and_empties_only_with_the_option(*, yes: bool, empty: bool) -> None:
    """What the buckets hold goes only with --empty-buckets, and nothing goes without a yes."""
    aws, said = FakeAws("CREATE_COMPLETE", ends="DELETE_COMPLETE"), list[str]()
    if yes:
        destroy(stack(aws), aws, lambda question: True, said.append, empty=empty)
        assert said[-1] == f"{NAME} is gone."
    else:
        with pytest.raises(StackError, match="No resource was removed"):
            destroy(stack(aws), aws, lambda question: False, said.append, empty=empty)
    assert "b-1" in said[0]
    assert len(aws.done("delete_stack")) == yes
    keys = [item["Key"] for request in aws.done("delete_objects") for item in request["Delete"]["Objects"]]
    assert keys == (["first", "second"] if yes and empty else [])


def test_an_object_that_cannot_be_deleted_stops_the_removal() -> None:
    """DeleteObjects reports it in a successful answer."""
    aws = FakeAws("CREATE_COMPLETE", ends="DELETE_COMPLETE")
    refusal = {"Key": "first", "Code": "AccessDenied", "Message": "no"}
    aws.s3 = aws._services["s3"] = FakeClient(
        "s3",
        list_object_versions={"Versions": [{"Key": "first", "VersionId": "1"}]},
        delete_objects={"Errors": [refusal]},
    )
    with pytest.raises(AwsError, match="AccessDenied: b-1/first: no"):
        destroy(stack(aws), aws, lambda question: True, lambda line: None, empty=True)
    assert aws.done("delete_stack") == []


def test_a_bucket_that_is_not_empty_stops_the_removal() -> None:
    """CloudFormation says so."""
    aws = FakeAws("CREATE_COMPLETE", ends="DELETE_FAILED")
    with pytest.raises(StackError, match=r"DELETE_FAILED\. Why:\n  Table: no quota$"):
        destroy(stack(aws), aws, lambda question: True, lambda line: None)


@pytest.mark.parametrize("operation", ["preview", "execute"])
def test_what_takes_too_long_is_an_error(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """The wait has an end, and the message says in which state it ended."""
    monkeypatch.setattr("stepguard.deploy.stack.WAIT_SECONDS", 3)
    aws = FakeAws("UPDATE_COMPLETE", ends="UPDATE_IN_PROGRESS")
    if operation == "preview":
        aws.cloudformation._replies["describe_change_set"] = {"Status": "CREATE_IN_PROGRESS"}
        with pytest.raises(StackError, match="still CREATE_IN_PROGRESS after 3 s"):
            stack(aws).preview("https://x", {}, [])
        assert len(aws.done("describe_change_set")) == 3
    else:
        with pytest.raises(StackError, match="still UPDATE_IN_PROGRESS after 3 s"):
            stack(aws).execute(ChangeSet(CHANGE_SET, False, ()))


def test_a_refused_call_keeps_cloudformations_words() -> None:
    """With the quoted names that the messages of Lambdas hide: no text of a user can be in them."""
    aws = FakeAws("CREATE_COMPLETE")
    refusal = client_error("ValidationError", "Parameter 'ModelId' must match pattern")
    aws.cloudformation._replies["create_change_set"] = refusal
    with pytest.raises(AwsError, match="ValidationError: Parameter 'ModelId' must match pattern"):
        stack(aws).preview("https://x", {}, [])


@pytest.mark.parametrize("stage", ["", "A", "x_y", "-", "x" * 29, "a;b", "dev-"])
def test_a_stage_must_fit_into_a_stacks_name(stage: str) -> None:
    """38 characters: a guardrail is named after the stack."""
    with pytest.raises(StackError):
        stack_name(stage)
    assert len(stack_name("x" * 28)) == 38


def test_parameters_come_from_the_stages_file_and_the_command(tmp_path: Path) -> None:
    """The command wins; a stage without a file has defaults only."""
    folder = tmp_path / "deploy" / "stages"
    folder.mkdir(parents=True)
    (folder / "prod.yaml").write_text("LogRetentionDays: 90\nEmptyMessage: a=b\n")

    assert parameters_of(tmp_path, "prod", ["EmptyMessage=c=d"]) == {"LogRetentionDays": "90", "EmptyMessage": "c=d"}
    assert parameters_of(tmp_path, "dev", []) == {}
    with pytest.raises(StackError, match="NAME=VALUE"):
        parameters_of(tmp_path, "dev", ["nothing"])
    (folder / "prod.yaml").write_text("- a\n")
    with pytest.raises(StackError, match=r"prod\.yaml"):
        parameters_of(tmp_path, "prod", [])


def test_a_preview_shows_replacements_first() -> None:
    """What hurts stands on top."""
    changes = (Change("Add", "A", "T"), Change("Modify", "B", "T", "False"), Change("Modify", "C", "T", "True"))

    assert [line.split()[1] for line in describe(ChangeSet("arn", False, changes))] == ["C", "B", "A"]


def test_a_bad_stage_is_an_error_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """The command says what is wrong."""
    assert main(["outputs", "Not A Stage"]) == 1
    assert "STAGE must be" in capsys.readouterr().err


@pytest.fixture(name="account")
def _account(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """What the command finds in place of AWS."""
    aws = FakeAws("CREATE_COMPLETE", ends="DELETE_COMPLETE")
    for module in ("stack", "destroy"):
        monkeypatch.setattr(f"stepguard.cli.stage.{module}.clients", aws)
    return aws


def test_outputs_are_printed(account: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each."""
    assert main(["outputs", "test"]) == 0
    assert capsys.readouterr().out == "EndpointURL = https://x\n"


def test_without_a_terminal_the_answer_is_no(account: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    """A pipeline says --yes."""
    assert main(["destroy", "test"]) == 1
    assert "use --yes" in capsys.readouterr().err
    assert main(["destroy", "test", "--yes"]) == 0
    assert capsys.readouterr().out.endswith("stepguard-test is gone.\n")
