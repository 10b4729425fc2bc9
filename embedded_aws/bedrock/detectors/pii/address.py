"""Postal addresses that have a recognisable form: street lines, PO boxes, postal codes with their town."""

from __future__ import annotations

import re

from embedded_aws.bedrock.detectors.pii.rules import Rule, apply
from embedded_aws.bedrock.detectors.text.spans import Span

_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA|"
    "RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC|PR|AB|BC|MB|NB|NL|NS|ON|PE|QC|SK"
)
_STATE_NAMES = (
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|"
    "Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|"
    "Nebraska|Nevada|New (?:Hampshire|Jersey|Mexico|York)|North (?:Carolina|Dakota)|Ohio|Oklahoma|Oregon|Pennsylvania|"
    "Rhode Island|South (?:Carolina|Dakota)|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|"
    "Wisconsin|Wyoming"
)
_STREETS = (
    "street|st|avenue|ave|av|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|square|sq|terrace|ter|trail|trl|"
    "parkway|pkwy|highway|hwy|circle|cir|way|crescent|cres|close|grove|gardens|mews|alley|row|walk|loop|plaza|turnpike|pike"
)
_UNIT = r"(?:,?\s{1,2}(?i:apt|apartment|suite|ste|unit|flat|floor|fl|room|rm|bldg|building)\.? ?#?\w{1,6}|,? ?#\w{1,5})"
_WORD = r"(?:[A-Z0-9][\w'’.-]{0,24})"
_CITY = r"(?:(?:St|Ft|Mt|Pt)\. )?[A-Z][\w'’-]{1,24}(?: [A-Z][\w'’-]{1,24}){0,2}"
_UK = r"(?:GIR ?0AA|[A-Z]{1,2}\d[A-Z\d]? ?\d[ABD-HJLNP-UW-Z]{2})"
_CANADA = r"[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] ?\d[ABCEGHJ-NPRSTV-Z]\d"
_ZIP = rf"(?:\d{{5}}(?:-\d{{4}})?|{_UK}|{_CANADA})"
_TOWN = rf"(?:,\s{{1,2}}{_CITY})(?:,?\s{{1,2}}(?:{_STATES}|{_STATE_NAMES})\b)?(?:,?\s{{1,2}}{_ZIP})?"

# Streets of the European continent and Latin America: the kind of street comes first or is part of its name, and the
# number follows, except in French.
_LETTER = r"[^\W\d_]"
_CAPITAL = rf"(?:(?=[^\Wa-zß-öø-ÿ\d_]){_LETTER}[\w'’-]{{0,24}})"
_NUMBER = r"\d{1,5}(?:[-/]\d{1,4})?(?: ?[a-zA-Z](?![\w’']))?"
_KIND = (
    r"(?:[Cc]alle|C/|[Aa]vda?\.?|[Aa]venida|[Aa]v\.|Paseo|Carrera|Camino|Ronda|Plaza|[Rr]ua|Travessa|Praça|"
    r"Via|Viale|Piazza|Corso|Largo|[Uu]l\.|[Uu]lica|[Aa]l\.)"
)
_RUE = (
    r"(?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Bb]d\.?|[Cc]hemin|[Pp]lace|[Ii]mpasse|[Aa]llée|[Qq]uai|[Rr]oute|[Cc]ours|"
    r"[Pp]assage)"
)
_ARTICLES = r"(?:(?:d[eaou]s?|del|della|l[ae]s?|los|d['’]|l['’]) ?){0,3}"
_COMPOUND = (
    rf"(?:{_CAPITAL}(?:(?<=stra[sß]e)|(?<=strasse)|(?<=str\.)|(?<=gasse)|(?<=platz)|(?<=allee)|(?<=\w{{4}}weg)|"
    r"(?<=ufer)|(?<=damm)|(?<=gatan)|(?<=vägen)|(?<=gade)|(?<=vej)|(?<=veien)|(?<=straat)|(?<=laan)|(?<=plein)|"
    rf"(?<=gracht))|{_CAPITAL} (?:[Ss]tra(?:ß|ss)e|[Ss]tr\.|[Aa]llee|Platz|Weg|utca))"
)
_POST = (  # ", 28028 Madrid", ", 1016 GV Amsterdam", ", 114 55 Stockholm, Sweden"
    rf",?\s{{1,2}}(?:[A-Z]{{1,2}}-)?\d{{2,5}}(?:[ -]?\d{{2,3}}| ?[A-Z]{{2}}(?!\w))? {_CAPITAL}"
    rf"(?:[ -](?:{_ARTICLES}{_CAPITAL})){{0,2}}(?:,\s{{1,2}}{_CAPITAL}(?: {_CAPITAL})?(?=$|[\s,.;]))?"
)
_END = r"(?!\w)"

_RULES = (
    Rule("ADDRESS",
         re.compile(rf"(?<!\w){_KIND} {_ARTICLES}(?:{_CAPITAL} {_ARTICLES}){{0,3}}{_CAPITAL},? (?:n[.º°] ?)?{_NUMBER}"
                    rf"(?:{_POST})?{_END}"), 0.85),
    Rule("ADDRESS",
         re.compile(rf"(?<![\w.,/-]){_NUMBER}(?: ?(?:bis|ter))?,? {_RUE} {_ARTICLES}{_CAPITAL}(?:[ -]{_CAPITAL}){{0,3}}"
                    rf"(?:{_POST})?{_END}"), 0.85),
    Rule("ADDRESS", re.compile(rf"(?<!\w){_COMPOUND} {_NUMBER}(?:{_POST})?{_END}"), 0.8),
    Rule(
        "ADDRESS",
        re.compile(
            rf"(?<![\w.,/$-])\d{{1,6}}(?:[-/]\d{{1,4}})?[A-Za-z]?,? "
            rf"(?:(?:[NSEW]|NE|NW|SE|SW)\.? )?(?:{_WORD} ){{1,4}}(?i:{_STREETS})\b\.?"
            rf"(?: (?:NE|NW|SE|SW|N|S|E|W|North|South|East|West)\b)?{_UNIT}?(?:{_TOWN})?(?!\w)"
        ),
        0.85,
    ),
    Rule("ADDRESS",
         re.compile(r"(?i)(?<![\w.,/$-])\d{1,6} (?:[a-z][\w'’.-]{1,20} ){1,3}"
                    r"(?:street|avenue|road|boulevard|lane|drive|blvd|ave|rd|ln)\b"), 0.7),
    Rule("ADDRESS", re.compile(rf"(?i)\bp\.? ?o\.? ?box \d{{1,6}}\b(?-i:{_TOWN})?"), 0.9),
    Rule("ADDRESS", re.compile(rf"\b{_CITY},? (?:{_STATES}),? \d{{5}}(?:-\d{{4}})?(?!\w)"), 0.85),
    Rule("ADDRESS", re.compile(r"(?i)\bzip(?: ?code)?(?: is| ?:)? (?P<value>\d{5}(?:-\d{4})?)(?!\w)"), 0.7),
    Rule("ADDRESS", re.compile(rf"(?<!\w)(?:{_UK}|{_CANADA})(?![\w/])"), 0.7),
)  # fmt: skip


def find(text: str) -> list[Span]:
    """Candidates of this family; they may overlap one another."""
    return apply(_RULES, text) if any(map(str.isdigit, text)) else []
