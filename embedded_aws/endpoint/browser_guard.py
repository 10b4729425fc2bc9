"""Refuses requests that a third-party web page could have sent.

Every page in the developer's browser can reach a server on loopback. Two attacks matter. A page may post to 127.0.0.1
from its origin (CSRF). Browsers then always send `Origin`, so a request with another `Origin` than this server is
refused, signed or not, and no CORS header ever allows one. Or a page's host name may be rebound to 127.0.0.1 (DNS
rebinding). The request then has that name in `Host`, so while the server listens on loopback only, a `Host` that is
neither a loopback name nor an AWS name is refused. Clients other than browsers send no `Origin`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

# amazonaws.com: for clients that reach this server through a proxy or a hosts file. Only AWS's pages have such names.
_OWN_SUFFIXES = (".localhost", ".amazonaws.com")


def refusal(headers: Mapping[str, str], listens_on: str) -> str | None:
    """The reason to refuse a request, or None. Header names are lower case; `listens_on` is the server's address."""
    host = headers.get("host", "")
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2].lower() != host.lower():
        return "Requests of web pages from another origin are refused."
    if host and is_loopback(listens_on) and not _own_name(_without_port(host), listens_on):
        return "The Host header names another machine; use 127.0.0.1 or localhost."
    return None


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach the address."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _own_name(name: str, listens_on: str) -> bool:
    # botocore puts `sync-` in front of the host for StartSyncExecution, whatever the endpoint is.
    bare = name.removeprefix("sync-")
    return bare == listens_on or is_loopback(bare) or bare.endswith(_OWN_SUFFIXES)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()
