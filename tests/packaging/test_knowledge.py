"""The knowledge base in the template: its index, its role, its parameters."""

from __future__ import annotations

from typing import Any

import pytest

from stepguard.admin.knowledge_documents import DOCUMENTS, FLAGGED
from stepguard.deploy.resources import load_resources
from tests.packaging.conftest import ROOT

NOTHING = {"Ref": "AWS::NoValue"}


@pytest.fixture(name="template", scope="module")
def _template() -> dict[str, Any]:
    return load_resources(ROOT / "statemachine" / "cloudformation")


def test_the_index_keeps_bedrocks_texts_out_of_the_filterable_metadata(template: dict[str, Any]) -> None:
    """Else a document is refused: filterable metadata must have at most 2048 bytes."""
    index = template["Resources"]["KnowledgeIndex"]["Properties"]
    keys = index["MetadataConfiguration"]["NonFilterableMetadataKeys"]
    assert keys == ["AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"]
    base = template["Resources"]["KnowledgeBase"]["Properties"]["KnowledgeBaseConfiguration"]
    model = base["VectorKnowledgeBaseConfiguration"]["EmbeddingModelConfiguration"]
    assert index["Dimension"] == model["BedrockEmbeddingModelConfiguration"]["Dimensions"]


def test_the_role_reads_documents_only_and_writes_vectors_only(template: dict[str, Any]) -> None:
    """No action and no resource is a wildcard; flagged documents are out of reach."""
    (statements,) = (template["Resources"]["KnowledgeRolePolicy"]["Properties"]["PolicyDocument"]["Statement"],)
    plain = [statement["Fn::If"][1] if "Fn::If" in statement else statement for statement in statements]
    allowed = {statement["Sid"]: statement for statement in plain}
    assert set(allowed) == {"Embed", "ReadDocuments", "ListDocuments", "KeepVectors", "UseKey"}
    assert allowed["ReadDocuments"]["Resource"] == {"Fn::Sub": f"${{KnowledgeBucket.Arn}}/{DOCUMENTS}*"}
    assert allowed["ListDocuments"]["Condition"] == {"StringLike": {"s3:prefix": f"{DOCUMENTS}*"}}
    assert not any("*" in action for statement in plain for action in statement["Action"])
    assert FLAGGED not in str(statements)


def test_only_bedrock_of_this_account_takes_the_role_and_before_it_is_needed(template: dict[str, Any]) -> None:
    """Bedrock reads the index when it creates the knowledge base."""
    (trust,) = template["Resources"]["KnowledgeRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "bedrock.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert template["Resources"]["KnowledgeBase"]["DependsOn"] == "KnowledgeRolePolicy"


def test_the_data_source_includes_screened_documents_only(template: dict[str, Any]) -> None:
    """Where `stepguard knowledge add` writes them."""
    source = template["Resources"]["KnowledgeSource"]["Properties"]["DataSourceConfiguration"]["S3Configuration"]
    assert source["InclusionPrefixes"] == [DOCUMENTS]


def test_the_customers_key_encrypts_every_store(template: dict[str, Any]) -> None:
    """Bucket, vectors, and what Bedrock keeps while it ingests."""
    resources = template["Resources"]
    key = {"Ref": "KmsKeyArn"}
    condition, encrypted, _ = resources["KnowledgeVectors"]["Properties"]["EncryptionConfiguration"]["Fn::If"]
    assert (condition, encrypted) == ("CustomerKey", {"SseType": "aws:kms", "KmsKeyArn": key})
    ingested = resources["KnowledgeSource"]["Properties"]["ServerSideEncryptionConfiguration"]["Fn::If"]
    assert ingested == ["CustomerKey", {"KmsKeyArn": key}, NOTHING]
    bucket = resources["KnowledgeBucket"]["Properties"]["BucketEncryption"]
    assert bucket == resources["CorpusBucket"]["Properties"]["BucketEncryption"]


def test_without_the_parameter_the_stack_has_none_of_it(template: dict[str, Any]) -> None:
    """Each resource has the condition, and the default is no."""
    made = {name: resource for name, resource in template["Resources"].items() if name.startswith("Knowledge")}
    assert len(made) == 9
    # The endpoint is also for a knowledge base that exists already.
    assert {resource["Condition"] for resource in made.values()} == {"CreatesKnowledge", "KnowledgeEndpointOn"}
    assert template["Parameters"]["Knowledge"]["Default"] == "no"
