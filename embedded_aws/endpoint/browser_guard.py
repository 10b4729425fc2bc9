"""What web browsers may do here: which requests are refused, and which headers make a response harmless.

Every page in the developer's browser can reach a server on loopback. Four attacks matter.

- A page posts to 127.0.0.1 from its origin (CSRF). Browsers then always send `Origin`, so a request with another
  `Origin` than this server is refused, signed or not, and no CORS header ever allows one.
- A page's host name is rebound to 127.0.0.1 (DNS rebinding). The request then has that name in `Host`, so a `Host` that
  is not a name of this server (host_names.py) is refused.
- A page frames, embeds or links to an address of this server: a GET without `Origin`. Browsers send `Sec-Fetch-Site`
  (https://www.w3.org/TR/fetch-metadata/), and what another site or another port starts is refused. The one exception is
  a link that opens a page of this server's own site, which protects itself.
- An object or a page of an emulated service contains a script, which would run in this server's origin and could read
  every execution. Each response that is not a page of the site is sandboxed: it has no origin and runs no script, and
  a browser saves it instead of showing it, unless its type is inert.

Clients other than browsers send neither `Origin` nor `Sec-Fetch-Site`, and ignore the headers of the response.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from embedded_aws.endpoint.host_names import accepts

Headers = list[tuple[str, str]]

_OWN_SITES = ("same-origin", "none")  # none: typed into the address bar, or a bookmark
_READ_BY_SCRIPTS_OR_SHOWN = ("empty", "document")
"""Sec-Fetch-Dest of fetch() and of navigations; others are scripts, workers, styles, frames, images."""

_INERT = frozenset(
    {
        "application/cbor",
        "application/gzip",
        "application/json",
        "application/jsonl",
        "application/octet-stream",
        "application/vnd.amazon.eventstream",
        "application/x-amz-json-1.0",
        "application/x-amz-json-1.1",
        "application/x-ndjson",
        "application/zip",
        "binary/octet-stream",
        "image/avif",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/csv",
        "text/plain",
        "text/tab-separated-values",
    }
)
"""The types that no browser runs or renders as a document with scripts. All others are saved, never shown."""

_REPLACED = frozenset(
    {"content-security-policy", "content-disposition", "x-content-type-options", "cross-origin-resource-policy"}
)
_CORS = "access-control-"


def refusal(method: str, headers: Mapping[str, str], listens_on: str, *, page: bool) -> str | None:
    """The reason to refuse a request, or None.

    Header names are lower case; `listens_on` is the server's address; `page` is whether the request is for a page of
    the site.
    """
    host = headers.get("host", "")
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2].lower() != host.lower():
        return "Requests of web pages from another origin are refused."
    if host and not accepts(_without_port(host), listens_on):
        return f"The Host header names another machine; use {listens_on} or localhost."
    destination = headers.get("sec-fetch-dest", "document")
    if headers.get("sec-fetch-site", "none") not in _OWN_SITES:
        opens = method == "GET" and headers.get("sec-fetch-mode") == "navigate" and destination == "document"
        if not (page and opens):
            return "Requests that another web page starts are refused; open the address yourself."
    if not page and destination not in _READ_BY_SCRIPTS_OR_SHOWN:
        return "Web pages may not include this address."
    return None


def sandboxed(headers: Iterable[tuple[str, str]]) -> Headers:
    """The headers of a response that is not a page of the site, so that no browser runs anything in it."""
    given = list(headers)
    kept = [(name, value) for name, value in given if not _is_replaced(name.lower())]
    types = [value for name, value in given if name.lower() == "content-type"]
    dispositions = [value for name, value in given if name.lower() == "content-disposition"]
    kept += [
        ("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ]
    if len(types) != 1 or not is_inert(types[0]):
        kept.append(("Content-Disposition", _attachment(dispositions)))
    else:
        kept += [("Content-Disposition", value) for value in dispositions[:1]]
    return kept


def is_inert(content_type: str) -> bool:
    """Whether a browser shows content of this type without running anything in it."""
    # A browser takes the last of several types that are joined with commas.
    return "," not in content_type and content_type.partition(";")[0].strip().lower() in _INERT


def _is_replaced(name: str) -> bool:
    return name in _REPLACED or name.startswith(_CORS)


def _attachment(dispositions: list[str]) -> str:
    """A disposition that saves the response, under the file name that the given one has."""
    parameters = dispositions[0].partition(";")[2].strip() if dispositions else ""
    named = re.search(r"filename\*?=", parameters, re.IGNORECASE)
    return f"attachment; {parameters}" if named else "attachment"


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host
