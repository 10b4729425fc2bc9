"""Operations that moto answers with invented data; the endpoint refuses them by name.

moto keeps the state of resources: a queue, a table, a role. What is listed here would be the result of work that it
does not do: an analysis of a text or an image, a query, a job that it reports as completed, findings of a scan. A test
of the product would take such an answer for a result. Among S3's are operations that moto takes for other ones: it
creates a bucket for `PUT /bucket?abac`. `*` means all operations of a service. Found by reading
moto 5.2.5: operations that use no state, and those whose documentation says "static", "canned" or "not executed".
"""

from __future__ import annotations

from collections.abc import Mapping

_ALL = "*"

_PRETENDED: Mapping[str, frozenset[str]] = {
    service: frozenset(operations.split())
    for service, operations in {
        "apigatewaymanagementapi": _ALL,
        "athena": "StartQueryExecution GetQueryResults GetQueryRuntimeStatistics",
        "batch": "SubmitJob",
        "ce": "GetCostAndUsage",
        "codebuild": "StartBuild StartBuildBatch",
        "codepipeline": "StartPipelineExecution",
        "comprehend": (
            "DetectPiiEntities DetectKeyPhrases DetectSentiment StartDocumentClassificationJob "
            "StartDominantLanguageDetectionJob StartEntitiesDetectionJob StartEventsDetectionJob "
            "StartFlywheelIteration StartKeyPhrasesDetectionJob StartPiiEntitiesDetectionJob "
            "StartSentimentDetectionJob StartTargetedSentimentDetectionJob StartTopicsDetectionJob"
        ),
        "config": "PutEvaluations",
        "datasync": "StartTaskExecution",
        "dms": "StartReplicationTask TestConnection",
        "ec2-instance-connect": "SendSSHPublicKey",
        "ecr": "StartImageScan DescribeImageScanFindings",
        "ecs": "RunTask StartTask DiscoverPollEndpoint",
        "emr": "RunJobFlow AddJobFlowSteps",
        "emr-containers": "StartJobRun",
        "emr-serverless": "StartJobRun",
        "events": "TestEventPattern",
        "fis": "StartExperiment",
        "glue": "StartCrawler StartJobRun StartWorkflowRun GetPartitionIndexes",
        "inspector2": "ListFindings",
        "lakeformation": "ListDataCellsFilter",
        "mq": "DescribeSharedResources",
        "polly": "SynthesizeSpeech CreateVoice",
        "quicksight": "CreateIngestion",
        "rds": "StartExportTask",
        "rds-data": _ALL,
        "redshift-data": _ALL,
        "rekognition": _ALL,
        "resiliencehub": "ListAppAssessments",
        "s3": (
            "CreateSession GetObjectTorrent RenameObject UpdateObjectEncryption "
            "WriteGetObjectResponse GetBucketRequestPayment PutBucketRequestPayment GetBucketAbac PutBucketAbac "
            "GetBucketAnalyticsConfiguration ListBucketAnalyticsConfigurations PutBucketAnalyticsConfiguration "
            "DeleteBucketAnalyticsConfiguration GetBucketIntelligentTieringConfiguration "
            "ListBucketIntelligentTieringConfigurations PutBucketIntelligentTieringConfiguration "
            "DeleteBucketIntelligentTieringConfiguration GetBucketMetricsConfiguration "
            "ListBucketMetricsConfigurations PutBucketMetricsConfiguration DeleteBucketMetricsConfiguration "
            "CreateBucketMetadataConfiguration GetBucketMetadataConfiguration DeleteBucketMetadataConfiguration "
            "CreateBucketMetadataTableConfiguration GetBucketMetadataTableConfiguration "
            "DeleteBucketMetadataTableConfiguration UpdateBucketMetadataAnnotationTableConfiguration "
            "UpdateBucketMetadataInventoryTableConfiguration UpdateBucketMetadataJournalTableConfiguration "
            "GetObjectAnnotation PutObjectAnnotation DeleteObjectAnnotation ListObjectAnnotations"
        ),
        "sagemaker": (
            "CreateTrainingJob CreateProcessingJob CreateTransformJob CreateHyperParameterTuningJob "
            "CreateCompilationJob CreateAutoMLJob CreateAutoMLJobV2 StartPipelineExecution"
        ),
        "sns": "CheckIfPhoneNumberIsOptedOut",
        "ssm": "SendCommand StartAutomationExecution",
        "support": "DescribeTrustedAdvisorChecks RefreshTrustedAdvisorCheck",
        "textract": _ALL,
        "timestream-query": "Query",
        "transcribe": "StartTranscriptionJob StartMedicalTranscriptionJob",
        "xray": "GetServiceGraph GetTraceGraph",
    }.items()
}


def is_pretended(service: str, operation: str) -> bool:
    """Whether moto invents the answer of an operation, both by botocore's names."""
    return not _PRETENDED.get(service, frozenset()).isdisjoint({operation, _ALL})
