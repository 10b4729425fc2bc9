"""AWS's controls in the template: access log, versions of objects, the key of the failed chats' queue."""

from __future__ import annotations

import json
import re

from tests.packaging.conftest import ROOT, Built

ALLOWED = {
    "requestId", "requestTimeEpoch", "httpMethod", "resourcePath", "status", "responseLatency", "responseLength",
    "identity.userArn", "authorizer.claims.sub",
}  # fmt: skip
"""Variables without anything that a caller writes freely: no path, no query string, no header, no body."""


def test_the_access_log_has_no_texts(built: Built) -> None:
    """Who, what, when and with which result; only where it is switched on, under the customer's key."""
    condition, setting, nothing = built.resources("AWS::Serverless::Api")["RestAPI"]["AccessLogSetting"]["Fn::If"]
    assert (condition, nothing) == ("AccessIsLogged", {"Ref": "AWS::NoValue"})
    assert set(re.findall(r"\$context\.([A-Za-z.]+)", setting["Format"])) == ALLOWED
    assert json.loads(setting["Format"])["principal"] == "$context.identity.userArn"
    group = built.template["Resources"]["ApiAccessLogGroup"]
    assert group["Condition"] == "AccessIsLogged"
    assert group["Properties"]["KmsKeyId"]["Fn::If"][0] == "CustomerKey"


def test_old_versions_can_be_restored_and_expire(built: Built) -> None:
    """In all buckets; a deleted text is gone after the days of the parameter."""
    buckets = built.resources("AWS::S3::Bucket")
    assert set(buckets) == {"AnswerBankBucket", "CorpusBucket", "KnowledgeBucket", "ResultsBucket"}
    for bucket in buckets.values():
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        (rule,) = (rule for rule in bucket["LifecycleConfiguration"]["Rules"] if rule["Id"] == "OldVersions")
        assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": {"Ref": "OldVersionsDays"}}
        assert (rule["Status"], rule["ExpiredObjectDeleteMarker"]) == ("Enabled", True)


def test_the_queue_of_failed_chats_is_under_the_customers_key(built: Built) -> None:
    """Where one is given; else under the key of SQS."""
    (queue,) = built.resources("AWS::SQS::Queue").values()
    nothing = {"Ref": "AWS::NoValue"}
    assert queue["KmsMasterKeyId"] == {"Fn::If": ["CustomerKey", {"Ref": "KmsKeyArn"}, nothing]}
    assert queue["SqsManagedSseEnabled"] == {"Fn::If": ["CustomerKey", nothing, True]}


def test_each_accepted_finding_has_a_reason() -> None:
    """One file, one line each."""
    lines = (ROOT / ".checkov.yaml").read_text("utf-8").partition("skip-check:\n")[2].splitlines()
    assert lines
    assert all(re.fullmatch(r"  - CKV2?_AWS_\d+ # \S.{40,}", line) for line in lines)
