"""A process that ingests, to be killed; it continues the job of an earlier one. Not a test."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.unit.embedded_aws.bedrock.knowledge.fakes import S3, Bedrock

DOCUMENTS = {f"{number:02}.txt": f"Room {number} is here. ".encode() * (1 + number * 40) for number in range(30)}


def main(folder: Path) -> None:
    """Ingest all documents, some of them long; print the end."""
    bedrock = Bedrock(folder, S3(**DOCUMENTS))
    bedrock.s3.on_read = lambda key: time.sleep(0.005)
    bases = bedrock.control("ListKnowledgeBases")["knowledgeBaseSummaries"]
    if bases:
        base = bases[0]["knowledgeBaseId"]
        sources = bedrock.control("ListDataSources", knowledgeBaseId=base)["dataSourceSummaries"]
        where = {"knowledgeBaseId": base, "dataSourceId": sources[0]["dataSourceId"]}
        bedrock.registry.resume()
    else:
        where = bedrock.base()
        bedrock.control("StartIngestionJob", **where)
    print("working", flush=True)
    (job,) = bedrock.control("ListIngestionJobs", **where)["ingestionJobSummaries"]
    bedrock.wait(where, job["ingestionJobId"])
    print("complete", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
