"""The steps of `stepguard verify-aws` on MiniStack: what it can do passes, what it cannot do is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy import staging
from stepguard.cli.main import main
from stepguard.verification.plan import STEPS
from stepguard.verification.report import REPORT, Status, load
from tests.e2e_ministack.conftest import Deployed

NOT_POSSIBLE = {*staging.CANNOT_VERIFY, "alarms", "settings-alarm"}
"""Alarms are off on MiniStack, which refuses those on a formula."""


def test_every_step_that_ministack_can_do_passes(
    deployed: Deployed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Deploy, smoke, guardrails, histories, replay, an upgrade with chats in flight, removal."""
    area = deployed.area
    words = ["verify-aws", "verified", "--yes", "--endpoint-url", area.endpoint, "--out", str(tmp_path)]
    words += ["--bedrock-endpoint-url", area.bedrock]
    words += [f"--parameter={name}={value}" for name, value in area.parameters().items()]
    words += [f"--skip={step}={reason}" for step, reason in staging.CANNOT_VERIFY.items()]
    code = main(words)
    found = load(tmp_path)
    printed = capsys.readouterr().out
    assert (code, {name: result.status for name, result in found.items()}) == (
        0,
        {step.name: Status.SKIPPED if step.name in NOT_POSSIBLE else Status.PASSED for step in STEPS},
    ), printed
    assert "000000000000" not in (tmp_path / REPORT).read_text(encoding="utf-8")
