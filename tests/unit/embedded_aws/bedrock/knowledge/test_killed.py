"""An ingestion whose process is killed at random moments continues without loss or double."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from embedded_aws.bedrock.knowledge.chunking import chunks
from tests.unit.embedded_aws.bedrock.knowledge.fakes import S3, Bedrock
from tests.unit.embedded_aws.bedrock.knowledge.killed import DOCUMENTS

MODULE = "tests.unit.embedded_aws.bedrock.knowledge.killed"
ROOT = Path(__file__).parents[5]


@pytest.mark.process
@pytest.mark.parametrize("seed", [1])
def test_a_killed_ingestion_continues_without_loss_or_double(tmp_path: Path, seed: int) -> None:
    """Two kills, then the end: each document once, with all of its passages, in the full text, too."""
    moments = random.Random(seed)
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-m", MODULE, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT)
        assert child.stdout is not None
        assert child.stdout.readline() == b"working\n"
        time.sleep(moments.uniform(0, 0.1))
        child.kill()
        child.wait()
        child.stdout.close()
    ended = subprocess.run(
        [sys.executable, "-m", MODULE, str(tmp_path)], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    assert ended.stdout == "working\ncomplete\n"
    bedrock = Bedrock(tmp_path, S3())
    (base,) = bedrock.registry.all()
    index = bedrock.registry.index(base.id)
    (job,) = index.jobs()
    assert job.counters["numberOfNewDocumentsIndexed"] == len(DOCUMENTS)
    found = index.found(list(index.snapshot(0).owners)).values()
    expected = [(f"s3://documents/{key}", chunk) for key, text in DOCUMENTS.items() for chunk in chunks(text.decode())]
    assert sorted((one.uri, one.text) for one in found) == sorted(expected)
    assert len(index.matching('"room"')) == len(expected)
    bedrock.registry.close()
