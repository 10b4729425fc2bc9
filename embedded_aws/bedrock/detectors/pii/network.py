"""Addresses of machines: IP, MAC, URL."""

from __future__ import annotations

import ipaddress
import re

from embedded_aws.bedrock.detectors.pii.rules import Rule, apply, context
from embedded_aws.bedrock.detectors.text.spans import Span

# Top-level domains that make "name.tld" a web address by themselves; two-letter ones that are English words
# ("in", "is", "me", "no", "so", "to") need a scheme or "www." instead.
_TLD = (
    "com|org|net|edu|gov|mil|info|biz|io|ai|co|uk|ca|de|fr|eu|au|jp|nl|ch|ru|br|pl|se|tv|app|dev|tech|online|site|"
    "store|xyz|cloud|health|care|shop|blog|news"
)
_REST = r"(?:[/?#][^\s<>\"'`{}|\\^]*[^\s<>\"'`{}|\\^.,;:!?)\]])?/?"


def _is_ip(text: str) -> bool:
    """Whether `text` is an IPv4 or IPv6 address, with or without a prefix length."""
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return "." in text or text.count(":") >= 2


_RULES = (
    Rule(
        "IP_ADDRESS",
        re.compile(
            r"(?<![\w.])(?<!ersion )(?<!elease )(?<!irmware )(?<!uild )(?<!river )(?<!pdate )"
            r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?![\w])(?!\.\d)"
        ),
        0.95,
        _is_ip,
    ),
    Rule(
        "IP_ADDRESS",
        re.compile(
            r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}(?:[0-9a-fA-F]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?:/\d{1,3})?(?![\w:])"
        ),
        0.95,
        lambda text: any(map(str.isalnum, text)) and _is_ip(text),
    ),
    Rule(
        "MAC_ADDRESS",
        re.compile(r"(?<![\w:-])[0-9a-fA-F]{2}([:-])(?:[0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}(?![\w:-])"),
        0.98,
    ),
    Rule("MAC_ADDRESS", re.compile(r"(?<![\w.])[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}(?![\w.])"), 0.9),
    Rule(
        "MAC_ADDRESS",
        re.compile(r"(?<!\w)[0-9a-fA-F]{12}(?!\w)"),
        0.0,
        None,
        context(r"mac(?: address)?|hardware address|ethernet"),
        0.8,
    ),
    Rule("URL", re.compile(r"(?i)\b(?:https?|ftps?|sftp|wss?)://[^\s<>\"'`{}|\\^]*[^\s<>\"'`{}|\\^.,;:!?)\]]"), 0.99),
    Rule(
        "URL", re.compile(rf"(?i)(?<![\w@.-])www\.[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,6}}(?::\d{{1,5}})?{_REST}"), 0.97
    ),
    Rule(
        "URL",
        re.compile(
            rf"(?<![\w@.-])[A-Za-z0-9][A-Za-z0-9-]{{0,62}}(?:\.[A-Za-z0-9-]{{1,63}}){{0,4}}\.(?:{_TLD})(?![\w@-])(?!\.\w)"
            rf"(?::\d{{1,5}})?{_REST}"
        ),
        0.91,  # an address may contain a name
    ),
)


def find(text: str) -> list[Span]:
    """Candidates of this family; they may overlap one another."""
    return apply(_RULES, text) if "." in text or ":" in text or "-" in text else []
