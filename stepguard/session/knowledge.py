"""The knowledge base of the embedded AWS: made at its first start, empty until `stepguard knowledge add`."""

from __future__ import annotations

from embedded_aws.cloud import EmbeddedCloud
from stepguard.admin.knowledge_base import named
from stepguard.admin.knowledge_documents import DOCUMENTS

NAME = "stepguard-local-knowledge"
BUCKET = "stepguard-knowledge"
"""The bucket of its documents."""


def has_documents(cloud: EmbeddedCloud | None) -> bool:
    """Whether the knowledge base holds any document. Raises StepguardError.

    `cloud` is the embedded AWS of this process, if it has one: without a client, the question costs half a second less.
    """
    if cloud is None:
        return any(True for _ in named(NAME).source.indexed())
    control = cloud.bedrock.agent_control
    for base in control.list_knowledge_bases({})["knowledgeBaseSummaries"]:
        where = {"knowledgeBaseId": base["knowledgeBaseId"]}
        for source in control.list_data_sources(where)["dataSourceSummaries"] if base["name"] == NAME else ():
            where["dataSourceId"] = source["dataSourceId"]
            if control.list_knowledge_base_documents(where | {"maxResults": 1})["documentDetails"]:
                return True
    return False


def create_knowledge_base(cloud: EmbeddedCloud, role: str) -> str:
    """The id of the knowledge base, which is made if it does not exist.

    Its vector store is of the kind with hybrid search; the one of the CloudFormation template, S3 Vectors, has none.
    """
    control, token = cloud.bedrock.agent_control, f"{NAME}-0000000000000000"
    model = f"arn:aws:bedrock:{cloud.account.region}::foundation-model/amazon.titan-embed-text-v2:0"
    collection = f"arn:aws:aoss:{cloud.account.region}:{cloud.account.account_id}:collection/stepguardlocalknowledg"
    fields = {"vectorField": "vector", "textField": "text", "metadataField": "metadata"}
    base = control.create_knowledge_base({
        "name": NAME,
        "clientToken": token,
        "roleArn": role,
        "knowledgeBaseConfiguration": {
            "type": "VECTOR", "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": model}
        },
        "storageConfiguration": {
            "type": "OPENSEARCH_SERVERLESS",
            "opensearchServerlessConfiguration": {
                "collectionArn": collection, "vectorIndexName": "documents", "fieldMapping": fields
            },
        },
    })["knowledgeBase"]["knowledgeBaseId"]  # fmt: skip
    s3 = {"bucketArn": f"arn:aws:s3:::{BUCKET}", "inclusionPrefixes": [DOCUMENTS]}
    control.create_data_source({
        "knowledgeBaseId": base,
        "name": "documents",
        "clientToken": token,
        "dataSourceConfiguration": {"type": "S3", "s3Configuration": s3},
    })  # fmt: skip
    return str(base)
