"""What the detection of names and addresses knows of each language: its tagger, its titles and phrases before names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from embedded_aws.bedrock.detectors.pii import tagger
from embedded_aws.bedrock.detectors.text import lexicon
from embedded_aws.bedrock.detectors.text.languages import identified, is_latin
from embedded_aws.bedrock.detectors.text.lexicon import listed

CAPITALISED = r"[A-Z\u00c0-\u00de\u0100-\u024f\u0400-\u042f\u0391-\u03a9][\w'’-]{0,30}"
_PARTICLES = (
    r"(?:(?:van|von|de|der|den|del|della|la|le|bin|ibn|al|el|da|das|dos|di|du|ter|ten|zu|zum|zur|do|y|e|las|los) ){0,3}"
)
FULL = rf"{CAPITALISED}(?:\.? {_PARTICLES}{CAPITALISED}){{0,3}}"
"""A capitalised name of up to four words."""
# Probabilities from which a text is taken for a language without a tagger, and for one of ABROAD's: names and product
# words look like other languages.
_SURE, _PROBABLE, _POSSIBLE = 0.7, 0.45, 0.3


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language, or several that share a tagger.

    `titles` are no part of a name and stand before it; `titled` and `introduced` find names after a title and after
    "my name is", in the group "value".
    """

    source: tagger.Source
    titles: frozenset[str]
    titled: re.Pattern[str]
    introduced: re.Pattern[str]

    @property
    def common(self) -> frozenset[str]:
        """Words that are no names."""
        return lexicon.words(self.source.common_words)

    def is_title(self, word: str) -> bool:
        """Whether a word is a title or an occupation that stands before a name."""
        lower = word.lower()
        return lower in self.titles or (self is ENGLISH and lexicon.word_class(lower) in ("title", "job"))


_TITLE = r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Dame|Lady|Herr|Frau|Madame|Monsieur)\b\.?"
ENGLISH = Tongue(
    tagger.ENGLISH,
    listed(
        "senators justices representatives judges doctors drs messrs coach officer detective colonel justice "
        "herr frau herrn"
    ),
    re.compile(rf"(?<!\w){_TITLE} (?P<value>{FULL})"),
    re.compile(
        r"(?i)\b(?:my|his|her|patient(?:'s)?|customer(?:'s)?|client(?:'s)?|the)? ?(?:full |first |last |maiden |sur)?"
        rf"name(?:(?:'s| is|:| =)|s are) (?-i:(?P<value>{FULL}))"
    ),
)
_ABROAD_TITLES = (
    "Herrn?|Frau|Familie|Fam\\.|Dr\\.?|Prof\\.?|M\\.|MM\\.|Mme|Mlle|Madame|Monsieur|Mademoiselle|Me|Sr\\.?|Sra\\.?|"
    "Srta\\.?|Don|Doña|D\\.|Dª|Señora?|Señorita|Dra\\.?|Senhora?|Dona|Sig\\.?|Sig\\.ra|Sigg\\.|Signora?|Signor|"
    "Signorina|Dott\\.?|Dott\\.ssa|Avv\\.|Ing\\.|Docteure?|Doctora?|Doutora?|Dottor|Dottoressa|Professeure?|"
    "Professora?|Professore|Profesora?|señora?|senhora?|signora?|signor|monsieur|madame|docteur|doctora?|doutora?|"
    "dottor|dottoressa|don|doña|dona|famille|familia|família|famiglia"
)
_PHRASES = (
    "ich hei(?:ß|ss)e", "(?:sie|er|sohn|tochter|mann|frau|kind) hei(?:ß|ss)t",
    "(?:mein|ihr|sein) name (?:ist|lautet)", "(?:vor|nach|familien)?name ?:",
    "je m['’]appelle", "s['’]appelle", "(?:mon|son) nom est", "(?:pré)?nom ?:",
    "me llamo", "se llama", "(?:mi|su) nombre es", "nombre ?:", "apellidos? ?:",
    "chamo-me", "me chamo", "chama-se", "se chama", "(?:o )?(?:meu|seu) nome é", "(?:sobre|cog)?nome ?:", "apelido ?:",
    "mi chiamo", "si chiama", "il (?:mio|suo) nome è", "(?:unterschrift|signature|firma|assinatura) ?:",
    "(?:kontoinhaber|empfänger|absender|antragsteller)(?:in)? ?:?", "titulaire(?: du compte)? ?:?", "bénéficiaire ?:?",
    "destinataire ?:?", "expéditeur ?:?", "titular(?: de la cuenta| da conta)? ?:?", "benefici[aá]ri[oa] ?:?",
    "destinat[aá]ri[oa] ?:?", "remitente ?:?", "remetente ?:?", "intestatari[oa](?: del conto)? ?:?", "mittente ?:?",
    "patient(?:in|e)?", "paciente", "paziente",
)  # fmt: skip
# "my daughter", also "her", "our"; not in German, where a noun may follow.
_OWN = "mi|su|nuestr[oa]|meu|minha|seu|sua|noss[oa]|mi[oa]|suo|nostr[oa]|mon|ma|son|sa|notre|votre"
_KIN = (
    "hij[oa]|marido|esposo|mujer|esposa|herman[oa]|madre|padre|abuel[oa]|filh[oa]|irmão|irmã|mãe|pai|mulher|figli[oa]|"
    "marito|moglie|fratello|sorella|fils|fille|mari|femme|frère|sœur|mère|père"
)
ABROAD = Tongue(
    tagger.LANGUAGES,
    frozenset(title.replace("\\.", "").replace("?", "").lower() for title in _ABROAD_TITLES.split("|"))
    | listed(
        "herr herrn sig señor señora señorita senhor senhora signor signora professor professora dra sra srta ra ssa "
        # German nouns have capitals, too
        "vater mutter bruder schwester sohn tochter mann kind onkel tante opa oma nachbar nachbarin freund "
        "freundin chef chefin kollege kollegin kunde kundin patient patientin arzt ärztin pfleger pflegerin "
        "empfänger empfängerin absender absenderin mieter mieterin vermieter vermieterin zeuge zeugin lehrer "
        "lehrerin schüler schülerin notar notarin anwalt anwältin betreuer betreuerin antragsteller "
        "antragstellerin kontoinhaber kontoinhaberin ansprechpartner ansprechpartnerin mitarbeiter mitarbeiterin "
        "hebamme bürgermeister bürgermeisterin enkel enkelin "
        "name vorname nachname unterschrift"
    ),
    re.compile(rf"(?<!\w)(?:{_ABROAD_TITLES})(?<!^[dD]) (?:Dr\. |Prof\. |Dott\. )?(?P<value>{FULL})"),
    re.compile(rf"(?i)(?<!\w)(?:{'|'.join(_PHRASES)}|(?:{_OWN}) (?:{_KIN}),?) (?-i:(?P<value>{FULL}))"),
)
_OTHERS = frozenset({"de", "fr", "es", "pt", "it"} | {"gl", "ca", "oc", "ast", "lmo", "nds", "als"})
"""Languages of ABROAD, and those for which short texts in them are often taken."""
# Small words of one side and hardly of the other: "in", "am", "no" and "will" are in several languages.
_ENGLISH_WORDS = listed(
    "the and of to is are were my you your she it for with at from this that have has had not be by can "
    "please our we they "
    "what how who where when his her him them been would should could which there here if but i i'm it's don't us than"
)
_FOREIGN_WORDS = listed(
    "der die das und ist nicht ich sie wir ein eine einen einem dem den zu von mit für auf bei wie wo kann mein meine "
    "meiner meinem ihr ihre im sind hat haben wird bitte nach vor aus zum zur noch auch "
    "le la les de un une des du et est je vous nous il elle pas pour avec dans sur mon mes votre au aux que qui où "
    "quel "
    "quelle c'est j'ai n'est ce cette son ses sont ont été "
    "el los las una y es mi su con para por del al se en está yo usted cómo qué cuándo han fue muy más "
    "o os um uma e é não meu minha da dos das na em eu você são foi está seu sua ao à pela pelo "
    "lo gli è non mio mia per di della dei delle che si sono ha ho alla nel nella al dal il"
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_ENOUGH = 600  # characters that are looked at


def tongue(text: str) -> Tongue | None:
    """The tongue whose names a text may have; None for a text in a language without one.

    A text is taken for English unless small words or the identified language say otherwise; lists of names and
    addresses have neither.
    """
    if not is_latin(text):
        return None
    words = _WORD.findall(text[:_ENOUGH])
    small = [word for word in words if word.islower()] if any(map(str.isupper, text)) else words
    english = sum(word.lower() in _ENGLISH_WORDS for word in words)
    foreign = sum(word.lower() in _FOREIGN_WORDS for word in words)
    listing = foreign < _FEWEST_SMALL and (len(small) < _FEWEST_SMALL or 3 * len(small) < len(words))
    if listing or english > 2 * foreign:
        return ENGLISH
    likely, probability = identified(text)
    if not likely:
        return ABROAD if foreign > english and foreign >= _FEWEST_SMALL else ENGLISH
    sure = probability >= _SURE
    if likely in _OTHERS and foreign >= english and probability >= (_POSSIBLE if foreign else _PROBABLE):
        return ABROAD
    if foreign > _FEWEST_SMALL and not english and probability < _PROBABLE:
        return ABROAD
    return ENGLISH if english or not sure or likely in ("en", *_OTHERS) else None


_FEWEST_SMALL = 2
