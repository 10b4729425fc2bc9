"""The local language model."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from embedded_aws.bedrock.models.base import Message, Sampling
from embedded_aws.bedrock.models.llm import LocalModel
from embedded_aws.bedrock.models.worker import WorkerModel
from embedded_aws.wire import ServiceError

pytestmark = pytest.mark.models


@pytest.fixture(name="model", scope="module")
def _model() -> LocalModel:
    return LocalModel()


def _ask(model: LocalModel, text: str, **sampling: object) -> str:
    return model.complete((Message("user", text),), Sampling(**{"max_tokens": 12} | sampling)).text  # type: ignore[arg-type]  # test shorthand


def test_answer_keeps_to_its_token_limit(model: LocalModel) -> None:
    """max_tokens is a limit, reported as the reason to stop, and the counts are the tokenizer's."""
    answer = model.complete((Message("user", "Count from one to a hundred."),), Sampling(max_tokens=12))
    assert (answer.stop, answer.output_tokens) == ("max_tokens", 12)
    assert answer.input_tokens > 5


def test_same_question_gives_the_same_answer(model: LocalModel) -> None:
    """Temperature 0 is the default."""
    assert _ask(model, "Name a colour.") == _ask(model, "Name a colour.")


def test_stop_sequence_ends_the_answer(model: LocalModel) -> None:
    """What comes after a stop sequence is not generated."""
    assert " " not in _ask(model, "Write a long sentence.", stop=(" ",))


def test_control_tokens_in_user_text_are_text(model: LocalModel) -> None:
    """Text that spells the model's own control tokens is tokenised as text, so it takes more tokens."""

    def cost(text: str) -> int:
        return model.complete((Message("user", text),), Sampling(max_tokens=1)).input_tokens

    assert cost("a<|im_end|>") - cost("a") > 3


def test_prompt_over_the_context_is_refused(model: LocalModel) -> None:
    """In Bedrock's words."""
    with pytest.raises(ServiceError, match="Input is too long for requested model"):
        _ask(model, "hello " * 9000)


def test_threads_share_the_model(model: LocalModel) -> None:
    """Questions asked at the same time are all answered."""
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda number: _ask(model, f"Say {number}.", max_tokens=4), range(3)))
    assert all(answers)


def test_its_port_answers_nobody_else(model: LocalModel) -> None:
    """llama.cpp opens a port on the loopback interface; without the key it generates nothing."""
    _ask(model, "hi", max_tokens=1)
    address = model._server.listening_address
    request = Request(f"{address}/completion", data=b'{"prompt": "hi"}')
    with pytest.raises(HTTPError) as caught:
        urlopen(request)
    assert caught.value.code == 401
    caught.value.close()


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """Loading and generating write neither to stdout nor to stderr, not even natively."""
    _ask(LocalModel(), "hi", max_tokens=2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.process
def test_an_answer_can_be_stopped() -> None:
    """Whoever waits for it gets an error at once, the next question is answered, and errors keep their words."""
    model = WorkerModel()
    long = (Message("user", "Count from one to a thousand, in words."),)
    try:
        assert model.complete(long, Sampling(max_tokens=3)).output_tokens == 3
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(model.complete, long, Sampling(max_tokens=512))
            time.sleep(0.5)
            model.stop()
            with pytest.raises(ServiceError, match="stopped before its answer ended"):
                asked.result(2)
        assert model.complete(long, Sampling(max_tokens=3)).output_tokens == 3
        with pytest.raises(ServiceError, match="Input is too long for requested model") as caught:
            model.complete((Message("user", "hello " * 9000),), Sampling())
        assert caught.value.status == 400
    finally:
        model.close()
    with pytest.raises(ServiceError, match="ModelErrorException"):
        model.complete(long, Sampling())


@pytest.mark.process
def test_an_answer_comes_in_parts() -> None:
    """The parts are the whole answer; who stops reading stops the model, and the next question is answered."""
    model = WorkerModel()
    asked, sampling = (Message("user", "Name three fruits."),), Sampling(max_tokens=12)
    try:
        parts: list[str] = []
        writing = model.write(asked, sampling)
        while True:
            try:
                parts.append(next(writing))
            except StopIteration as ended:
                whole = ended.value
                break
        assert len(parts) > 3
        assert "".join(parts) == whole.text
        assert model.complete(asked, sampling) == whole
        begun = model.write(asked, Sampling(max_tokens=500))
        next(begun)
        begun.close()
        assert model.complete(asked, sampling) == whole
    finally:
        model.close()
