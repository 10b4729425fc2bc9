"""Streams of imported models and of knowledge bases: the answer of the whole call or an error, never half an answer."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EventStreamError

from embedded_aws.wire.event_stream import frame
from stepguard.aws.models import Models
from stepguard.aws.models import retrieve_and_generate as generated
from stepguard.guard.errors import ServiceUnavailable, StepguardError, Throttled, UnreadableVerdict
from stepguard.guard.knowledge import Access, KnowledgeSettings, Reader
from stepguard.guard.settings import ImportedBody, ModelSettings
from stepguard.guard.stages import Outcome
from stepguard.guard.verdict import DEFAULT_BLOCKED_MESSAGE
from tests.fakes.bedrock import REF
from tests.fakes.models import GROUNDED, QUESTION, imported

TEXT = "Genes cause it."
THOUGHT = "They ask about genes.\n</think>\n\n"
ACTION, TRACE, METRICS = (
    "amazon-bedrock-guardrailAction",
    "amazon-bedrock-trace",
    "amazon-bedrock-invocationMetrics",
)
COUNTED = {METRICS: {"inputTokenCount": 5, "outputTokenCount": 7, "invocationLatency": 2, "firstByteLatency": 1}}
BLOCKED = {"wordPolicy": {"customWords": [{"match": "x", "action": "BLOCKED"}], "managedWordLists": []}}
MASKED = {
    "sensitiveInformationPolicy": {
        "piiEntities": [{"type": "NAME", "match": "Ada", "action": "ANONYMIZED"}],
        "regexes": [],
    }
}


def trace(said: str = "", assessment: Mapping[str, Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"input": {"g": {}}} | ({"outputs": [{"g": assessment}]} if assessment else {})
    return {TRACE: {"guardrail": found | {"modelOutput": [said]}}}


def llama(*texts: str, action: str = "NONE", **last: Any) -> list[dict[str, Any]]:
    """Chunks of a stream, the last one with its proof."""
    chunks: list[dict[str, Any]] = [{"generation": text, "stop_reason": None, ACTION: action} for text in texts]
    return [*chunks, {"generation": "", "stop_reason": "stop", ACTION: action, **COUNTED, **(last or trace())}]


class Runtime:
    """A client whose stream a test gives."""

    def __init__(self, *chunks: Mapping[str, Any] | bytes, error: Exception | None = None) -> None:
        self.chunks, self.error = chunks, error
        self.requests: list[dict[str, Any]] = []

    def invoke_model_with_response_stream(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        return {"body": self._stream()}

    def invoke_model(self, **request: Any) -> Any:
        raise AssertionError

    converse = converse_stream = invoke_model

    def _stream(self) -> Iterator[dict[str, Any]]:
        for chunk in self.chunks:
            yield {"chunk": {"bytes": chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode()}}
        if self.error is not None:
            raise self.error


def ask(runtime: Runtime, heard: list[str] | None = None, *, guarded: bool = True, model: Any = None) -> Any:
    hear = [] if heard is None else heard
    chosen = model or imported(ImportedBody.OPENAI_CHAT)
    return Models(runtime).ask(QUESTION, chosen, REF if guarded else None, hear=hear.append)


def test_a_stream_of_an_imported_model_is_an_answer() -> None:
    """Text, reason, tokens and verdict; the guardrail judges before Bedrock sends."""
    heard: list[str] = []
    runtime = Runtime(*llama("Genes ", "cause it."))
    completion = ask(runtime, heard)
    assert heard == ["Genes ", "cause it."]
    assert (completion.verdict.text, completion.verdict.outcome) == (TEXT, Outcome.PASSED)
    assert (completion.stop_reason, completion.tokens) == ("stop", {"input": 5, "output": 7})
    config = json.loads(runtime.requests[0]["body"])["amazon-bedrock-guardrailConfig"]
    assert config["streamProcessingMode"] == "SYNCHRONOUS"
    assert config["tagSuffix"]
    assert (runtime.requests[0]["guardrailIdentifier"], runtime.requests[0]["trace"]) == (REF.id, "ENABLED")


@pytest.mark.parametrize(
    "chunks",
    [
        [{"choices": [{"index": 0, "text": TEXT}]}, {"choices": [{"text": "", "finish_reason": "stop"}]}],
        [{"choices": [{"delta": {"content": TEXT}}]}, {"choices": [{"delta": {}, "finish_reason": "stop"}]}],
        [{"choices": [{"message": {"content": TEXT}}]}, {"choices": [{"stop_reason": "stop"}]}],
        [{"generation": TEXT}, {"generation": None, "stop_reason": "stop"}, {"choices": []}],
    ],
)
def test_every_format_is_read(chunks: list[dict[str, Any]]) -> None:
    """The text wherever it is; chunks without one are none."""
    chunks[-1] |= COUNTED
    assert ask(Runtime(*chunks), guarded=False).verdict.text == TEXT


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        llama(TEXT)[:-1],
        [*llama(TEXT)[:-1], {"generation": "", "stop_reason": "stop", ACTION: "NONE", **trace()}],
        [*llama(TEXT)[:-1], {"generation": "", "stop_reason": None, ACTION: "NONE", **COUNTED, **trace()}],
    ],
    ids=["nothing", "no last chunk", "no metrics", "no reason"],
)
@pytest.mark.parametrize("guarded", [True, False])
def test_a_stream_without_its_end_is_no_answer(chunks: list[dict[str, Any]], *, guarded: bool) -> None:
    """It is retried."""
    with pytest.raises(ServiceUnavailable, match="broke off"):
        ask(Runtime(*chunks), guarded=guarded)


@pytest.mark.parametrize("missing", [ACTION, TRACE])
def test_a_stream_without_a_verdict_is_no_answer(missing: str) -> None:
    """The guardrail was asked for, and nothing says that it ran."""
    chunks = [{name: value for name, value in chunk.items() if name != missing} for chunk in llama(TEXT)]
    with pytest.raises(UnreadableVerdict):
        ask(Runtime(*chunks))


@pytest.mark.parametrize("chunk", [b"{", b"[1]", b"\xff"])
def test_a_damaged_chunk_is_no_answer(chunk: bytes) -> None:
    """Nothing of it is skipped."""
    with pytest.raises(UnreadableVerdict, match="chunk"):
        ask(Runtime(*llama(TEXT)[:-1], chunk, llama(TEXT)[-1]))


def test_a_block_of_the_question_is_one_chunk() -> None:
    """As recorded: the message with the trace, without a reason or metrics."""
    chunk = {"generation": "Not that.", ACTION: "INTERVENED", TRACE: {"guardrail": {"input": {"g": BLOCKED}}}}
    verdict = ask(Runtime(chunk)).verdict
    assert (verdict.outcome, verdict.text, verdict.message) == (Outcome.BLOCKED, "", "Not that.")


def test_a_block_after_text_that_had_passed_gives_the_message_alone() -> None:
    """The beginning of an answer is not part of why it was refused."""
    chunks = llama("Genes ", "cause ", "Not that.", **trace("Genes cause x.", BLOCKED))
    chunks[-1][ACTION] = "INTERVENED"
    verdict = ask(Runtime(*chunks)).verdict
    assert (verdict.outcome, verdict.text, verdict.message) == (Outcome.BLOCKED, "", "Not that.")


def test_an_intervention_of_any_chunk_counts() -> None:
    """Whichever says so; a mask keeps what had passed before it."""
    chunks = llama("Genes ", "of {NAME}.", **trace("Genes of Ada.", MASKED))
    chunks[1][ACTION] = "INTERVENED"
    verdict = ask(Runtime(*chunks)).verdict
    assert (verdict.outcome, verdict.text) == (Outcome.MASKED, "Genes of {NAME}.")
    unproved = llama(TEXT)
    unproved[0][ACTION] = "INTERVENED"
    assert ask(Runtime(*unproved)).verdict.blocked


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("throttlingException", Throttled),
        ("internalServerException", ServiceUnavailable),
        ("modelStreamErrorException", ServiceUnavailable),
        ("modelTimeoutException", ServiceUnavailable),
        ("serviceUnavailableException", ServiceUnavailable),
        ("badGatewayException", ServiceUnavailable),
        ("dependencyFailedException", ServiceUnavailable),
        ("serviceQuotaExceededException", Throttled),
    ],
)
def test_an_exception_inside_a_stream_is_retried(code: str, kind: type[StepguardError]) -> None:
    """In both operations, like the same exception before a stream."""
    error = EventStreamError({"Error": {"Code": code, "Message": "x"}}, "Stream")
    with pytest.raises(kind):
        ask(Runtime(*llama(TEXT)[:-1], error=error))
    with pytest.raises(kind):
        generate(Agent([{"output": {"text": TEXT}}], error=error))


def test_a_thought_is_not_heard() -> None:
    """A prompt that opens a thought: what is heard begins after its end, also if a tag comes letter by letter."""
    heard: list[str] = []
    completion = ask(Runtime(*llama(*(THOUGHT + TEXT))), heard, model=imported())
    assert "".join(heard).strip() == completion.verdict.text == TEXT
    never: list[str] = []
    assert ask(Runtime(*llama(TEXT)), never, model=imported()).verdict.text == TEXT
    assert never == []


def test_with_passages_nothing_is_streamed() -> None:
    """Grounding is judged on the whole answer."""
    runtime = Runtime()
    with pytest.raises(AssertionError):
        Models(runtime).ask(GROUNDED, imported(), REF, hear=print)
    assert runtime.requests == []


# --- a connection that breaks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["reset", "half a frame", "damaged", "silent"])
def test_a_connection_that_breaks_in_a_stream_is_retried(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """botocore raises urllib3's exceptions and its own there, which are no BotoCoreError."""
    chunk = {"bytes": base64.b64encode(json.dumps(llama(TEXT)[0]).encode()).decode()}
    sent = frame("event", "chunk", chunk)
    parts = {"reset": sent, "half a frame": sent[:20], "silent": sent, "damaged": sent[:-1] + bytes([sent[-1] ^ 1])}[
        how
    ]
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            line.recv(65536)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nTransfer-Encoding: chunked"
            line.sendall(head + b"\r\n\r\n%x\r\n" % len(parts) + parts + b"\r\n")
            if how == "silent":
                done.wait(10)
            line.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        runtime = boto3.client(
            "bedrock-runtime", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{server.getsockname()[1]}",
            aws_access_key_id="a", aws_secret_access_key="b",
            config=Config(read_timeout=0.3, retries={"total_max_attempts": 1}),
        )  # fmt: skip
        try:
            with pytest.raises(ServiceUnavailable):
                ask(runtime)
        finally:
            done.set()
            thread.join(10)


# --- knowledge bases --------------------------------------------------------------------------------------------------

READER = Reader(KnowledgeSettings("ABCDEFGHIJ", Access.GROUPS), ("staff",))
CITED: dict[str, Any] = {
    "content": {"text": "Genes."},
    "location": {"type": "S3", "s3Location": {"uri": "s3://d/a.txt"}},
    "metadata": {"groups": ["staff"], "stepguard_screening": "passed"},
}


def citation(**reference: Any) -> dict[str, Any]:
    part = {"generatedResponsePart": {}, "retrievedReferences": [CITED | reference]}
    return {"citation": part | {"citation": part}}


class Agent:
    """A client whose stream a test gives."""

    def __init__(self, events: list[dict[str, Any]], error: Exception | None = None) -> None:
        self.events, self.error = events, error

    def retrieve_and_generate(self, **request: Any) -> Any:
        raise AssertionError

    def retrieve_and_generate_stream(self, **request: Any) -> dict[str, Any]:
        def stream() -> Iterator[dict[str, Any]]:
            yield from self.events
            if self.error is not None:
                raise self.error

        return {"stream": stream(), "sessionId": "s"}


def generate(agent: Agent, *, guarded: bool = True) -> Any:
    return generated.ask(QUESTION, ModelSettings(), REF if guarded else None, READER, agent, stream=True)


def outputs(*texts: str) -> list[dict[str, Any]]:
    return [{"output": {"text": text}} for text in texts]


def test_a_stream_of_a_knowledge_base_is_an_answer_with_its_sources() -> None:
    """The verdict's event may come anywhere; once INTERVENED, whatever another one says."""
    none = {"guardrail": {"action": "NONE"}}
    for events in (
        [*outputs("Genes ", "cause it."), citation(), none],
        [none, *outputs(TEXT), citation()],
    ):
        completion = generate(Agent(events))
        assert (completion.verdict.outcome, completion.verdict.text) == (Outcome.PASSED, TEXT)
        assert [source.text for source in completion.sources] == ["Genes."]
    acted = [*outputs("Not that."), {"guardrail": {"action": "INTERVENED"}}, none]
    verdict = generate(Agent(acted)).verdict
    assert (verdict.outcome, verdict.text, verdict.message) == (Outcome.BLOCKED, "", "Not that.")


def test_a_block_after_text_of_a_knowledge_base_gives_no_text_of_it() -> None:
    """Nothing says where the message begins."""
    verdict = generate(Agent([*outputs("Genes ", "Not that."), {"guardrail": {"action": "INTERVENED"}}])).verdict
    assert (verdict.outcome, verdict.text, verdict.message) == (Outcome.BLOCKED, "", DEFAULT_BLOCKED_MESSAGE)


def test_a_knowledge_stream_without_its_proof_is_no_answer() -> None:
    """No verdict of the guardrail, or no text at all."""
    with pytest.raises(UnreadableVerdict):
        generate(Agent([*outputs(TEXT), citation()]))
    with pytest.raises(UnreadableVerdict):
        generate(Agent([*outputs(TEXT), {"guardrail": {}}]))
    with pytest.raises(ServiceUnavailable):
        generate(Agent([{"guardrail": {"action": "NONE"}}]))
    assert generate(Agent(outputs(TEXT)), guarded=False).verdict.text == TEXT


def test_a_document_that_the_caller_may_not_read_blocks_the_answer() -> None:
    """Its citation comes after the text, so no text is heard before the end."""
    events = [
        *outputs(TEXT),
        citation(metadata=CITED["metadata"] | {"groups": ["board"]}),
        {"guardrail": {"action": "NONE"}},
    ]
    assert generate(Agent(events)).verdict.blocked
