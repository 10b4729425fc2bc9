"""Denied topics, zero-shot from name, definition and examples."""

import pytest

from embedded_aws.bedrock.detectors.likeness import Topic, definition_parts, stated
from embedded_aws.bedrock.detectors.topics import detect, judged

ALTERNATIVE = Topic(
    "Alternative Medicine Claims",
    "Unverified or potentially harmful alternative medicine treatments presented as cures or replacements for "
    "conventional medical care",
    ("This herbal remedy can cure all types of cancer.", "Avoid vaccines and use this natural treatment instead."),
)
ADVICE = Topic(
    "Medical Advice and Diagnosis",
    "Any content that attempts to provide specific medical advice, diagnosis, or treatment recommendations without "
    "proper medical qualifications",
    ("Your chest pain is definitely a heart attack.", "Stop taking your prescribed medication immediately."),
)
INVESTMENT = Topic(
    "Investment Advice", "Recommendations to buy or sell particular stocks, funds or other investments", ()
)


MIXED = (
    "I need to change my address. How often may I take aspirin with this? Where is the nearest branch?",
    "The weather was fine. Stop your blood thinner before the operation. See you on Monday.",
    "My card was declined abroad. Should I put my savings into gold this year? It was for a hotel.",
    "Do you have a garage? What is wrong with me if my knee clicks and swells? I come by car.",
    "Buy the bank's shares before Friday. Is there a fee for cash? I lost my PIN.",
    "Vielen Dank für die Rechnung. Welche Aktien soll ich jetzt kaufen? Bis bald.",
    "Où est la gare ? Dois-je arrêter mes antibiotiques ? Merci beaucoup.",
    "El museo abre a las nueve. ¿Qué fondo me recomiendas para mi jubilación? Hace buen tiempo.",
    "我的快递什么时候到？我应该吃多少布洛芬？谢谢你的帮助。",
    "Crystals cured my neighbour's cancer without chemotherapy. The bus is late. Thanks.",
    "The parcel arrived on Tuesday. The box was wet. I would like another one, please.",
    "How do I reset my password? I no longer have the phone. My name has changed too.",
    "Wann öffnet das Rathaus? Ich brauche einen neuen Ausweis. Kann ich mit Karte zahlen?",
    "La mairie est fermée le lundi. Le formulaire est en ligne. Apportez deux photos.",
    "Visiting hours end at eight. The lift is out of order. Please use the stairs.",
)
"""Ten with one sentence about a topic, then five without."""


def test_the_cascade_changes_no_verdict_and_saves_encodings() -> None:
    """Sentences that are far from the topics in their context are not encoded, and no finding is lost."""
    topics = [ALTERNATIVE, ADVICE, INVESTMENT]
    cascade = [judged(text, topics) for text in MIXED]
    everything = [judged(text, topics, float("inf")) for text in MIXED]
    assert [found for *_, found in cascade] == [found for *_, found in everything]
    assert sum(found for *_, found in everything[:10]) >= 5
    assert [near for near, _, _ in everything] == [count for _, count, _ in everything]
    assert sum(near for near, _, _ in cascade[10:]) < sum(count for _, count, _ in cascade[10:])


def test_a_record_counts_as_one_though_few_of_its_sentences_are_encoded() -> None:
    """The fields of a patient's record are counted in all sentences."""
    record = "Name: A. Example\nCurrent medications: ibuprofen 400 mg\nNext visit: 3 May\nRoom: 12"
    assert judged(record, [ADVICE])[2] == judged(record, [ADVICE], float("inf"))[2]


@pytest.mark.parametrize(
    "text",
    [
        "Can you recommend some alternative medicine treatments that aren't approved by the FDA?",
        "What unapproved herbal treatments could I use instead of medicine?",
        "Can you suggest alternative cures that regulators have not approved?",
    ],
)
def test_a_request_for_the_topic_is_detected(text: str) -> None:
    """Paraphrased requests are detected for their topic."""
    assert detect(text, [ALTERNATIVE])["Alternative Medicine Claims"].detected


@pytest.mark.parametrize(
    "text",
    [
        "What are some of the causes for Diabetes?",
        "Which vitamins are in an orange?",
        "Type 2 diabetes is linked to excess weight, inactivity and family history.",
        "You should talk to your doctor about your options.",
        "Please see a doctor in person, as nobody can diagnose you here.",
        "What are the signs of a heart attack?",
        "Please book a table for two.",
        "",
    ],
)
def test_neighbouring_questions_pass(text: str) -> None:
    """General health information and small talk are neither medical advice nor alternative medicine."""
    assert not any(found.detected for found in detect(text, [ALTERNATIVE, ADVICE]).values())


def test_a_topic_needs_no_examples() -> None:
    """Name and definition are enough; the result has one entry for each topic, with its score."""
    found = detect("Which stocks should I buy this week?", [INVESTMENT, ALTERNATIVE])
    assert set(found) == {"Investment Advice", "Alternative Medicine Claims"}
    assert found["Investment Advice"].detected
    assert not found["Alternative Medicine Claims"].detected
    assert found["Investment Advice"].score > 0.5 > found["Alternative Medicine Claims"].score


def test_one_sentence_of_a_longer_text_is_enough() -> None:
    """A topic named in one sentence of a letter is detected."""
    letter = "Thank you for the pleasant visit. The weather was fine. Which stocks should I buy now? See you in spring."
    assert detect(letter, [INVESTMENT])["Investment Advice"].detected


def test_a_definition_that_lists_things_is_read_part_by_part() -> None:
    """Each listed thing is compared by itself, so that a wide definition finds what it names."""
    household = Topic("Household", "Help at home: cooking, laundry, gardening, repairs and pets.", ())
    assert definition_parts(household.definition) == [
        "Help at home",
        "cooking",
        "laundry",
        "gardening",
        "repairs",
        "pets",
    ]
    for text in ("My dog does not eat.", "Fix a dripping tap."):
        assert detect(text, [household])["Household"].detected


def test_what_a_definition_excludes_is_no_part_of_it() -> None:
    """Likeness knows no negation: a sentence about exclusions adds nothing, and one phrase is not split."""
    assert definition_parts("Poems, songs or jokes. This does NOT include code, tests or documentation.") == [
        "Poems", "songs", "jokes",
    ]  # fmt: skip
    assert definition_parts("Questions about the weather") == []


def test_what_is_unrelated_is_denied_by_the_things_it_names() -> None:
    """Of "unrelated to the hospital, such as …" only the list counts: questions about the hospital are not denied."""
    definition = "Requests unrelated to the hospital, such as programming, recipes or sports."
    assert stated(definition) == "programming, recipes or sports."
    assert stated("Questions outside our business, unrelated to our bank.") == (
        "Questions outside our business, unrelated to our bank."
    )
    topic = Topic("Off topic", definition, ())
    assert detect("Write a Python function that sorts a list.", [topic])["Off topic"].detected
    assert not detect("When can I visit my wife in the hospital?", [topic])["Off topic"].detected


def test_a_language_is_no_likeness() -> None:
    """The same question is about as near to an English definition in every language, and so is a harmless one."""
    for question in (
        "Mein Knie ist dick und heiß, was hilft dagegen?",
        "Ho la febbre e mal di gola, che cosa devo prendere?",
        "医生给的消炎药我可以少吃一半吗？",
        "أشعر بدوار كلما وقفت، ما سببه؟",
    ):
        assert detect(question, [ADVICE])[ADVICE.name].detected, question
    for harmless in (
        "Darf meine Frau bei der Aufnahme dabei sein?",
        "A che piano è la cardiologia?",
        "超市几点关门？",
        "متى يصل القطار؟",
    ):
        assert not detect(harmless, [ADVICE])[ADVICE.name].detected, harmless


def test_topics_do_not_influence_one_another() -> None:
    """A topic has the same score alone and beside others, in any order."""
    text = "Which stocks should I buy this week? Or is a herbal remedy better?"
    topics = [ALTERNATIVE, INVESTMENT, ADVICE]
    together = detect(text, topics)
    assert list(together) == [topic.name for topic in topics]
    for topic in topics:
        assert detect(text, [topic])[topic.name].score == pytest.approx(together[topic.name].score, abs=1e-4)


def test_a_patients_record_is_no_advice() -> None:
    """Its fields name diagnoses and medicines, and recommend nothing."""
    record = (
        "Please summarise: Jane Roe, seen on 2 May. Diagnosis: mild eczema of both hands. Current medications: "
        "hydrocortisone cream and cetirizine. Allergies: latex. Next visit: in six weeks."
    )
    assert not any(found.detected for found in detect(record, [ALTERNATIVE, ADVICE]).values())


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        (
            "Summarize: Mr. David Kim, 71, was admitted with chest pain. Discharged on aspirin. Follow-up in June.",
            False,
        ),
        ("Condense this: Maria Silva, 58, diabetic, takes metformin. Discharged in good condition.", False),
        ("Summarise: which medicine should I take against this rash? It itches at night.", True),
        ("Please summarise what I should take for chest pain. I have aspirin at home.", True),
    ],
)
def test_a_summary_of_a_record_is_no_advice(text: str, denied: bool) -> None:
    """The word alone excuses no request for advice."""
    medical = Topic(
        "Medical Advice and Diagnosis",
        "Any content that attempts to provide specific medical advice, diagnosis, or treatment recommendations without "
        "proper medical qualifications",
        ("Your chest pain is definitely a heart attack.", "Stop taking your prescribed medication immediately."),
    )
    assert detect(text, [medical])[medical.name].detected is denied
