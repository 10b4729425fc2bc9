"""What a web page can make a browser send to the embedded AWS, and what a browser may do with the response."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from embedded_aws.endpoint import Endpoint
from embedded_aws.endpoint.browser_guard import is_inert
from embedded_aws.endpoint.host_names import accepts
from embedded_aws.s3.buckets import Buckets, BucketService
from stepguard.webserver.site import Site

SCRIPT = b"<script>fetch('/executions')</script>"
SIGNED = "AWS4-HMAC-SHA256 Credential=AKID/20261122/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00"
KEPT, MOTOS = "kept", "motos"
TYPES = (
    "text/html", "TEXT/HTML; charset=utf-8", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/xml",
    "application/pdf", "text/javascript", "application/javascript", "application/x-unknown", "text/plain, text/html",
    "multipart/x-mixed-replace", "message/rfc822", "text/css", "application/wasm", "x", "",
)  # fmt: skip
"""Content types of a hostile object. A browser runs or renders some, and may guess for others."""


@pytest.fixture(name="endpoint", scope="module")
def _endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The site, a persistent bucket and moto's services, with a hostile page in two buckets."""
    buckets = Buckets(tmp_path_factory.mktemp("buckets"), (KEPT,))
    endpoint = Endpoint({"s3": [BucketService(buckets)]}, port=0, threads=4, site=Site())
    endpoint.start()
    s3 = _s3(endpoint)
    s3.create_bucket(Bucket=MOTOS)
    for bucket in (KEPT, MOTOS):
        s3.put_object(Bucket=bucket, Key="page.html", Body=SCRIPT, ContentType="text/html")
        s3.put_object(Bucket=bucket, Key="large.html", Body=SCRIPT * 10_000, ContentType="text/html")
    yield endpoint
    endpoint.stop()


def _s3(endpoint: Endpoint, **config: Any) -> Any:
    return boto3.client(
        "s3", endpoint_url=endpoint.url, region_name="us-east-1", aws_access_key_id="any",
        aws_secret_access_key="any", config=Config(retries={"total_max_attempts": 1}, **config),
    )  # fmt: skip


def _send(
    endpoint: Endpoint, method: str, path: str, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=20)
    try:
        connection.request(method, path, headers=dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read(), {name.lower(): value for name, value in response.getheaders()}
    finally:
        connection.close()


def _is_harmless(headers: Mapping[str, str]) -> bool:
    """Whether no browser runs anything in a response with these headers, in any frame or tab."""
    inline = not headers.get("content-disposition", "").startswith("attachment")
    return (
        headers["content-security-policy"].startswith("sandbox;")
        and headers["x-content-type-options"] == "nosniff"
        and headers["cross-origin-resource-policy"] == "same-origin"
        and not (inline and not is_inert(headers.get("content-type", "")))
        and not any(name.startswith("access-control-") for name in headers)
    )


def _fetched(site: str, mode: str = "navigate", destination: str = "document") -> dict[str, str]:
    return {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}


@pytest.mark.parametrize("site", ["cross-site", "same-site", "made-up", "none, cross-site", ""])
@pytest.mark.parametrize(
    ("mode", "destination"),
    [("navigate", "document"), ("navigate", "iframe"), ("no-cors", "script"), ("no-cors", "image"), ("cors", "empty")],
)
@pytest.mark.parametrize("path", ["/", "/executions", f"/{KEPT}/page.html", f"/{MOTOS}/page.html?X-Amz-Credential=x"])
def test_what_another_page_starts_is_refused(
    endpoint: Endpoint, path: str, mode: str, destination: str, site: str
) -> None:
    """Links, frames, scripts, images and fetches from other sites and from other ports of this machine."""
    status, body, headers = _send(endpoint, "GET", path, _fetched(site, mode, destination))
    assert status == 403
    assert SCRIPT not in body
    assert _is_harmless(headers)


def test_a_link_may_open_our_page_and_nothing_else(endpoint: Endpoint) -> None:
    """In a tab, with GET; not in a frame, and not by a form that another page posts."""
    for site in ("cross-site", "same-site"):
        assert _send(endpoint, "GET", "/ui/", _fetched(site))[0] == 200
        assert _send(endpoint, "GET", "/ui", _fetched(site))[0] == 308
        assert _send(endpoint, "GET", "/ui/app.js", _fetched(site, "no-cors", "script"))[0] == 403
        assert _send(endpoint, "GET", "/ui/", _fetched(site, "navigate", "iframe"))[0] == 403
        assert _send(endpoint, "POST", "/ui/layout", _fetched(site))[0] == 403
        assert _send(endpoint, "GET", "/ui/", {"Sec-Fetch-Site": site})[0] == 403


def test_our_page_may_do_everything(endpoint: Endpoint) -> None:
    """Its own scripts, its calls, and addresses that the user types."""
    assert _send(endpoint, "GET", "/ui/app.js", _fetched("same-origin", "cors", "script"))[0] == 200
    for site in ("same-origin", "none"):
        assert _send(endpoint, "GET", "/", _fetched(site, "cors", "empty"))[0] == 200
        assert _send(endpoint, "GET", "/ui/", _fetched(site))[0] == 200


def test_an_object_is_no_script_of_our_page(endpoint: Endpoint) -> None:
    """Not even where a page of this origin includes it: as a script, a worker, a style or a frame."""
    for destination in ("script", "worker", "serviceworker", "sharedworker", "style", "iframe", "embed", "object"):
        headers = {**_fetched("same-origin", "no-cors", destination), "x-amz-date": "x"}
        assert _send(endpoint, "GET", f"/{KEPT}/page.html", headers)[0] == 403


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("bucket", [KEPT, MOTOS])
def test_no_object_runs_in_a_browser(endpoint: Endpoint, bucket: str, kind: str) -> None:
    """Whatever type and disposition the object or the link names: signed, by a link, in part, or as HEAD."""
    s3 = _s3(endpoint)
    key = "object.txt"
    s3.put_object(Bucket=bucket, Key=key, Body=SCRIPT, ContentType=kind, ContentDisposition="inline")
    chosen = {
        "ResponseContentDisposition": "inline; filename=a.html",
        **({"ResponseContentType": kind} if kind else {}),
    }
    for name in ("get_object", "head_object"):
        for extra in ({}, chosen):
            link = urlsplit(s3.generate_presigned_url(name, {"Bucket": bucket, "Key": key, **extra}))
            for more in ({}, {"Range": "bytes=0-3"}):
                method = "GET" if name == "get_object" else "HEAD"
                status, _, headers = _send(endpoint, method, f"{link.path}?{link.query}", more)
                assert status in (200, 206)
                assert _is_harmless(headers), (kind, extra, headers)


@pytest.mark.parametrize("bucket", [KEPT, MOTOS])
def test_a_link_saves_the_object_under_its_name(endpoint: Endpoint, bucket: str) -> None:
    """The whole object, also a large one that is sent in pieces; a report is saved and not shown."""
    chosen = {"ResponseContentDisposition": 'attachment; filename="report.html"', "ResponseContentType": "text/html"}
    parameters = {"Bucket": bucket, "Key": "large.html", **chosen}
    link = urlsplit(_s3(endpoint).generate_presigned_url("get_object", parameters))
    status, body, headers = _send(endpoint, "GET", f"{link.path}?{link.query}", _fetched("same-origin"))
    assert (status, body) == (200, SCRIPT * 10_000)
    assert headers["content-disposition"] == 'attachment; filename="report.html"'


def test_a_link_cannot_add_headers(endpoint: Endpoint) -> None:
    """A line break in the chosen type or disposition is refused."""
    for bucket in (KEPT, MOTOS):
        for name in ("response-content-type", "response-content-disposition"):
            path = f"/{bucket}/page.html?{name}=text/html%0d%0aX-Evil:%20yes"
            status, _, headers = _send(endpoint, "GET", path, {"Authorization": SIGNED})
            assert status in (400, 501)
            assert "x-evil" not in headers


@pytest.mark.parametrize("host", ["motos.localhost", "motos.s3.amazonaws.com", "motos.s3.us-east-1.amazonaws.com"])
def test_addresses_with_the_bucket_in_the_host_are_sandboxed(endpoint: Endpoint, host: str) -> None:
    """Virtual-hosted addresses."""
    headers = {"Host": f"{host}:{endpoint.port}", "Authorization": SIGNED}
    status, body, answered = _send(endpoint, "GET", "/page.html", headers)
    assert (status, body) == (200, SCRIPT)
    assert _is_harmless(answered)


def test_errors_and_other_services_are_sandboxed(endpoint: Endpoint) -> None:
    """Missing objects, listings, refusals, help, and every path of moto's."""
    for path in (
        "/", "/nowhere", f"/{KEPT}/missing", f"/{MOTOS}/missing", f"/{MOTOS}?list-type=2", f"/{KEPT}?list-type=2",
        "/moto-api/", "/moto-api/data.json", "/latest/meta-data/", "/favicon.ico", "/%3Cscript%3E",
    ):  # fmt: skip
        for headers in ({}, {"x-amz-date": "x"}, {"Origin": "http://evil.example"}):
            assert _is_harmless(_send(endpoint, "GET", path, headers)[2]), path


def test_motos_control_interface_is_off(endpoint: Endpoint) -> None:
    """It could delete all data. The option of `serve` turns it on, and its page is saved, not shown."""
    for path in ("/moto-api/", "/moto-api/reset", "/%6doto-api/reset", "/moto-api/../moto-api/reset"):
        for method in ("GET", "POST"):
            for headers in ({}, {"x-amz-date": "x"}):
                status, body, _ = _send(endpoint, method, path, headers)
                assert status in (403, 404), path
                assert b"ok" not in body
    on = Endpoint({}, port=0, threads=2, moto_api=True)
    on.start()
    try:
        status, body, _ = _send(on, "POST", "/moto-api/reset")
        assert (status, json.loads(body)) == (200, {"status": "ok"})
        status, _, headers = _send(on, "GET", "/moto-api/")
        assert (status, headers["content-disposition"]) == (200, "attachment")
        assert _is_harmless(headers)
    finally:
        on.stop()


@pytest.mark.parametrize(
    "name",
    [
        "localhost", "a.localhost", "a.b.localhost", "LOCALHOST", "127.0.0.1", "127.255.0.9", "::1", "sync-127.0.0.1",
        "s3.amazonaws.com", "bucket.s3.amazonaws.com", "a.b.s3.eu-west-1.amazonaws.com", "queue.amazonaws.com",
        "bucket.s3.dualstack.us-east-1.amazonaws.com",
        "bucket.s3-us-west-2.amazonaws.com", "dynamodb.us-east-1.api.aws",
        "states.us-east-1.amazonaws.com", "sync-states.us-east-1.amazonaws.com", "iam.amazonaws.com",
        "bedrock-runtime.eu-west-1.amazonaws.com", "my.s3.bucket.s3.us-east-1.amazonaws.com",
        "s3.cn-north-1.amazonaws.com.cn",
        "123456789012.s3-control.us-east-1.amazonaws.com", "kendra.us-east-1.amazonaws.com",
        "sts.us-gov-west-1.amazonaws.com",
    ],
)  # fmt: skip
def test_names_of_this_machine_and_of_aws_are_accepted(name: str) -> None:
    """Loopback names, and the endpoints of AWS's services for clients that a proxy or a hosts file sends here."""
    assert accepts(name, "127.0.0.1")


@pytest.mark.parametrize(
    "name",
    [
        "evil.example", "amazonaws.com", "evil.amazonaws.com", "ec2-3-4-5-6.compute-1.amazonaws.com",
        "ec2-3-4-5-6.us-west-2.compute.amazonaws.com", "evil-1.us-east-1.elb.amazonaws.com",
        "evil.us-east-1.rds.amazonaws.com",
        "abc123.execute-api.us-east-1.amazonaws.com", "execute-api.us-east-1.amazonaws.com", "s3.evil.amazonaws.com",
        "evil.s3-website-us-east-1.amazonaws.com", "a.ec2.us-east-1.amazonaws.com", "x.s3.compute.amazonaws.com",
        "states.us-east-1.amazonaws.com.evil.example", "s3.amazonaws.com.evil.example", "localhost.evil.example",
        "evil-localhost", "localhost.", "127.0.0.1.evil.example", "127.1", "0x7f000001", "2130706433", "0.0.0.0", "::",
        "192.168.0.7", "sync-evil.example", "", ".localhost", "a..localhost", "states.moon-1.amazonaws.com",
        "::ffff:127.0.0.1", "127.0.0.1, evil.example", "evil.s3.amazonaws.com.", "sync-ec2-1.compute.amazonaws.com",
    ],
)  # fmt: skip
def test_every_other_name_is_refused(name: str) -> None:
    """Names that a stranger can have, also below amazonaws.com, and other spellings of addresses."""
    assert not accepts(name, "127.0.0.1")


def test_a_server_for_a_network_has_one_name() -> None:
    """Served on one address it answers to this one, and on all addresses to every name."""
    assert accepts("192.168.0.7", "192.168.0.7")
    assert not accepts("evil.example", "192.168.0.7")
    assert accepts("Build-Server", "build-server")
    assert accepts("build-server", "0.0.0.0")
    assert accepts("build-server", "::")


def test_a_wrong_host_is_refused_on_every_path(endpoint: Endpoint) -> None:
    """The refusal reaches the wire, for our page, too."""
    for path in ("/ui/", "/executions", f"/{KEPT}/page.html"):
        status, _, headers = _send(endpoint, "GET", path, {"Host": "ec2-3-4-5-6.compute-1.amazonaws.com"})
        assert status == 403
        assert _is_harmless(headers)
