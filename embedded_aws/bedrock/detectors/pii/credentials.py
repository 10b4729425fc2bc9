"""Keys, passwords, user names and PINs: the first by their form, the others by the words that introduce them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from embedded_aws.bedrock.detectors.pii.rules import Rule, apply, context
from embedded_aws.bedrock.detectors.text import lexicon
from embedded_aws.bedrock.detectors.text.lexicon import listed
from embedded_aws.bedrock.detectors.text.spans import Span


def _mixed(text: str) -> bool:
    """Whether a 40-character string looks random in base 64: all three kinds of characters, not hexadecimal."""
    return bool(re.search(r"[a-z]", text) and re.search(r"[A-Z]", text) and re.search(r"\d", text))


_PIN_LABEL = (
    r"(?:\bPIN\b|(?i:\bpin (?:code|number|no)\b|\bpincode\b|\bpin is\b|\bpin:|\bpin(?= \d{4,6}\b)|"
    r"\bpersonal identification number\b))"
)
_RULES = (
    Rule("AWS_ACCESS_KEY",
         re.compile(r"(?<![\w/+])(?:AKIA|ASIA|AROA|AIDA|AGPA|AIPA|ANPA|ANVA|ABIA|ACCA)[A-Z0-9]{16}(?!\w)"), 0.99),
    Rule("AWS_SECRET_KEY", re.compile(r"(?<![\w/+])[A-Za-z0-9/+]{40}(?![\w/+=])"), 0.7, _mixed,
         context(r"aws|secret|access key|aws_secret_access_key|secret_access_key|secretaccesskey|credentials?"), 0.99),
    Rule("PIN", re.compile(rf"{_PIN_LABEL}[^\n\d]{{0,24}}?(?<![\d#])(?P<value>\d{{4,6}})(?![\w])(?![./-]\d)"),
         0.93),
    Rule("PIN", re.compile(r"(?i)(?<![\w])(?P<value>\d{4})(?: is| as)?(?: (?:my|the|his|her|your|our|a))? ?"
                           r"\(?(?:(?:atm|card|bank|debit) )?pin\b"),
         0.85),
    Rule("PASSWORD",
         re.compile(r"(?i)\b(?:pass ?(?:word|phrase|code)|passwd|pwd) "
                    r"[\"'`“‘](?P<value>[^\s\"'`“”’]{3,64})[\"'`”’]"), 0.9),
    Rule("PASSWORD",
         re.compile(r"(?i)\b(?:pass(?:word|phrase|code)|passwd|pwd) (?!sha|md5|oauth|bcrypt|base|utf|pbkdf)"
                    r"(?P<value>(?=[^\s]*\d)(?=[^\s]*[a-z])[^\s\"'`“”’,;:)]{6,64})(?<![.!?])"), 0.7),
    Rule("USERNAME",
         re.compile(r"(?i)\b(?:user ?name|user ?id|login (?:name|id)|screen ?name|account name|handle) (?-i:"
                    r"[\"'`“‘](?P<value>[^\s\"'`“”’]{3,64})[\"'`”’])"), 0.9),
    Rule("USERNAME",
         re.compile(r"(?i)\b(?:user ?name|user ?id|login (?:name|id)|screen ?name|account name|handle) (?-i:"
                    r"(?P<value>[A-Za-z](?:\w*+\.[a-z0-9_]|(?=\w*(?:_[a-z0-9_]|\d)))\w*+)(?![\w@./]))"), 0.85),
    Rule("USERNAME",
         re.compile(r"\b(?:[Uu]ser|[Ll]ogin|ssh) (?P<value>(?!v\d)[a-z](?=\w*[_\d])\w*+)(?=@|(?![\w./-]))"), 0.75),
    Rule("USERNAME", re.compile(r"(?<![\w@./])@(?P<value>[A-Za-z_][\w.]{1,29}\w)(?![\w@])(?!\.\w)"), 0.75),
)  # fmt: skip

_INTRODUCED = re.compile(
    r"(?i)(?<![^\W_])(?P<label>pass ?(?:word|phrase|code)s?|passwd|pwd|p(?:ass|w)(?=\s?[:=])|"
    r"(?:user ?name|user[ _-]?id|login(?: (?:name|id))?|screen ?name|log[- ]?on(?: name)?|nick ?name|gamer ?tag|handle|"
    r"account name|user))"
    r"(?P<between>(?: (?!is\b|was\b|to\b|as\b)[a-z']{1,12}){0,5}?)"
    r"(?P<verb>\s*(?:[:=]|->|=>)\s*|\s+(?:is|was|to|as|will be|should be)(?:\s*:|\s+now|\s+set to)?\s+)"
    r"(?P<quote>[\"'`“‘]?)(?P<value>[^\s\"'`“”’<>]{3,64})"
)
_LOGGED_IN = re.compile(
    r"(?i)\b(?:logged in|log in|sign in|signed in|login|log on|ssh|connect(?:ed)?|registered) "
    r"(?:as|with(?: user)?) (?:user )?[\"'`]?(?P<value>[a-z][\w.-]{0,30}[\d_][\w.-]{0,30}\w|[a-z]+\.[a-z]+)(?![\w@])"
)
_ORDINARY = listed(
    "a an the my your his her their our its this that not no yes none null true false incorrect wrong invalid expired "
    "required needed reset changed correct weak strong secure protected hidden case being been going too very still "
    "also only and or but for with what why how when where who which something anything nothing someone anyone be "
    "blank empty unknown forgotten lost stolen compromised compromized working set sent stored hashed encrypted "
    "visible missing taken available unavailable different same new old short long longer used saved displayed "
    "shown at in on of to from by it you me him them us access log login continue reset, do have get use make change "
    "update create keep protect verify send recover another more less important safe good bad easy hard"
)


def _introduced(text: str) -> Iterator[Span]:
    """Values after "password is", "username:" and the like, unless they are plain words of the sentence."""
    for match in _INTRODUCED.finditer(text):
        start, end = match.span("value")
        label = "PASSWORD" if match["label"].lower().startswith("p") else "USERNAME"
        punctuation = ",;)" if label == "PASSWORD" else ".,;:!?)"
        while end > start and (text[end - 1] in punctuation or (text[end - 1] in ".!?" and _ends_sentence(text, end))):
            end -= 1
        value = text[start:end]
        if label == "USERNAME" and match["between"] and match["verb"].strip().lower() in ("to", "as"):
            continue  # "sells user data to third parties"
        if match["label"].lower() == "user" and value.isalpha() and (_is_word(value) or not _ends_field(text, end)):
            continue  # "user=guest", or a speaker: "User: hello there"
        odd = any(not char.isalpha() for char in value) or not (value.islower() or value.istitle())
        explicit = bool(match["quote"]) or match["verb"].strip()[:1] in (":", "=", "-")
        if len(value) < 3 or value.lower() in _ORDINARY or value[0] in "{[<(":
            continue
        if odd or explicit:
            yield Span(start, end, label, 0.95)
        elif match["verb"].strip().lower() in ("is", "was") and not match["between"] and _ends_clause(text, end):
            yield Span(start, end, label, 0.8)
    for match in _LOGGED_IN.finditer(text):
        yield Span(*match.span("value"), "USERNAME", 0.85)


_PASSWORDS = (
    r"passwort|kennwort|mot de passe|contraseña|clave|senha|palavra[- ]passe|wachtwoord|hasło|lösenord|şifre|parola|"
    r"пароль|密码|口令|パスワード|暗証|비밀번호|암호|รหัสผ่าน|كلمة المرور|كلمة السر|पासवर्ड"
)
_USERS = (
    r"benutzername|nutzername|benutzer|login|nom d['’]utilisateur|identifiant|nombre de usuario|usuario|"
    r"nome de utilizador|nome de usuário|usuário|utilizador|nome utente|utente|gebruikersnaam|nazwa użytkownika|логин|"
    r"имя пользователя|用户名|帐号名|ユーザー名|ユーザーID|아이디|사용자 ?이름|ชื่อผู้ใช้|اسم المستخدم|यूज़रनेम"
)
# Between label and value: at most three words, and a colon or "is".
_ELSEWHERE = re.compile(
    rf"(?i)(?:(?P<password>{_PASSWORDS})|(?P<user>{_USERS}))(?![a-zß-ÿ])(?: [^\W\d_]{{1,12}}){{0,3}}?"
    r"\s?(?:ist|lautet|est|es|é|è|jest|is|это|是|为|は|が|는|은|이|هي|هو|है|คือ)?\s?[:：=]?\s?"
    r"[\"'`“«「]?(?P<value>[!-,.-~][!-~]{3,63})"
)


_INSIDE = re.compile(r"[!?](?: [^\W\d_A-ZÀ-Þ]|[^\s\"'”’)])")  # a mark that is part of the value: the sentence continues


def _elsewhere(text: str) -> Iterator[Span]:
    """Values after the words for password and user name in other languages, with a digit or a sign within."""
    for match in _ELSEWHERE.finditer(text):
        start, end = match.span("value")
        while end > start and text[end - 1] in "\"'`.,;:!?)" and not _INSIDE.match(text, end - 1):
            end -= 1
        value = text[start:end]
        signs = sum(not char.isalpha() for char in value)
        if len(value) >= 4 and signs and signs < len(value) and "://" not in value and value[0] not in "<{[":
            yield Span(start, end, "PASSWORD" if match["password"] else "USERNAME", 0.94)


def _ends_field(text: str, end: int) -> bool:
    """Whether a field ends at `end`, not a word of a sentence."""
    return bool(re.match(r"[\"'”’]?\s*(?:$|[,;|}\])\n]|[\w.-]{1,30}[=:])", text[end : end + 40]))


def _is_word(value: str) -> bool:
    """Whether a value is an ordinary word."""
    lower = value.lower()
    return lower in lexicon.words("common_words") or lower in lexicon.words("small_words")


def _ends_sentence(text: str, end: int) -> bool:
    """Whether a mark at text[end - 1] closes a sentence: nothing but quotes, blanks or capitals follow."""
    rest = text[end : end + 3]
    return not rest or rest[0].isspace() or rest[0] in "\"'”’)"


def _ends_clause(text: str, end: int) -> bool:
    """Whether the text or clause ends at `end`: a lone word after "password is" is a value only there."""
    return bool(re.match(r"[\"'”’]?\s*(?:$|[.,;!?\n)]|and\b|but\b)", text[end : end + 8]))


def find(text: str) -> list[Span]:
    """Candidates of this family; they may overlap one another."""
    return [*apply(_RULES, text), *_introduced(text), *_elsewhere(text)]
