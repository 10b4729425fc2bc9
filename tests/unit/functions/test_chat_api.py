"""The chat API: every body gets a clear answer, starting is idempotent, waiting ends."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.chat_api import WAIT_SECONDS, ChatApi, execution_name
from functions.routes import TOKEN_CHARACTERS
from stepguard.aws.executions import Executions
from stepguard.guard.callers import Caller
from stepguard.guard.errors import ConfigurationError
from stepguard.guard.settings import ERRORMESSAGE, GuardrailRef, Settings, read_settings
from stepguard.guard.stages import Layer
from tests.fakes.aws import FakeClient, client_error
from tests.fakes.bedrock import REF, with_layers
from tests.fakes.chat import DEFAULTS, SECRET, api, post, posted
from tests.fakes.states import ANSWER, MACHINE, Clock, FakeStates

# --- what is answered ----------------------------------------------------------------------------------------------


def test_a_question_is_answered() -> None:
    """200 with the answer, the execution that explains it, and nothing else."""
    states = FakeStates()
    status, body, headers = post(states, {"question": "What causes diabetes?"})

    ((arn, document),) = states.inputs.items()
    assert status == 200
    assert headers == {}
    assert body == {"execution": arn, "status": "SUCCEEDED", "answer": ANSWER | {"execution": arn}}
    assert document == {"request": {"kind": "prompt", "text": "What causes diabetes?", "caller": "me"}}


def test_passages_reach_the_workflow() -> None:
    """With their ids; plain strings are numbered."""
    states = FakeStates()
    post(states, {"question": "Why?", "passages": ["One.", {"id": "b", "text": "Two."}]})

    (document,) = states.inputs.values()
    assert document["request"]["passages"] == [{"id": "1", "text": "One."}, {"id": "b", "text": "Two."}]


def test_verdicts_are_reported_without_texts() -> None:
    """The caller sees which stage did what; not the texts that the stages passed on."""
    stage = {"outcome": "masked", "findings": [{"policy": "p", "name": "EMAIL", "action": "ANONYMIZED"}], "text": "raw"}
    states = FakeStates(output={"input_guard": stage, "answer": ANSWER})
    _, body, _ = post(states, {"question": "Why?"})

    (verdict,) = body["answer"]["verdicts"]
    assert (verdict["state"], verdict["outcome"], verdict["findings"]) == ("GuardInput", "masked", stage["findings"])
    assert "raw" not in json.dumps(body)


def test_a_failed_execution_is_a_503_with_the_teams_message() -> None:
    """The answer says `unavailable`; error names and causes stay inside."""
    status, body, _ = post(FakeStates(status="FAILED", error="AccessDenied"), {"question": "Why?"})

    assert (status, body["status"]) == (503, "FAILED")
    assert (body["answer"]["outcome"], body["answer"]["text"]) == ("unavailable", ERRORMESSAGE)
    assert "AccessDenied" not in json.dumps(body)


# --- waiting -------------------------------------------------------------------------------------------------------


def test_an_answer_that_takes_a_while_is_waited_for() -> None:
    """The pauses between two looks grow to a second."""
    clock = Clock()
    status, _, _ = post(FakeStates(looks=15), {"question": "Why?"}, clock=clock)

    assert status == 200
    assert clock.sleeps == sorted(clock.sleeps)
    assert (clock.sleeps[0], clock.sleeps[-1]) == (0.05, 1.0)


@pytest.mark.parametrize(("seconds", "waited"), [(None, WAIT_SECONDS), (3, 3), (0.5, 0.5), (0, 0)])
def test_waiting_ends_at_the_deadline(seconds: float | None, waited: float) -> None:
    """202 with the place to look again, after exactly the requested time."""
    clock = Clock()
    states = FakeStates(looks=10_000)
    body = {"question": "Why?"} | ({} if seconds is None else {"wait_seconds": seconds})
    status, reply, headers = post(states, body, clock=clock)

    (arn,) = states.inputs
    assert status == 202
    assert reply == {"execution": arn, "status": "RUNNING"}
    assert headers == {"Location": f"/chat/{arn.rpartition(':')[2]}", "Retry-After": "1"}
    assert clock.now == pytest.approx(waited)


def test_the_place_to_look_again_leads_to_the_answer() -> None:
    """202, then 202, then 200 under the same name."""
    states = FakeStates(looks=2)
    _, _, headers = post(states, {"question": "Why?", "wait_seconds": 0})
    name = headers["Location"].removeprefix("/chat/")

    statuses = [api(states).get_chat(name, Caller("me"))[0] for _ in range(3)]
    assert statuses == [202, 200, 200]
    arn = next(iter(states.inputs))
    assert api(states).get_chat(arn, Caller("me"))[0] == 200
    assert api(states).get_chat(quote(arn, safe=""), Caller("me"))[0] == 200


@pytest.mark.parametrize("code", ["ExecutionDoesNotExist", "ThrottlingException", "ServiceUnavailable"])
def test_a_started_execution_is_not_lost_to_failed_looks(code: str) -> None:
    """DescribeExecution is eventually consistent and has its own quota: the caller still gets the execution's name."""
    states = FakeStates()
    states.look_errors = [client_error(code)] * 1_000
    clock = Clock()
    status, body, headers = post(states, {"question": "Why?", "wait_seconds": 2}, clock=clock)

    (arn,) = states.inputs
    assert (status, body) == (202, {"execution": arn, "status": "RUNNING"})
    assert headers["Location"].endswith(arn.rpartition(":")[2])
    assert clock.now == pytest.approx(2)


def test_looks_that_failed_in_between_do_no_harm() -> None:
    """The next look finds the answer."""
    states = FakeStates(looks=1)
    states.look_errors = [client_error("ExecutionDoesNotExist"), client_error("ThrottlingException")]

    assert post(states, {"question": "Why?"})[0] == 200


def test_a_look_that_is_forbidden_is_an_error() -> None:
    """Waiting would not help: the deployment's permissions are wrong."""
    states = FakeStates()
    states.look_errors = [client_error("AccessDeniedException")]

    assert post(states, {"question": "Why?"})[0] == 500


# --- starting once -------------------------------------------------------------------------------------------------


def test_a_repeated_request_is_the_same_execution() -> None:
    """The same caller, token and question: one execution, the same answer."""
    states = FakeStates()
    body = {"question": "Why?", "client_token": "t-1"}
    first, second = post(states, body), post(states, body | {"wait_seconds": 1})

    assert first == second
    assert len(states.inputs) == 1


def test_a_reused_token_is_a_conflict() -> None:
    """409, and without the question of the first request."""
    states = FakeStates()
    post(states, {"question": "My secret question?", "client_token": "t-1"})
    status, body, _ = post(states, {"question": "Another?", "client_token": "t-1"})

    assert (status, body["error"]["code"]) == (409, "Conflict")
    assert "secret" not in json.dumps(body)


def test_callers_do_not_share_tokens() -> None:
    """The name derives from caller and token, so nobody gets another's answer by guessing a token."""
    states = FakeStates()
    post(states, {"question": "Why?", "client_token": "t-1"}, who="one")
    post(states, {"question": "Why?", "client_token": "t-1"}, who="two")

    assert len(states.inputs) == 2


def test_without_a_token_every_request_is_new() -> None:
    """Asking twice is asking twice."""
    states = FakeStates()
    post(states, {"question": "Why?"})
    post(states, {"question": "Why?"})

    assert len(states.inputs) == 2


@given(st.text(), st.text(min_size=1, max_size=TOKEN_CHARACTERS))
def test_an_executions_name_is_one_that_aws_takes(who: str, token: str) -> None:
    """Whatever caller and token hold: 1 to 80 letters, digits and dashes, the same every time."""
    name = execution_name(who, token)

    assert name == execution_name(who, token)
    assert len(name) <= 80
    assert name.replace("-", "").isalnum()
    assert name.isascii()


def test_caller_and_token_cannot_be_shifted() -> None:
    """("a", "bc") and ("ab", "c") are two."""
    assert execution_name("a", "bc") != execution_name("ab", "c")
    assert execution_name('a", "b', "c") != execution_name("a", 'b", "c')


# --- looking again, health and errors ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["nobody", "", "x" * 500, "a:b", "../x", "x<script>", "\x00", "\N{GRINNING FACE}", MACHINE]
)
def test_an_unknown_execution_is_a_404(name: str) -> None:
    """Whatever the path holds, and without repeating it."""
    status, body, _ = api(FakeStates()).get_chat(name, Caller("me"))

    assert (status, body["error"]["code"]) == (404, "UnknownExecution")
    assert len(name) < 2 or name not in body["error"]["message"]


def test_health_reports_the_layers() -> None:
    """Which layers are on, and which state machine is asked."""
    settings = with_layers(Layer.PREPROCESS, Layer.POSTPROCESS)
    status, body, _ = api(FakeStates(), settings=settings).get_health()

    assert (status, body["status"], body["state_machine"]) == (200, "ok", MACHINE)
    assert body["layers"] == {"preprocess": "version 1", "postprocess": "version 1"}
    assert GuardrailRef("abc123abc123", "1").id not in json.dumps(body)


@pytest.mark.parametrize(
    ("found", "layers"), [(True, (Layer.MODEL,)), (None, (Layer.MODEL,)), (False, (Layer.PREPROCESS,))]
)
def test_health_reports_whether_passages_are_checked(found: bool | None, layers: tuple[Layer, ...]) -> None:
    """True, false, or null if the guardrail cannot be read; of the model layer alone."""
    read: list[GuardrailRef | None] = []

    def grounding(ref: GuardrailRef | None) -> bool | None:
        read.append(ref)
        return found

    chat = ChatApi(FakeStates().executions, lambda: with_layers(*layers), grounding=grounding)

    assert chat.get_health()[1]["grounding"] is found
    assert read == [REF if Layer.MODEL in layers else None]


def test_a_half_set_layer_is_an_unhealthy_deployment(caplog: pytest.LogCaptureFixture) -> None:
    """500; what is wrong is in the log by variable, and not in the reply."""

    def half() -> Settings:
        return read_settings({"PREPROCESS_GUARDRAIL_IDENTIFIER": "abc"})

    status, body, _ = ChatApi(FakeStates().executions, half).get_health()

    assert (status, body["error"]["code"]) == (500, "ConfigurationError")
    assert "PREPROCESS" not in json.dumps(body)
    assert "ConfigurationError: PREPROCESS_GUARDRAIL_VERSION is not set" in caplog.text


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("ExecutionLimitExceeded", 429, "Throttled"),
        ("ThrottlingException", 429, "Throttled"),
        ("StateMachineDoesNotExist", 500, "ConfigurationError"),
        ("AccessDeniedException", 500, "ConfigurationError"),
        ("ServiceUnavailable", 503, "Unavailable"),
        ("SomethingNew", 400, "InvalidRequest"),
    ],
)
def test_errors_of_starting_have_their_status(code: str, status: int, expected: str) -> None:
    """The caller learns whether to come back later; whatever is our fault is a 5xx."""
    fake = FakeClient("stepfunctions", start_execution=client_error(code, f"about 'arn:{SECRET}'"))
    reply = posted(ChatApi(Executions(MACHINE, fake.client), lambda: DEFAULTS), b'{"question": "Why?"}', Caller("me"))

    assert (reply[0], reply[1]["error"]["code"]) == (status, expected)
    assert SECRET not in json.dumps(reply[1])
    assert status < 500 or code not in json.dumps(reply[1])


def test_without_a_state_machine_nothing_works(environment: pytest.MonkeyPatch) -> None:
    """STATE_MACHINE_ARN is missing: every route says that the service cannot answer."""
    chat = ChatApi(Executions())

    assert posted(chat, b'{"question": "Why?"}', Caller("me"))[0] == 500
    assert chat.get_chat("x", Caller("me"))[0] == 500
    assert chat.get_health()[0] == 500
    with pytest.raises(ConfigurationError):
        _ = Executions().state_machine_arn
