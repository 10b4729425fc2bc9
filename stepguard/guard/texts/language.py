"""The language of a question, for the messages that it gets: by its script, or by small words and letters.

A guess that is not clear is none, and the messages are the deployment's own. The libraries that were measured are in
docs/decisions/0023-language-of-a-question.md.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

LONGEST = 1_000
"""Characters that are looked at."""

_SHARE = 0.3
"""Of a text's letters in a script: Japanese has many Chinese characters, and any language has some English words."""

_LEAD = 1.25
"""The best language must have so many times the points of the next."""

LANGUAGES = {
    "ar": "Arabic", "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "fr": "French", "he": "Hebrew",
    "hi": "Hindi", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese",
    "ru": "Russian", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "zh": "Chinese",
}  # fmt: skip
"""The languages that can be found, by their ISO 639-1 codes."""

ENGLISH = "en"

_ADDRESS = re.compile(r"\S*(?:://|@|www\.)\S*")

_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", re.compile("[\u3400-\u9fff]")),
    ("ar", re.compile("[\u0600-\u06ff\u0750-\u077f]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("uk", re.compile("[\u0456\u0457\u0454\u0491\u0406\u0407\u0404\u0490]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
)
_UKRAINIAN_SHARE = 0.02

_WORDS = {
    "en": "a about after an and are as at be been but by can could did do does for from get had has have he her his "
    "how i if in into is it its long many me much must my need no not of on or our out she should so take "
    "than that the their them then there these they this to up was we were what when where which who why will "
    "with would you your",
    "de": "aber alle als am an auch auf aus bei bin bis brauche da das dass dem den der des die dies diese doch du "
    "ein eine einem einen einer eines er es für gegen gibt haben habe hat hier ich ihr im in ist ja kann kein "
    "keine kosten man mein meine mit muss nach nicht noch nur oder ob sein sehr sich sie sind so soll über um "
    "und uns unser viel von vor wann war warum was welche welchen welcher welches wenn wer werden wie wieder "
    "wir wird wo wofür woher wohin wurde zu zum zur",
    "fr": "à après au aux avec avoir c ce ces cette comment combien d dans de depuis des dois doit du elle en es "
    "est et être fait faut il ils j je l la le les leur lui ma mais me mes moi mon n ne nous on ou où par pas "
    "peut peux plus pour pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se ses si son "
    "sont sur t ta te tu un une vos votre vous y",
    "es": "a al antes cual cuando cuanto quien como cómo con cuál cuáles cuándo cuánta cuántas cuánto cuántos de "
    "debe debo del desde dónde donde el él ella en entre es esa ese eso esta está están este esto estos fue "
    "ha hace hacer hasta hay la las le les lo los más me mi mis muy no nos o para pero por porque puede puedo "
    "que qué quién se ser si sin sobre son su sus también tengo tiene tienen tu un una uno y ya yo",
    "it": "a al alla anche che chi ci come con cosa cos cui da dal dalla degli dei del della delle deve devo di "
    "dopo dove e è ed fa gli ha hanno ho i il in io l la le lo loro ma mi mia mio nel nella no non o per "
    "perché più possa posso può qual quale quali quando quanta quante quanti quanto questa questo se senza si "
    "sono su sua suo sul tra tu un una uno viene",
    "pt": "a ao aos às as até com como da das de dela dele deve devo do dos e é ela ele em entre esta está este eu "
    "faz foi há isso isto já mais mas me meu minha muito na não nas nem no nos o onde os ou para pela pelo "
    "pode podem por porque posso qual quais quando quanta quantas quanto quantos que quem se sem ser seu são "
    "sobre sua também tem tenho um uma você",
    "nl": "aan al als bij dan dat de deze die dit door een en er geen had hebben heb heeft het hij hoe hoeveel ik "
    "in is je jij kan kunnen maar me met mijn moet na naar niet nog nu of om onder ons onze ook op over te "
    "tegen tijdens tot u uit uw van veel voor waar waarom wanneer wat we welk welke werd wie wij wordt worden "
    "ze zich zijn zij zo zou",
    "pl": "aby ale bardzo był było być co czego czy czym dla dlaczego do gdy gdzie go i ich ile ja jak jaka jaki "
    "jakie jest jestem jeśli już każdy kiedy kto która które który ma mam mnie może mogę można muszę na nad "
    "nie niż o od oraz po pod podczas przed przez przy są się skąd ta tak tam te tego ten to trzeba tu ty w "
    "we za z ze że",
    "tr": "acaba ama bana ben beni benim bir biz bu çok da daha de değil diye en gibi hangi her için ile ise kaç "
    "kadar kim kime mi mı mu mü mıdır midir nasıl ne neden nedir neler nerede nereye niçin niye o ona olan "
    "olarak olur sen siz sonra şey şu var ve veya ya yok zaman",
}
"""The small words of each language; one that several have counts for each of them by its share."""

_LETTERS = {
    "de": "ßäöü", "fr": "çèêëîïôœùû", "es": "ñ¿¡áíóú", "it": "èìòù", "pt": "ãõçâêô", "pl": "ąćęłńśźż", "tr": "ğışçöü",
    "nl": "ĳ",
}  # fmt: skip
_OWN = 1.5
_ENDINGS = {
    "de": "ung ungen keit heit lich isch chen",
    "fr": "eux euse ement tion",
    "es": "ción ciones dad mente",
    "it": "zione zioni mente ità ggio",
    "pt": "ção ções dade mente",
    "nl": "ijk heid ing lijk ij",
    "en": "ing tion ness ly",
    "pl": "ość owa ów ach ego ych",
    "tr": "lar ler dır dir lık lik mak mek iyor ıyor ının inin",
}
_ENDING = 0.35


def language_of(text: str) -> str:
    """The code of a text's language in LANGUAGES; empty if it is not clear."""
    text = _ADDRESS.sub(" ", unicodedata.normalize("NFC", text[:LONGEST]).casefold())
    letters = sum(character.isalpha() for character in text)
    if not letters:
        return ""
    for code, pattern in _SCRIPTS:
        if len(pattern.findall(text)) >= letters * (_UKRAINIAN_SHARE if code == "uk" else _SHARE):
            return code
    points: dict[str, float] = {}
    for word in re.findall(r"[^\W\d_]+", text):
        for code, weight in _weights().get(word, ()):
            points[code] = points.get(code, 0) + weight
        for code, ending in _endings():
            if word.endswith(ending) and len(word) > len(ending) + 1:
                points[code] = points.get(code, 0) + _ENDING
                break
    lettered = [code for code, own in _LETTERS.items() if any(letter in text for letter in own)]
    for code in lettered:
        points[code] = points.get(code, 0) + _OWN / len(lettered)
    ranked = sorted(((most, code) for code, most in points.items()), reverse=True)
    (most, best), (next_most, _) = [*ranked, (0.0, ""), (0.0, "")][:2]
    return best if most >= 1 and most >= next_most * _LEAD else ""


@cache
def _weights() -> dict[str, tuple[tuple[str, float], ...]]:
    of: dict[str, list[str]] = {}
    for code, words in _WORDS.items():
        for word in words.split():
            of.setdefault(word, []).append(code)
    return {word: tuple((code, 2 / (1 + len(codes))) for code in codes) for word, codes in of.items()}


@cache
def _endings() -> tuple[tuple[str, str], ...]:
    pairs = [(code, ending) for code, endings in _ENDINGS.items() for ending in endings.split()]
    return tuple(sorted(pairs, key=lambda pair: -len(pair[1])))
