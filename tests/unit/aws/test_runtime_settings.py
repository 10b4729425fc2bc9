"""GuardInput reads the settings from AppConfig: seldom, once an execution, and never in an answer's way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.guard_answer import guard_answer
from functions.guard_input import guard_input
from stepguard.aws.runtime import settings as runtime_settings
from stepguard.aws.runtime.settings import POLL_SECONDS, RuntimeSettings, current_settings
from stepguard.guard.errors import ConfigurationError
from stepguard.guard.runtime.settings import RUNTIME_SETTINGS, Held
from tests.fakes.appconfig import Configured
from tests.fakes.bedrock import ALL_LAYERS, blocked, guard, passed, topic, with_layers

REQUEST = {"kind": "prompt", "text": "Why?", "caller": "test"}
SETTINGS = with_layers(*ALL_LAYERS)


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    return Configured(tmp_path)


def _reader(configured: Configured, data: Any = None) -> RuntimeSettings:
    return RuntimeSettings(configured.place, data or configured.data, lambda: configured.time)


class Counting:
    """Counts the calls of a client, and fails them while `broken`."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.calls: list[str] = []
        self.broken = False

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Mapping[str, Any]:
            self.calls.append(name)
            if self.broken:
                raise ReadTimeoutError(endpoint_url="http://appconfig")
            answer: Mapping[str, Any] = getattr(self.data, name)(**request)
            return answer

        return call


def test_a_message_goes_live_and_back_without_a_deployment_of_the_code(configured: Configured) -> None:
    """Within the interval of polling; the version is in the document."""
    reader = _reader(configured)
    configured.deploy({"EMPTYMESSAGE": "One."}, label="one")
    assert reader.current() == Held("one", {"EMPTYMESSAGE": "One."})
    configured.deploy({"EMPTYMESSAGE": "Two."}, configured.strategy(bake=10), label="two")
    assert reader.current().version == "one"
    configured.time += POLL_SECONDS
    assert reader.current() == Held("two", {"EMPTYMESSAGE": "Two."})
    configured.control.stop_deployment(**configured.of_environment, DeploymentNumber=2)
    configured.time += POLL_SECONDS
    assert reader.current() == Held("one", {"EMPTYMESSAGE": "One."})


def test_appconfig_is_asked_once_a_minute(configured: Configured) -> None:
    """However many questions come; an unchanged configuration is empty and changes nothing."""
    configured.deploy({"EMPTYMESSAGE": "One."})
    data = Counting(configured.data)
    reader = _reader(configured, data)
    first = [reader.current() for _ in range(50)]
    configured.time += POLL_SECONDS
    assert {*map(str, first), str(reader.current())} == {str(first[0])}
    assert data.calls == ["start_configuration_session", *["get_latest_configuration"] * 2]


def test_while_appconfig_fails_the_last_settings_stay(configured: Configured) -> None:
    """With the reason in the document; a new Lambda uses the deployed ones; the next minute tries again."""
    configured.deploy({"EMPTYMESSAGE": "One."}, label="one")
    data = Counting(configured.data)
    reader, fresh = _reader(configured, data), _reader(configured, data)
    reader.current()
    data.broken = True
    configured.time += POLL_SECONDS
    assert reader.current() == Held("one", {"EMPTYMESSAGE": "One."}, "ServiceUnavailable")
    assert fresh.current() == Held(None, {}, "ServiceUnavailable")
    data.calls.clear()
    assert [reader.current().version, fresh.current().version] == ["one", None]
    assert not data.calls
    data.broken = False
    configured.time += POLL_SECONDS
    assert reader.current() == fresh.current() == Held("one", {"EMPTYMESSAGE": "One."})


@pytest.mark.parametrize("content", [b"{", {"UNGUARDED": "yes"}, {"LLM_QA_NO_HITS_REGEX": "("}, {"EMPTYMESSAGE": 1}])
def test_settings_that_got_past_the_validators_are_not_used(configured: Configured, content: object) -> None:
    """The last good ones stay until an alarm has rolled the deployment back."""
    reader = _reader(configured)
    configured.deploy({"EMPTYMESSAGE": "One."}, label="one")
    reader.current()
    configured.control.update_configuration_profile(**configured.of_profile, Validators=[])
    configured.deploy(content, configured.strategy(bake=10))
    for _ in range(2):
        configured.time += POLL_SECONDS
        assert reader.current() == Held("one", {"EMPTYMESSAGE": "One."}, "refused")
    configured.alarming = True
    assert configured.state(2) == "ROLLED_BACK"
    configured.time += POLL_SECONDS
    assert reader.current() == Held("one", {"EMPTYMESSAGE": "One."})


def test_all_stages_of_an_execution_use_the_version_that_it_began_with(configured: Configured) -> None:
    """Although another version is deployed while it runs."""
    reader = _reader(configured)
    configured.deploy({"BLOCKEDMESSAGE": "First.", "LLM_QA_NO_HITS_REGEX": "no idea"}, label="one")
    guards, _ = guard(passed(), blocked(topic()))
    document: dict[str, Any] = {"request": REQUEST}
    document["input_guard"] = guard_input(document, SETTINGS, guards, current=reader.current)
    configured.deploy({"BLOCKEDMESSAGE": "Second."}, label="two")
    configured.time += POLL_SECONDS
    assert reader.current().version == "two"
    document["model"] = {"outcome": "passed", "text": "An answer."}
    result = guard_answer({"document": document}, SETTINGS, guards)
    assert result["answer"]["text"] == "First."
    assert document["input_guard"]["settings"]["version"] == "one"


def test_a_blocked_question_gets_the_message_of_its_policy(configured: Configured) -> None:
    """In GuardInput itself."""
    configured.deploy({"BLOCKEDMESSAGE": {"topic": "Not this subject."}})
    guards, _ = guard(blocked(topic()))
    result = guard_input({"request": REQUEST}, SETTINGS, guards, current=_reader(configured).current)
    assert result["answer"]["text"] == "Not this subject."


def test_without_the_variable_there_is_nothing_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """No call, no client; a wrong place is a configuration error that names the variable."""
    monkeypatch.setattr(runtime_settings, "client", None)
    monkeypatch.delenv(RUNTIME_SETTINGS, raising=False)
    assert current_settings() is None
    monkeypatch.setenv(RUNTIME_SETTINGS, "only-one")
    with pytest.raises(ConfigurationError, match="APPLICATION/ENVIRONMENT/PROFILE"):
        current_settings()
