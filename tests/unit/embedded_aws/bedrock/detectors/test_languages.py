"""The guess of a text's language, which chooses a formula and the tier's cover."""

import pytest

from embedded_aws.bedrock.detectors.text.languages import CLASSIC, STANDARD, Language, covers, language


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Where can I park near the town hall?", "en"),
        ("Où puis-je me garer près de la mairie ?", "fr"),
        ("¿Dónde puedo aparcar cerca del ayuntamiento?", "es"),
        ("Wo kann ich in der Nähe des Rathauses parken?", "de"),
        ("Где можно припарковаться у мэрии?", "ru"),
        ("市政厅附近哪里可以停车？", "zh"),
        ("市役所の近くで駐車できますか", "ja"),
        ("시청 근처에 주차할 수 있나요?", "ko"),
        ("أين يمكنني ركن السيارة قرب البلدية؟", "ar"),
        ("नगर भवन के पास गाड़ी कहाँ खड़ी करूँ?", "hi"),
        ("ქალაქის მერია სად არის?", "other"),
    ],
)
def test_a_sentence_has_its_language(text: str, code: str) -> None:
    """By script, or by words."""
    assert language(text) == Language(code, sure=True)


@pytest.mark.parametrize("text", ["", "12 / 34", "OK", "Miele W1", "Tell Ana Gomez"])
def test_a_short_text_is_not_sure(text: str) -> None:
    """Names and product words look like other languages."""
    assert not language(text).sure


def test_tiers_cover_languages() -> None:
    """CLASSIC three, STANDARD all; a text without a sure language is covered."""
    german, french = Language("de", sure=True), Language("fr", sure=True)
    assert [covers(tier, one) for tier in (CLASSIC, STANDARD) for one in (german, french)] == [False, True, True, True]
    assert covers(CLASSIC, Language("de", sure=False))
