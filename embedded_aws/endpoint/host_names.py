"""The host names that this server is called by: loopback names, its own name, and the names of AWS's endpoints.

Clients that reach the server through a proxy or a hosts file send the names of AWS's endpoints. Other names below
amazonaws.com belong to customers of AWS (EC2 instances, load balancers, APIs), whose pages must not act as this server.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import cache

from botocore.loaders import Loader

from embedded_aws.wire.services import known_services

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ACCOUNT = re.compile(r"\d{12}\.(?=s3-control[.-])")
_UNSPECIFIED = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound to


def accepts(host: str, listens_on: str) -> bool:
    """Whether a server at the address `listens_on` answers to the name in a Host header, without its port.

    A server that listens on all addresses of a machine has names that cannot be listed, so it answers to all.
    """
    name = host.lower()
    # botocore puts `sync-` in front of the host for StartSyncExecution, whatever the endpoint is.
    bare = name.removeprefix("sync-")
    return listens_on in _UNSPECIFIED or bare == listens_on.lower() or is_loopback(bare) or is_aws_endpoint(bare)


def is_loopback(name: str) -> bool:
    """Whether a name or address always leads to this machine."""
    if name == "localhost" or re.fullmatch(r"([a-z0-9_-]+\.)+localhost", name):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address in _LOOPBACK if address.version == 4 else address == ipaddress.IPv6Address("::1")


def is_aws_endpoint(name: str) -> bool:
    """Whether a lower-case name is an endpoint of an AWS service, also with a bucket in front of an endpoint of S3."""
    if not name.endswith(_suffixes()):
        return False
    name = _ACCOUNT.sub("", name, count=1)
    return _is_endpoint(name) or any(map(_is_endpoint, _without_bucket(name)))


_LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")


def _without_bucket(name: str) -> Iterator[str]:
    """The name without what may be a bucket in front of an endpoint of S3; a bucket's name may contain `.s3`."""
    for found in re.finditer(r"\.(?=s3[.-])", name):
        if _BUCKET.fullmatch(name, 0, found.start()):
            yield name[found.end() :]


def _is_endpoint(name: str) -> bool:
    """https://docs.aws.amazon.com/general/latest/gr/rande.html: SERVICE[-fips][.dualstack][.REGION].SUFFIX"""
    return name in _listed() or _form().fullmatch(name) is not None


@cache
def _suffixes() -> tuple[str, ...]:
    partitions = Loader().load_data("partitions")["partitions"]
    outputs = [partition["outputs"] for partition in partitions]
    return tuple({f".{output[key]}" for output in outputs for key in ("dnsSuffix", "dualStackDnsSuffix")})


@cache
def _form() -> re.Pattern[str]:
    """The form of an endpoint's name, with every known service, region and suffix."""
    partitions = Loader().load_data("partitions")["partitions"]
    regions = {region for partition in partitions for region in partition["regions"]}
    named = {service.name for service in known_services().values()}
    prefixes = named | {service.endpoint_prefix for service in known_services().values()} | set(_services())
    services = _any(prefixes - _CUSTOMERS)
    return re.compile(rf"({services})(-fips)?(\.dualstack)?([.-]({_any(regions)}))?({_any(set(_suffixes()))})")


_CUSTOMERS = {"execute-api"}
"""Below these names only customers' endpoints exist."""


def _services() -> list[str]:
    return [name for partition in Loader().load_data("endpoints")["partitions"] for name in partition["services"]]


@cache
def _listed() -> frozenset[str]:
    """The endpoints with names of another form, such as `queue.amazonaws.com`."""
    names: set[str] = set()
    for partition in Loader().load_data("endpoints")["partitions"]:
        for service in partition["services"].values():
            for region, endpoint in service["endpoints"].items():
                for entry in (service.get("defaults", {}), endpoint, *endpoint.get("variants", ())):
                    found = [entry[key] for key in ("hostname", "sslCommonName") if key in entry]
                    names |= {_filled(text, region, entry.get("dnsSuffix", partition["dnsSuffix"])) for text in found}
    return frozenset(names)


def _filled(template: str, region: str, suffix: str) -> str:
    return template.replace("{region}", region).replace("{dnsSuffix}", suffix)


def _any(texts: set[str]) -> str:
    return "|".join(map(re.escape, sorted(texts)))
