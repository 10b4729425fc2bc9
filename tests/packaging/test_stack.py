"""Deploying a stage: preview, confirmation, failure, removal; AWS is a fake at the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from stepguard.deploy.aws import AwsError
from stepguard.deploy.package import build
from stepguard.deploy.stack import Change, ChangeSet, Stack, StackError
from stepguard.deploy.stage import deploy, describe, destroy, ensure_bucket, main, parameters_of, stack_name
from tests.packaging.conftest import Built, copy_project, read

NAME = "stepguard-test"


class FakeAws:
    """One stack of CloudFormation, as the aws command tells of it. `calls` holds every command."""

    def __init__(self, status: str = "", ends: str = "CREATE_COMPLETE", reason: str = "") -> None:
        self.calls: list[tuple[str, ...]] = []
        self.status, self.ends, self.reason = status, ends, reason
        self.previous = [{"ParameterKey": "Kept", "ParameterValue": "1"}]
        self.bucket = False

    def __call__(self, *words: str) -> Any:
        """As `Aws`."""
        self.calls.append(words)
        return getattr(self, words[1].replace("-", "_"))(words)

    def done(self, operation: str) -> list[tuple[str, ...]]:
        """The commands of an operation."""
        return [words for words in self.calls if words[1] == operation]

    def describe_stacks(self, words: tuple[str, ...]) -> Any:
        if not self.status:
            raise AwsError("ValidationError", f"Stack with id {NAME} does not exist")
        outputs = [{"OutputKey": "EndpointURL", "OutputValue": "https://x"}]
        return {"Stacks": [{"StackStatus": self.status, "Parameters": self.previous, "Outputs": outputs}]}

    def create_change_set(self, words: tuple[str, ...]) -> Any:
        return {"Id": "arn:change-set"}

    def describe_change_set(self, words: tuple[str, ...]) -> Any:
        if self.reason:
            return {"Status": "FAILED", "StatusReason": self.reason}
        change = {"Action": "Modify", "LogicalResourceId": "RestAPI", "ResourceType": "T", "Replacement": "True"}
        added = {"Action": "Add", "LogicalResourceId": "A", "ResourceType": "T"}
        return {"Status": "CREATE_COMPLETE", "Changes": [{"ResourceChange": added}, {"ResourceChange": change}]}

    def delete_change_set(self, words: tuple[str, ...]) -> Any:
        return None

    def execute_change_set(self, words: tuple[str, ...]) -> Any:
        self.status = self.ends

    def delete_stack(self, words: tuple[str, ...]) -> Any:
        self.status = self.ends

    def describe_stack_events(self, words: tuple[str, ...]) -> Any:
        event = {"LogicalResourceId": "Table", "ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": "no quota"}
        return {"StackEvents": [event, {**event, "ResourceStatus": "CREATE_COMPLETE"}]}

    def list_stack_resources(self, words: tuple[str, ...]) -> Any:
        bucket = {"LogicalResourceId": "B", "ResourceType": "AWS::S3::Bucket", "PhysicalResourceId": "b-1"}
        return {"StackResourceSummaries": [{**bucket, "ResourceStatus": "CREATE_COMPLETE"}]}

    def get_caller_identity(self, words: tuple[str, ...]) -> Any:
        return {"Account": "123456789012", "Arn": "arn:aws-us-gov:iam::123456789012:user/a"}

    def list(self, words: tuple[str, ...]) -> Any:
        return "      Name    Value    Type    Location\n    region    eu-west-1    env    AWS_DEFAULT_REGION\n"

    def head_bucket(self, words: tuple[str, ...]) -> Any:
        if not self.bucket:
            raise AwsError("404", "Not Found")

    def create_bucket(self, words: tuple[str, ...]) -> Any:
        self.bucket = True

    def put_public_access_block(self, words: tuple[str, ...]) -> Any:
        return None

    put_bucket_policy = put_object = package = rm = put_public_access_block


def stack(aws: FakeAws) -> Stack:
    """A stack for which no time passes."""
    return Stack(NAME, aws, lambda: 0.0, lambda seconds: None)


@pytest.fixture(name="built", scope="module")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A separate package, because deploying writes into it."""
    root = copy_project(tmp_path_factory.mktemp("stack") / "project")
    return read(root, build(root, Path("build/package")))


def run(aws: FakeAws, built: Built, *, yes: bool, parameters: Mapping[str, str] | None = None) -> list[str]:
    """`make deploy`; what it said."""
    said: list[str] = []
    deploy(stack(aws), aws, built.root, parameters or {}, lambda question: yes, said.append)
    return said


def test_a_new_stack_is_previewed_and_made(built: Built) -> None:
    """Upload, change set of type CREATE, execute; the preview names what is replaced first."""
    aws = FakeAws()
    said = run(aws, built, yes=True)

    assert [line.split()[1] for line in said[1:]] == ["RestAPI", "A"]
    assert "REPLACED: True" in said[1]
    (words,) = aws.done("create-change-set")
    assert words[words.index("--change-set-type") + 1] == "CREATE"
    assert words[words.index("--template-url") + 1].startswith("https://s3.eu-west-1.amazonaws.com/stepguard-packages-")
    assert len(aws.done("execute-change-set")) == 1


def test_without_a_yes_nothing_changes(built: Built) -> None:
    """The change set is thrown away."""
    aws = FakeAws("CREATE_COMPLETE")
    with pytest.raises(StackError, match="Nothing was changed"):
        run(aws, built, yes=False)

    assert aws.done("execute-change-set") == []
    assert len(aws.done("delete-change-set")) == 1


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


def test_a_refused_change_is_told_in_cloudformations_words(built: Built) -> None:
    """For example a rule of the template."""
    with pytest.raises(StackError, match="refuses the change: Set both"):
        run(FakeAws("CREATE_COMPLETE", reason="Set both or neither"), built, yes=True)


def test_a_rollback_is_a_failure_with_its_reasons(built: Built) -> None:
    """What failed, and why; not what was rolled back for it."""
    with pytest.raises(StackError, match=r"UPDATE_ROLLBACK_COMPLETE\. Why:\n  Table: no quota$"):
        run(FakeAws("CREATE_COMPLETE", ends="UPDATE_ROLLBACK_COMPLETE"), built, yes=True)


def test_a_stack_that_was_never_made_must_go_first(built: Built) -> None:
    """CloudFormation updates no ROLLBACK_COMPLETE stack."""
    with pytest.raises(StackError, match="make destroy"):
        run(FakeAws("ROLLBACK_COMPLETE"), built, yes=True)


def test_parameters_that_are_not_given_keep_their_values(built: Built) -> None:
    """An update without a parameter does not fall back to its default."""
    aws = FakeAws("CREATE_COMPLETE")
    aws.previous = [{"ParameterKey": "EmptyMessage", "ParameterValue": "x"}, {"ParameterKey": "Gone"}]
    run(aws, built, yes=True, parameters={"ErrorMessage": "y"})
    (words,) = aws.done("create-change-set")

    assert json.loads(words[words.index("--parameters") + 1]) == [
        {"ParameterKey": "ErrorMessage", "ParameterValue": "y"},
        {"ParameterKey": "EmptyMessage", "UsePreviousValue": True},
    ]


def test_a_change_of_who_may_call_publishes_the_api_again(built: Built) -> None:
    """SAM's deployment of the API follows the API's text: the text follows the user pool, given or kept."""
    sam = built.root / "build" / "package" / "sam.yaml"

    def version(aws: FakeAws, **parameters: str) -> str:
        run(aws, built, yes=True, parameters=parameters)
        document = yaml.safe_load(sam.read_text(encoding="utf-8"))
        return str(document["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["info"]["version"])

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
    assert aws.done("create-change-set") == []


def test_the_bucket_for_packages_is_closed() -> None:
    """Made once, in the region, private, TLS only, in the caller's partition."""
    aws = FakeAws()
    assert ensure_bucket(aws) == ensure_bucket(aws) == "stepguard-packages-123456789012-eu-west-1"
    assert "LocationConstraint=eu-west-1" in aws.done("create-bucket")[0]
    assert len(aws.done("create-bucket")) == len(aws.done("put-public-access-block")) == 1
    policy = json.loads(aws.done("put-bucket-policy")[0][-1])
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert all(arn.startswith("arn:aws-us-gov:s3:::") for arn in policy["Statement"][0]["Resource"])


def test_another_accounts_bucket_is_not_used() -> None:
    """A bucket of this name that belongs to somebody else stops the deployment: code must not go there."""

    class Taken(FakeAws):
        def head_bucket(self, words: tuple[str, ...]) -> Any:
            raise AwsError("403", "Forbidden")

    with pytest.raises(AwsError):
        ensure_bucket(Taken())


@pytest.mark.parametrize(("yes", "empty"), [(True, False), (True, True), (False, True)])
def test_destroying_asks_and_empties_only_when_told(*, yes: bool, empty: bool) -> None:
    """What the buckets hold goes only with --empty-buckets, and nothing goes without a yes."""
    aws, said = FakeAws("CREATE_COMPLETE", ends="DELETE_COMPLETE"), list[str]()
    if yes:
        destroy(stack(aws), aws, lambda question: True, said.append, empty=empty)
        assert said[-1] == f"{NAME} is gone."
    else:
        with pytest.raises(StackError, match="Nothing was removed"):
            destroy(stack(aws), aws, lambda question: False, said.append, empty=empty)
    assert "b-1" in said[0]
    assert len(aws.done("delete-stack")) == yes
    assert len(aws.done("rm")) == (yes and empty)


def test_a_bucket_that_is_not_empty_stops_the_removal() -> None:
    """CloudFormation says so."""
    aws = FakeAws("CREATE_COMPLETE", ends="DELETE_FAILED")
    with pytest.raises(StackError, match="DELETE_FAILED"):
        destroy(stack(aws), aws, lambda question: True, lambda line: None)


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
