"""A message and a pattern go live without a deployment, and back in one command."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.product import environment, run


def test_settings_go_live_and_back_in_one_command_each(tmp_path: Path) -> None:
    """The echo model repeats the question, which the new pattern takes for "I don't know"; then nobody does again."""
    env = environment(tmp_path, UNGUARDED="yes", STEPGUARD_HOME=str(tmp_path / "state"))
    question = ("stepguard", "chat", "--json", "Where is the quokka?")
    changes = ("EMPTYMESSAGE=No luck.", "LLM_QA_NO_HITS_REGEX=quokka")
    changed = run("stepguard", "settings", "set", *changes, "--json", env=env).document
    assert (changed["version"], changed["deployment"]["state"]) == (2, "COMPLETE")
    answer = run(*question, env=env).document["answer"]
    assert (answer["text"], answer["outcome"]) == ("No luck.", "dont_know")
    assert run("stepguard", "settings", "rollback", "--json", env=env).document["settings"] == {}
    assert run(*question, env=env).document["answer"]["outcome"] == "answered"
    refused = run("stepguard", "settings", "set", "BEDROCK_GUARDRAIL_VERSION=2", env=env)
    assert refused.code != 0
    assert "a deployment changes guardrails and models" in refused.err
