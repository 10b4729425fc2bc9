"""Texts made to evade or to exhaust the guardrail, through the real ApplyGuardrail with the real detectors."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.bedrock.api.service import Bedrock
from embedded_aws.wire import HttpRequest, JsonService, ServiceError
from stepguard.aws.guardrails import Guardrails
from stepguard.guard.bedrock_names import PII_TYPES
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import Direction, Layer, Outcome
from stepguard.guard.texts.chunking import REQUEST_CHARACTERS
from tests.unit.embedded_aws.bedrock.fakes import configuration

PHRASES = ("forbidden", "project falcon")
TICKET = r"\bTCK-[0-9]{6}\b"
CATASTROPHIC = (
    r"(a+)+$",
    r"(a|aa)+$",
    r"(.*)*x",
    r"(x+x+)+y",
    r"([a-z]+)*\d",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(?:a?){30}a{30}",
)


class Cloud:
    """The embedded Bedrock with its own detectors."""

    def __init__(self, folder: Path) -> None:
        self.bedrock = Bedrock(folder / "bedrock.sqlite")
        self._guardrails = 0
        self._control = JsonService("bedrock", self.bedrock.control)
        self.service = JsonService("bedrock-runtime", self.bedrock.runtime)

    def guardrail(self, **policies: Any) -> GuardrailRef:
        """A new guardrail."""
        self._guardrails += 1
        request = configuration(**policies) | {"name": f"guardrail-{self._guardrails}"}
        answer = self._control.call("CreateGuardrail", request)
        return GuardrailRef(str(answer["guardrailId"]), "DRAFT")

    def apply_guardrail(self, **request: Any) -> dict[str, Any]:
        """As boto3's client has it."""
        return self.service.call("ApplyGuardrail", request)

    def apply(self, guardrail: GuardrailRef, text: str) -> dict[str, Any]:
        """ApplyGuardrail on one answer."""
        return self.apply_guardrail(
            guardrailIdentifier=guardrail.id,
            guardrailVersion=guardrail.version,
            source="OUTPUT",
            content=[{"text": {"text": text}}],
        )


@pytest.fixture(name="cloud", scope="module")
def _cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("bedrock"))
    yield cloud
    cloud.bedrock.close()


def _policies(words: int = 0) -> dict[str, Any]:
    """Words, profanity, all types of personal information and regular expressions; `words` more configured words."""
    texts = [*PHRASES, *(f"word{number}" for number in range(words))]
    return {
        "wordPolicyConfig": {
            "wordsConfig": [{"text": text, "outputAction": "NONE"} for text in texts],
            "managedWordListsConfig": [{"type": "PROFANITY", "outputAction": "NONE"}],
        },
        "sensitiveInformationPolicyConfig": {
            "piiEntitiesConfig": [{"type": kind, "action": "ANONYMIZE"} for kind in PII_TYPES],
            "regexesConfig": [{"name": "ticket", "pattern": TICKET, "action": "ANONYMIZE"}],
        },
    }


@pytest.fixture(name="lexical", scope="module")
def _lexical(cloud: Cloud) -> GuardrailRef:
    return cloud.guardrail(**_policies())


def _matches(answer: dict[str, Any]) -> set[str]:
    """What the word policy reports."""
    return {entry["match"] for entry in answer["assessments"][0].get("wordPolicy", {}).get("customWords", [])}


# --- disguises: found, at the exact place ---

TWINS = str.maketrans("aceiop", "асеіор")
DISGUISES: dict[str, Callable[[str], str]] = {
    "zero-width": "\u200b".join,
    "soft hyphen": "\u00ad".join,
    "tags": "\U000e0041".join,
    "homoglyphs": lambda word: word.translate(TWINS),
    "full-width": lambda word: "".join(chr(ord(char) + 0xFEE0) for char in word),
    "strike-through": lambda word: "".join(char + "\u0336" for char in word),
    "leetspeak": lambda word: word.replace("o", "0").replace("i", "1").replace("e", "3"),
    "letters one by one": " ".join,
    "letters with hyphens": "-".join,
    "a dot inside": lambda word: f"{word[:3]}.{word[3:]}",
    "stretched": lambda word: word.replace("o", "oooo"),
}


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
def test_a_disguised_word_is_reported_as_it_was_written(
    cloud: Cloud, lexical: GuardrailRef, disguise: Callable[[str], str]
) -> None:
    """The match is the disguised stretch of the text, no more and no less."""
    written = disguise("forbidden")
    answer = cloud.apply(lexical, f"Speak of the {written} thing, dear.")
    assert _matches(answer) == {written}


def test_a_phrase_is_found_when_one_of_its_words_is_disguised(cloud: Cloud, lexical: GuardrailRef) -> None:
    """Leetspeak inside a phrase of two words."""
    assert _matches(cloud.apply(lexical, "all about Pr0ject F4lcon now")) == {"Pr0ject F4lcon"}


@pytest.mark.parametrize(
    ("written", "masked"),
    [
        ("card 4111\u200b 1111 1111\u200b 1111 ok", "card {CREDIT_DEBIT_CARD_NUMBER} ok"),
        ("card ４１１１ １１１１ １１１１ １１１１ ok", "card {CREDIT_DEBIT_CARD_NUMBER} ok"),
        ("card 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 ok", "card {CREDIT_DEBIT_CARD_NUMBER} ok"),
        ("mail \u0430nn@ex\u0430mple.com, \U0001f600", "mail {EMAIL}, \U0001f600"),
        ("mail ann@\u00adexample.com\u202e, שלום", "mail {EMAIL}\u202e, שלום"),
        ("see TCK-\u200b204417 and T\u0421K-990012", "see {ticket} and {ticket}"),
        ("call 212\u2011555\u20110199 \ud800 x", "call {PHONE} \ud800 x"),
    ],
)
def test_disguised_personal_information_is_masked_and_nothing_else(
    cloud: Cloud, lexical: GuardrailRef, written: str, masked: str
) -> None:
    """Every other character of the text stays, whatever its script."""
    assert cloud.apply(lexical, written)["outputs"] == [{"text": masked}]


def test_personal_information_in_base64_is_masked_in_its_place(cloud: Cloud, lexical: GuardrailRef) -> None:
    """The rest of the encoded text does not reveal the address."""
    encoded = base64.b64encode(b"please write to ann.smith@example.com about the invoice").decode()
    (output,) = cloud.apply(lexical, f"payload={encoded} end")["outputs"]
    before, after = re.fullmatch(r"payload=(.*)\{EMAIL\}(.*) end", output["text"]).groups()  # type: ignore[union-attr]  # a failed match shall fail the test
    assert encoded.startswith(before)
    assert encoded.endswith(after)
    assert b"@" not in base64.b64decode(before) + base64.b64decode(after)


# --- exhaustion: refused or linear ---


def test_25001_characters_are_refused(cloud: Cloud, lexical: GuardrailRef) -> None:
    """One character over the limit, and two megabytes of white space, are refused before any policy runs."""
    for text in ("x" * 25_001, "x" + " \n" * 1_000_000):
        started = time.process_time()
        with pytest.raises(ServiceError) as caught:
            cloud.apply(lexical, text)
        assert caught.value.code == "ValidationException"
        assert "25 text units" in str(caught.value)
        assert time.process_time() - started < 1.0


HOSTILE = {
    "one word": "a",
    "one number": "1",
    "blanks": " ",
    "line ends": "\n",
    "combining marks": "\u0301",
    "zero-width": "\u200b",
    "right to left": "\u202e\u05d0",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "lone surrogates": "\ud800",
    "brackets": "((((",
    "at signs": "a@",
    "half addresses": "a@b.",
    "numbers in groups": "1 ",
    "numbers with hyphens": "1-",
    "letters one by one": "k ",
    "letters with dots": "k.",
    "leetspeak": "a1",
    "almost a phrase": "project ",
    "profanity": "fuck ",
    "tickets": "TCK-123456 ",
    "names": "John Smith ",
    "addresses": "12 Main Street, ",
    "base 64": "QUJD",
    "hexadecimal": "6a",
    "homoglyphs": "\u0430b",
    "passwords": "password is ",
    "organisations": "Morgan Stanley ",
    "quotes": "'\"",
    "full-width": "\uff21",
}
SMALL, LARGE = 2_500, 10_000


def _seconds(run: Callable[[], object]) -> float:
    """Processor time of the quicker of two runs."""
    times = []
    for _ in range(2):
        started = time.process_time()
        run()
        times.append(time.process_time() - started)
    return min(times)


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_take_linear_time(cloud: Cloud, lexical: GuardrailRef, unit: str) -> None:
    """Four times the text takes about four times as long (a quadratic policy: sixteen), and never crashes."""
    texts = {size: "x" + (unit * size)[: size - 1] for size in (SMALL, LARGE)}
    assert cloud.apply(lexical, texts[SMALL])["action"] in ("NONE", "GUARDRAIL_INTERVENED")
    small, large = (_seconds(lambda size=size: cloud.apply(lexical, texts[size])) for size in (SMALL, LARGE))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    assert large < 9 * max(small, 0.003)


@pytest.mark.parametrize("name", ["one word", "combining marks", "emoji", "lone surrogates", "letters one by one"])
def test_graded_policies_survive_hostile_texts(cloud: Cloud, name: str) -> None:
    """Content filters, prompt attacks and topics answer for texts without words."""
    filters = [{"type": kind, "inputStrength": "HIGH", "outputStrength": "HIGH"} for kind in ("HATE", "VIOLENCE")]
    topic = {"name": "Stocks", "definition": "Recommendations on stocks.", "type": "DENY"}
    guardrail = cloud.guardrail(
        contentPolicyConfig={"filtersConfig": filters}, topicPolicyConfig={"topicsConfig": [topic]}
    )
    answer = cloud.apply(guardrail, "x" + HOSTILE[name] * 500)
    assert answer["usage"]["contentPolicyUnits"] == answer["usage"]["topicPolicyUnits"] > 0


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_patterns_that_hang_others_take_linear_time(cloud: Cloud, pattern: str) -> None:
    """RE2 does not backtrack: the textbook cases end, and four times the text takes about four times as long."""
    regex = {"name": "hang", "pattern": pattern, "action": "ANONYMIZE"}
    guardrail = cloud.guardrail(sensitiveInformationPolicyConfig={"regexesConfig": [regex]})
    small, large = (_seconds(lambda size=size: cloud.apply(guardrail, "a" * size + "!")) for size in (SMALL, LARGE))  # type: ignore[misc]  # as above
    assert large < 9 * max(small, 0.003)


def test_ten_thousand_words_cost_no_more_than_two(cloud: Cloud, lexical: GuardrailRef) -> None:
    """The time of a call does not depend on the number of configured words, and the words are found."""
    many = cloud.guardrail(**_policies(9_998))
    text = "The word9997 of project falcon and 400 others. " * 40
    assert _matches(cloud.apply(many, text)) == {"word9997", "project falcon"}
    few_time = _seconds(lambda: cloud.apply(lexical, text))
    assert _seconds(lambda: cloud.apply(many, text)) < 3 * max(few_time, 0.003)


def test_half_a_surrogate_pair_on_the_wire_is_refused(cloud: Cloud, lexical: GuardrailRef) -> None:
    """Such JSON is no text: the request is refused, not half judged."""
    body = b'{"source": "OUTPUT", "content": [{"text": {"text": "\\ud800 mail ann@example.com"}}]}'
    path = f"/guardrail/{lexical.id}/version/DRAFT/apply"
    response = cloud.service.handle(HttpRequest("POST", path, "", {"content-type": "application/json"}, body))
    assert response.status == 400
    assert json.loads(response.body) == {"message": "The request body is not valid JSON."}


# --- a violation across a chunk cut ---

SECRET = "Mrs. Maria Gonzalez pays with 4111 1111 1111 1111 from maria.gonzalez@example.com"
SENTENCE = "The museum opens at nine and closes at six in the summer. "


@pytest.mark.parametrize("ahead", [-10, 5, 20, 40, 60, 75, 120])
@pytest.mark.parametrize("filler", [SENTENCE, "z" * 60], ids=["sentences", "one word"])
def test_a_violation_across_a_cut_is_masked_whole(cloud: Cloud, lexical: GuardrailRef, filler: str, ahead: int) -> None:
    """A secret that lies anywhere across the end of the first request is masked, and the rest of the text is kept."""
    length = REQUEST_CHARACTERS - ahead - 2
    before, after = (filler * 1_000)[:length] + ". ", ". " + filler * 40
    verdict = Guardrails(cloud).check(lexical, before + SECRET + after, Layer.POSTPROCESS, Direction.OUTPUT)
    assert verdict.outcome is Outcome.MASKED
    expected = "Mrs. {NAME} pays with {CREDIT_DEBIT_CARD_NUMBER} from {EMAIL}"
    assert verdict.text == before + expected + after


def test_a_phrase_across_a_cut_is_found(cloud: Cloud) -> None:
    """One word of the phrase ends the first request's share, the other begins the next."""
    guardrail = cloud.guardrail(wordPolicyConfig={"wordsConfig": [{"text": "project falcon"}]})
    text = ("x " * REQUEST_CHARACTERS)[: REQUEST_CHARACTERS - 8] + "project falcon " + "y " * 2_000
    verdict = Guardrails(cloud).check(guardrail, text, Layer.POSTPROCESS, Direction.OUTPUT)
    assert verdict.outcome is Outcome.BLOCKED
