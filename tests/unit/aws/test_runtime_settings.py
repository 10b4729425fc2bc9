"""GuardInput reads the settings from AppConfig: seldom, once an execution, and never in an answer's way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.guard_answer import guard_answer
from functions.guard_input import guard_input
from stepguard.aws.runtime import settings as runtime_settings
from stepguard.aws.runtime.settings import PATIENCE_SECONDS, POLL_SECONDS, RuntimeSettings, current_settings
from stepguard.guard.errors import ConfigurationError
from stepguard.guard.runtime.settings import RUNTIME_SETTINGS, Held
from tests.fakes.appconfig import Configured
from tests.fakes.aws import client_error
from tests.fakes.bedrock import ALL_LAYERS, blocked, guard, passed, topic, with_layers

REQUEST = {"kind": "prompt", "text": "Why?", "caller": "test"}
SETTINGS = with_layers(*ALL_LAYERS)


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    return Configured(tmp_path)


class Elsewhere:
    """Another thread whose calls end when the test says so."""

    def __init__(self) -> None:
        self.pending: Callable[[], None] | None = None
        self.waits: list[float | None] = []

    def begin(self, read: Callable[[], None]) -> Elsewhere:
        self.pending = read
        return self

    def join(self, timeout: float | None = None) -> None:
        self.waits.append(timeout)

    def is_alive(self) -> bool:
        return self.pending is not None

    def end(self) -> None:
        assert self.pending is not None
        self.pending()
        self.pending = None


def _reader(configured: Configured, data: Any = None) -> RuntimeSettings:
    """A reader whose calls have ended when it looks."""

    def begin(read: Callable[[], None]) -> Elsewhere:
        read()
        return Elsewhere()

    return RuntimeSettings(configured.place, data or configured.data, lambda: configured.time, begin=begin)


class Counting:
    """Counts the calls of a client, and fails them with `error` while `broken`; an `error` that is an answer is one."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.calls: list[str] = []
        self.broken = False
        self.error: Exception | Mapping[str, Any] = ReadTimeoutError(endpoint_url="http://appconfig")

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Mapping[str, Any]:
            self.calls.append(name)
            if self.broken:
                if isinstance(self.error, Exception):
                    raise self.error
                return self.error
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


THROTTLED = client_error("ThrottlingException", "slow down", 429)
CUT = {"InitialConfigurationToken": "a", "NextPollConfigurationToken": "b", "Configuration": None}


@pytest.mark.parametrize(
    ("error", "problem"),
    [(THROTTLED, "Throttled"), ({}, "KeyError"), (CUT, "AttributeError")],
    ids=["429", "{}", "cut"],
)
def test_whatever_appconfig_answers_no_question_fails(
    configured: Configured, error: Exception | Mapping[str, Any], problem: str
) -> None:
    """Throttled, or an answer of another shape: the last known settings stay in use."""
    configured.deploy({"EMPTYMESSAGE": "One."}, label="one")
    data = Counting(configured.data)
    reader = _reader(configured, data)
    reader.current()
    data.broken, data.error = True, error
    configured.time += POLL_SECONDS
    assert reader.current() == Held("one", {"EMPTYMESSAGE": "One."}, problem)


def test_one_question_waits_for_a_slow_appconfig_and_only_so_long(configured: Configured) -> None:
    """Later ones do not wait, also a minute later; what AppConfig answers in the end is used from then on."""
    configured.deploy({"EMPTYMESSAGE": "One."}, label="one")
    thread, data = Elsewhere(), Counting(configured.data)
    reader = RuntimeSettings(configured.place, data, lambda: configured.time, begin=thread.begin)
    unknown = Held(None, {}, "ServiceUnavailable")
    assert [reader.current() for _ in range(3)] == [unknown] * 3
    configured.time += POLL_SECONDS
    assert reader.current() == unknown
    assert thread.waits == [PATIENCE_SECONDS]
    assert not data.calls, "a question called AppConfig itself"
    thread.end()
    assert reader.current() == Held("one", {"EMPTYMESSAGE": "One."})
    configured.time += POLL_SECONDS
    reader.current()
    assert thread.waits == [PATIENCE_SECONDS] * 2, "a healthy AppConfig is waited for"
    data.broken = True
    thread.end()
    assert reader.current() == Held("one", {"EMPTYMESSAGE": "One."}, "ServiceUnavailable")
    configured.time += POLL_SECONDS
    reader.current()
    assert len(thread.waits) == 2, "after a failure no question waits"


def test_a_question_is_answered_while_appconfig_hangs(configured: Configured) -> None:
    """By GuardInput, on a real thread that ends only after the answer."""
    released = threading.Event()
    hanging = SimpleNamespace(start_configuration_session=lambda **_: released.wait(60))
    reader = RuntimeSettings(configured.place, hanging, patience=0.0)
    guards, _ = guard(passed())
    result = guard_input({"request": REQUEST}, SETTINGS, guards, current=reader.current)
    assert not released.is_set()
    released.set()
    assert (result["outcome"], result["settings"]["problem"]) == ("passed", "ServiceUnavailable")


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
