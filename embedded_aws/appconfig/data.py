"""AppConfig's data plane: sessions that ask for the newest configuration, each token once.

https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-retrieving-the-configuration.html
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from embedded_aws.appconfig.deployments import Deployments
from embedded_aws.appconfig.store import Body, Store
from embedded_aws.wire import ServiceError

SHORTEST_INTERVAL = 15
DEFAULT_INTERVAL = 60
TOKEN_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class _Session:
    id: str
    environment: Body
    profile: str
    interval: int
    issued: float
    due: float
    version: str | None = None


class AppConfigData:
    """The operations of `appconfigdata`. Sessions are in memory: they are gone when the process ends."""

    def __init__(self, store: Store, deployments: Deployments, now: Callable[[], float]) -> None:
        self._store = store
        self._deployments = deployments
        self._now = now
        self._lock = threading.Lock()
        self._sessions: dict[str, _Session] = {}

    def start_configuration_session(self, request: dict[str, Any]) -> dict[str, Any]:
        """`StartConfigurationSession`."""
        application = self._named("application", "", request["ApplicationIdentifier"])
        environment = self._named("environment", application["Id"], request["EnvironmentIdentifier"])
        profile = self._named("profile", application["Id"], request["ConfigurationProfileIdentifier"])
        interval = int(request.get("RequiredMinimumPollIntervalInSeconds", 0)) or DEFAULT_INTERVAL
        now = self._now()
        session = _Session(uuid4().hex, environment, str(profile["Id"]), interval, now, now)
        return {"InitialConfigurationToken": self._keep(session)}

    def get_latest_configuration(self, request: dict[str, Any]) -> dict[str, Any]:
        """`GetLatestConfiguration`: an empty configuration if the session has it already."""
        now = self._now()
        with self._lock:
            session = self._sessions.get(request["ConfigurationToken"])
            if session is None or now - session.issued > TOKEN_SECONDS:
                raise ServiceError("BadRequestException", "Invalid or expired token.")
            if now < session.due:
                raise ServiceError("BadRequestException", "Request too early")
            del self._sessions[request["ConfigurationToken"]]
        number = self._deployments.version_for(session.environment, session.profile, session.id)
        if number is None:
            raise ServiceError("ResourceNotFoundException", "No configuration was deployed.", 404)
        version = self._store.get("version", session.profile, number) or {}
        same = number == session.version
        kept = replace(session, version=number, issued=now, due=now + session.interval)
        return {
            "NextPollConfigurationToken": self._keep(kept),
            "NextPollIntervalInSeconds": session.interval,
            "ContentType": version.get("ContentType", ""),
            "Configuration": b"" if same else base64.b64decode(version.get("Content", "")),
            "VersionLabel": version.get("VersionLabel"),
        }

    def _keep(self, session: _Session) -> str:
        token = uuid4().hex
        with self._lock:
            self._sessions[token] = session
            for old in [key for key, held in self._sessions.items() if self._now() - held.issued > TOKEN_SECONDS]:
                del self._sessions[old]
        return token

    def _named(self, kind: str, parent: str, name: str) -> Body:
        for row in self._store.rows(kind, parent):
            if name in (row["Id"], row["Name"]):
                return row
        raise ServiceError("ResourceNotFoundException", f"There is no {kind} {name}.", 404)
