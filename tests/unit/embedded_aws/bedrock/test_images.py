"""Images in ApplyGuardrail and Converse, judged by a fake detector: what is looked at, refused, reported and billed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.bedrock.images import MAXIMUM_BYTES, check_image
from embedded_aws.bedrock.models.base import Message
from embedded_aws.wire import ServiceError
from tests.unit.embedded_aws.bedrock.fakes import Api, content, image, jpeg, pii, png, words

_MODEL = "us.anthropic.claude-sonnet-4-v1:0"
_TEXT = {"text": {"text": "hello"}}
_BOTH = ["TEXT", "IMAGE"]


def _on_images(*modalities: str, strength: str = "HIGH", kind: str = "SEXUAL", **more: Any) -> dict[str, Any]:
    chosen = list(modalities or _BOTH)
    return content(kind, strength, inputModalities=chosen, outputModalities=chosen, **more)


def _apply(api: Api, guardrail: str, *blocks: Any, source: str = "INPUT", scope: str = "INTERVENTIONS") -> Any:
    return api.runtime(
        "ApplyGuardrail",
        guardrailIdentifier=guardrail,
        guardrailVersion="DRAFT",
        source=source,
        content=list(blocks),
        outputScope=scope,
    )


def _refused(api: Api, guardrail: str, *blocks: Any) -> str:
    with pytest.raises(ServiceError) as caught:
        _apply(api, guardrail, *blocks)
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)
    return caught.value.message


def _filters(answer: dict[str, Any]) -> Any:
    return answer["assessments"][0].get("contentPolicy", {}).get("filters")


# --- what is looked at ---


@pytest.mark.parametrize("source", ["INPUT", "OUTPUT"])
@pytest.mark.parametrize("block", [image(png("SEXUAL-HIGH")), image(jpeg("SEXUAL-HIGH"), "jpeg")], ids=["png", "jpeg"])
def test_an_image_is_blocked_like_a_text(api: Api, source: str, block: Any) -> None:
    """The direction's message goes out, the assessment names the filter, the image is billed by itself."""
    answer = _apply(api, api.guardrail(**_on_images()), block, source=source)
    message = "Input refused." if source == "INPUT" else "Output refused."
    assert (answer["action"], answer["outputs"]) == ("GUARDRAIL_INTERVENED", [{"text": message}])
    assert _filters(answer) == [
        {"type": "SEXUAL", "confidence": "HIGH", "filterStrength": "HIGH", "action": "BLOCKED", "detected": True}
    ]
    assert (answer["usage"]["contentPolicyImageUnits"], answer["usage"]["contentPolicyUnits"]) == (1, 0)
    assert answer["guardrailCoverage"] == {
        "textCharacters": {"guarded": 0, "total": 0},
        "images": {"guarded": 1, "total": 1},
    }


def test_a_harmless_image_passes_and_is_billed(api: Api) -> None:
    """One image unit for each image, however many filters there are."""
    answer = _apply(api, api.guardrail(**_on_images()), image(png()), image(png()))
    assert (answer["action"], answer["outputs"]) == ("NONE", [])
    assert answer["usage"]["contentPolicyImageUnits"] == 2


@pytest.mark.parametrize(
    ("strength", "confidence", "acts"),
    [
        ("LOW", "HIGH", True), ("LOW", "MEDIUM", False), ("MEDIUM", "MEDIUM", True), ("MEDIUM", "LOW", False),
        ("HIGH", "LOW", True), ("HIGH", "NONE", False),
    ],
)  # fmt: skip
def test_strengths_act_on_images_as_on_texts(api: Api, strength: str, confidence: str, acts: bool) -> None:
    """The user guide's table: thresholds are common to both."""
    answer = _apply(api, api.guardrail(**_on_images(strength=strength)), image(png(f"SEXUAL-{confidence}")), _TEXT)
    assert (answer["action"] == "GUARDRAIL_INTERVENED") is acts


def test_a_filter_reports_once_with_the_worst_of_texts_and_images(api: Api) -> None:
    """Two images and a text: one entry, the highest confidence of the three."""
    made = api.guardrail(**_on_images())
    for text, first, second in [("LOW", "NONE", "HIGH"), ("HIGH", "LOW", "NONE"), ("NONE", "HIGH", "LOW")]:
        blocks = [{"text": {"text": f"SEXUAL-{text}"}}, image(png(f"SEXUAL-{first}")), image(png(f"SEXUAL-{second}"))]
        answer = _apply(api, made, *blocks)
        assert [entry["confidence"] for entry in _filters(answer)] == ["HIGH"]
        assert (answer["usage"]["contentPolicyImageUnits"], answer["usage"]["contentPolicyUnits"]) == (2, 1)


def test_a_filter_without_the_image_modality_does_not_look(api: Api) -> None:
    """TEXT is the default; the image counts as sent and not guarded, and costs nothing."""
    answer = _apply(api, api.guardrail(**content("SEXUAL")), image(png("SEXUAL-HIGH")), _TEXT)
    assert answer["action"] == "NONE"
    assert answer["guardrailCoverage"]["images"] == {"guarded": 0, "total": 1}
    assert answer["usage"]["contentPolicyImageUnits"] == 0


def test_modalities_go_by_direction(api: Api) -> None:
    """IMAGE in inputModalities alone: the same image is not looked at on outputs."""
    made = api.guardrail(**content("SEXUAL", inputModalities=["IMAGE"], outputModalities=["TEXT"]))
    seen = _apply(api, made, image(png("SEXUAL-HIGH")), _TEXT)
    unseen = _apply(api, made, image(png("SEXUAL-HIGH")), _TEXT, source="OUTPUT")
    assert (seen["action"], unseen["action"]) == ("GUARDRAIL_INTERVENED", "NONE")


def test_an_image_only_filter_leaves_texts_alone(api: Api) -> None:
    """Neither judged, nor reported with outputScope FULL, nor billed."""
    answer = _apply(api, api.guardrail(**_on_images("IMAGE")), {"text": {"text": "SEXUAL-HIGH"}}, scope="FULL")
    assert (answer["action"], _filters(answer), answer["usage"]["contentPolicyUnits"]) == ("NONE", None, 0)


def test_full_scope_reports_what_was_not_detected(api: Api) -> None:
    """The filter's entry with detected false; no other policy says anything about an image."""
    answer = _apply(api, api.guardrail(**_on_images(), **pii("NAME"), **words("x")), image(png()), scope="FULL")
    assert _filters(answer) == [
        {"type": "SEXUAL", "confidence": "NONE", "filterStrength": "HIGH", "action": "NONE", "detected": False}
    ]
    assert set(answer["assessments"][0]) == {"contentPolicy", "invocationMetrics", "appliedGuardrailDetails"}


def test_detect_mode_reports_without_intervening(api: Api) -> None:
    """Action NONE: judged, billed, reported with detected true, and nothing else."""
    answer = _apply(api, api.guardrail(**_on_images(inputAction="NONE")), image(png("SEXUAL-HIGH")))
    assert (answer["action"], _filters(answer)[0]["detected"]) == ("NONE", True)


@pytest.mark.parametrize("off", [{"strength": "NONE"}, {"inputEnabled": False}], ids=["strength NONE", "disabled"])
def test_a_switched_off_filter_does_not_look(api: Api, off: Any) -> None:
    """Neither judged nor counted as guarded."""
    answer = _apply(api, api.guardrail(**_on_images(**off)), image(png("SEXUAL-HIGH")), _TEXT)
    assert answer["guardrailCoverage"]["images"] == {"guarded": 0, "total": 1}


def test_masking_leaves_images_out_of_the_outputs(api: Api) -> None:
    """One output for each text; an image has none."""
    made = api.guardrail(**_on_images(), **pii("NAME"))
    answer = _apply(api, made, {"text": {"text": "I am Alice"}}, image(png()), {"text": {"text": "and you?"}})
    assert answer["outputs"] == [{"text": "I am {NAME}"}, {"text": "and you?"}]


def test_marks_on_texts_do_not_hide_an_image(api: Api) -> None:
    """An image cannot be marked, so guard_content elsewhere does not take it out."""
    marked = {"text": {"text": "hello", "qualifiers": ["guard_content"]}}
    assert _apply(api, api.guardrail(**_on_images()), marked, image(png("SEXUAL-HIGH")))["outputs"]


# --- what is refused ---


@pytest.mark.parametrize("kind", ["VIOLENCE", "HATE", "INSULTS", "MISCONDUCT", "PROMPT_ATTACK"])
def test_a_filter_without_an_image_detector_refuses_the_request(api: Api, kind: str) -> None:
    """An image that the guardrail wants judged for violence never passes unjudged; texts still do."""
    made = api.guardrail(**_on_images(kind=kind))
    assert f"cannot judge images for {kind}" in _refused(api, made, image(png()))
    assert _apply(api, made, _TEXT)["action"] == "NONE"


def test_without_the_optional_package_the_message_names_it(api: Api) -> None:
    """What is missing, and how to get it."""
    message = _refused(api, api.guardrail(**_on_images()), image(png("NO-PACKAGE")))
    assert "the package nudenet is not installed" in message


def test_a_damaged_image_is_reported_by_its_number(api: Api) -> None:
    """An image that cannot be decoded was not judged."""
    message = _refused(api, api.guardrail(**_on_images()), image(png()), _TEXT, image(png("DAMAGED")))
    assert message == "Image 2 of the request cannot be judged: it is damaged."


def test_an_image_alone_needs_a_filter_that_looks_at_it(api: Api) -> None:
    """Otherwise the answer would say that nothing was found in what nobody looked at."""
    made = api.guardrail()
    assert "looks at images" in _refused(api, made, image(png()))
    assert "looks at images" in _refused(api, made, image(png()), {"text": {"text": " "}})


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (image(jpeg()), "declared as png, but its bytes are jpeg"),
        (image(png(), "jpeg"), "declared as jpeg, but its bytes are png"),
        (image(b"GIF89a" + bytes(20)), "neither PNG nor JPEG"),
        (image(png(width=8001)), "8001 x 3 pixels"),
        (image(jpeg(height=8001), "jpeg"), "4 x 8001 pixels"),
        (image(png(width=0)), "damaged"),
        (image(png()[:20]), "damaged"),
        (image(b"\xff\xd8\xff\xd9", "jpeg"), "damaged"),
        (image(png() + bytes(MAXIMUM_BYTES)), "4 MB"),
        (image(png(), "gif"), "enum value set"),
        (image(b""), "length greater than or equal to 1"),
    ],
    ids=["jpeg as png", "png as jpeg", "gif as png", "wide", "high", "no width", "cut", "no frame", "large", "gif",
         "empty"],
)  # fmt: skip
def test_images_outside_the_limits_are_refused(api: Api, block: Any, reason: str) -> None:
    """PNG and JPEG, 4 MB, 8000 x 8000 pixels; whether or not a filter looks at images."""
    assert reason in _refused(api, api.guardrail(), block, _TEXT)


def test_twenty_images_are_the_most(api: Api) -> None:
    """The twenty-first is refused."""
    made = api.guardrail(**_on_images())
    assert _apply(api, made, *[image(png())] * 20)["usage"]["contentPolicyImageUnits"] == 20
    assert "21 images" in _refused(api, made, *[image(png())] * 21)


@given(st.sampled_from([png()[:12], jpeg()[:4], png(), jpeg()]), st.binary(max_size=60))
def test_any_bytes_are_an_image_or_refused(start: bytes, rest: bytes) -> None:
    """Whatever follows a signature, the header is read or the image refused; nothing else is raised."""
    kind = "png" if start.startswith(b"\x89") else "jpeg"
    try:
        answer = check_image(kind, start + rest, "here")
    except ServiceError as error:
        answer = error.code.encode()
    assert answer in (start + rest, b"ValidationException")


# --- CreateGuardrail ---


def test_modalities_are_kept(api: Api) -> None:
    """GetGuardrail gives them back as they came."""
    made = api.guardrail(**content("VIOLENCE", inputModalities=_BOTH, outputModalities=["IMAGE"]))
    (entry,) = api.control("GetGuardrail", guardrailIdentifier=made)["contentPolicy"]["filters"]
    assert (entry["inputModalities"], entry["outputModalities"]) == (_BOTH, ["IMAGE"])


@pytest.mark.parametrize(
    ("modalities", "reason"),
    [(["VIDEO"], "enum value set"), ([], "length greater"), (["TEXT", "IMAGE", "TEXT"], "length less"),
     (["IMAGE", "IMAGE"], "more than once")],
)  # fmt: skip
def test_wrong_modalities_are_refused(api: Api, modalities: list[str], reason: str) -> None:
    """One or two of TEXT and IMAGE."""
    with pytest.raises(ServiceError, match=reason):
        api.guardrail(**content("SEXUAL", inputModalities=modalities))
    with pytest.raises(ServiceError, match=reason):
        api.guardrail(**content("SEXUAL", outputModalities=modalities))


# --- Converse ---


def _converse(api: Api, guardrail: str | None, *blocks: Any, system: Any = ()) -> Any:
    config = {"guardrailIdentifier": guardrail, "guardrailVersion": "DRAFT", "trace": "enabled_full"}
    return api.runtime(
        "Converse",
        modelId=_MODEL,
        messages=[{"role": "user", "content": list(blocks)}],
        **({"guardrailConfig": config} if guardrail else {}),
        **({"system": list(system)} if system else {}),
    )


def _coverage(answer: Any, guardrail: str) -> Any:
    assessment = answer["trace"]["guardrail"]["inputAssessment"][guardrail]
    return assessment["invocationMetrics"]["guardrailCoverage"]


@pytest.mark.parametrize("marked", [False, True])
def test_converse_blocks_an_image(api: Api, marked: bool) -> None:
    """In an image block or in guardContent: the message, no tokens, no model."""
    block = image(png("SEXUAL-HIGH"))
    made = api.guardrail(**_on_images())
    answer = _converse(api, made, {"text": "What is this?"}, {"guardContent": block} if marked else block)
    assert answer["stopReason"] == "guardrail_intervened"
    assert answer["output"]["message"]["content"] == [{"text": "Input refused."}]
    assert _coverage(answer, made)["images"] == {"guarded": 1, "total": 1}
    assert api.model.asked == []


def test_the_model_reads_that_there_was_an_image(api: Api) -> None:
    """Local models cannot see: a placeholder replaces a harmless image, and masked texts stay in their places."""
    made = api.guardrail(**_on_images(), **pii("NAME"))
    _converse(api, made, {"text": "I am"}, image(png()), {"text": "Alice"}, image(jpeg(), "jpeg"))
    assert api.model.asked[0][0] == (Message("user", "I am\n[image]\n{NAME}\n[image]"),)


def test_an_unmarked_image_beside_guard_content_is_not_looked_at(api: Api) -> None:
    """With guardContent only what is marked is judged; the coverage reports the rest."""
    made = api.guardrail(**_on_images())
    marked = {"guardContent": {"text": {"text": "hello"}}}
    answer = _converse(api, made, marked, image(png("SEXUAL-HIGH")))
    assert answer["stopReason"] == "end_turn"
    assert _coverage(answer, made)["images"] == {"guarded": 0, "total": 1}
    blocked = _converse(api, made, marked, {"text": "and"}, system=[{"guardContent": image(png("SEXUAL-HIGH"))}])
    assert blocked["stopReason"] == "guardrail_intervened"


def test_an_image_alone_can_be_judged(api: Api) -> None:
    """A message without a text is judged."""
    assert _converse(api, api.guardrail(**_on_images()), image(png()))["stopReason"] == "end_turn"


def test_an_image_alone_that_no_filter_looks_at_is_refused(api: Api) -> None:
    """As in ApplyGuardrail."""
    with pytest.raises(ServiceError, match="looks at images"):
        _converse(api, api.guardrail(), image(png()))


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (image(b"GIF89a", "gif"), "png and jpeg only"),
        (image(png(width=9000)), "9000 x 3 pixels"),
        ({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/b.png"}}}}, "not as an S3 location"),
    ],
    ids=["gif", "wide", "s3"],
)
def test_converse_takes_what_a_guardrail_can_look_at(api: Api, block: Any, reason: str) -> None:
    """Converse's own images may be GIF and WebP or lie in S3; such a one could not be judged."""
    with pytest.raises(ServiceError, match=reason) as caught:
        _converse(api, api.guardrail(**_on_images()), {"text": "hi"}, block)
    assert caught.value.code == "ValidationException"


def test_converse_counts_images_over_all_turns(api: Api) -> None:
    """Twenty a request."""
    with pytest.raises(ServiceError, match="21 images"):
        _converse(api, api.guardrail(**_on_images()), {"text": "hi"}, *[image(png())] * 21)


def test_without_a_guardrail_images_are_not_supported(api: Api) -> None:
    """A model that cannot see says so when nothing else is wanted of the image."""
    with pytest.raises(ServiceError, match="doesn't support the image field"):
        _converse(api, None, {"text": "hi"}, image(png()))
