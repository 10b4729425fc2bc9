"""`stepguard serve --quotas`: AWS's defaults, a factor of them, or a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from embedded_aws.wire import Rate
from stepguard.evaluation.quotas import QUOTAS
from stepguard.guard.errors import ConfigurationError
from stepguard.session.quotas import NOT_LIMITED, read_rates


def test_default_is_the_table_of_quotas() -> None:
    """Of a large Region, where the embedded AWS is."""
    rates = read_rates("default")
    assert set(rates) == set(QUOTAS) - NOT_LIMITED
    assert rates["stepfunctions:DescribeExecution"] == Rate(300, 15)


def test_a_factor_scales_sizes_and_refills() -> None:
    """A bucket has room for one unit at least."""
    rates = read_rates("0.1")
    assert rates["stepfunctions:DescribeExecution"] == Rate(30, 1.5)
    assert read_rates("0.001")["bedrock-runtime:ApplyGuardrail"].size == 1


def test_a_file_has_the_only_limits(tmp_path: Path) -> None:
    """What it does not name is not limited."""
    file = tmp_path / "quotas.json"
    file.write_text(json.dumps({"stepfunctions:ListExecutions": {"size": 1, "refill": 0.5}}))
    assert read_rates(str(file)) == {"stepfunctions:ListExecutions": Rate(1, 0.5)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "must be a JSON object"),
        ("{", "cannot be read"),
        ('{"stepfunction:StartExecution": {"size": 1, "refill": 1}}', "unknown bucket 'stepfunction:StartExecution'"),
        ('{"stepfunctions:Start": {"size": 1, "refill": 1}}', "unknown bucket 'stepfunctions:Start'"),
        ('{"bedrock-runtime:Converse": {"size": 1, "refill": 1}}', "bedrock-runtime:model"),
        ('{"lambda:concurrency": {"size": 0, "refill": 1}}', "lambda:concurrency must have"),
        ('{"lambda:concurrency": {"size": true, "refill": 1}}', "lambda:concurrency must have"),
        ('{"lambda:concurrency": 5}', "lambda:concurrency must have"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    """With the file and what is wrong in it."""
    file = tmp_path / "quotas.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=message):
        read_rates(str(file))


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "no-such-file.json"])
def test_a_wrong_factor_is_refused(text: str) -> None:
    """Nothing is throttled for ever."""
    with pytest.raises(ConfigurationError, match="--quotas"):
        read_rates(text)
