"""Reads the settings at run time from AWS AppConfig, and keeps them between the invocations of a Lambda.

AppConfig is asked at most once a minute, on another thread. While it cannot be reached, is slow, or has settings that
this release refuses, the last known settings stay in use; a Lambda that knows none yet uses the deployed ones. No
answer fails for lack of them, since none is a guardrail, and only the first answer waits for a slow AppConfig.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Protocol

from stepguard.aws.clients import aws_errors, client
from stepguard.guard.errors import ConfigurationError, ServiceUnavailable
from stepguard.guard.runtime.settings import RUNTIME_SETTINGS, Held, read_values

POLL_SECONDS = 60
PATIENCE_SECONDS = 2.0
"""How long an answer waits for AppConfig; an emulator of AWS on a busy machine gets its time."""
EMULATOR_SECONDS = 30.0
EMULATOR_POLL_SECONDS = 15
"""AppConfig's shortest interval: on one machine people wait for a change."""

REFUSED = "refused"
"""The problem of settings that this release refuses; any other problem is the error of the call."""


class AppConfigClient(Protocol):
    """The part of boto3's `appconfigdata` client that this module needs."""

    def start_configuration_session(self, **request: Any) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_appconfigdata_StartConfigurationSession.html"""
        ...

    def get_latest_configuration(self, **request: Any) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_appconfigdata_GetLatestConfiguration.html"""
        ...


class Reading(Protocol):
    """A call on another thread: a `threading.Thread` that was started."""

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        ...

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        ...


def begin(read: Callable[[], None]) -> Reading:
    """Run `read` on another thread, which does not keep the process alive."""
    thread = threading.Thread(target=read, daemon=True, name="settings at run time")
    thread.start()
    return thread


class RuntimeSettings:
    """The settings at one place, APPLICATION/ENVIRONMENT/PROFILE. Raises ConfigurationError for another form."""

    def __init__(
        self,
        place: str,
        data: AppConfigClient | None = None,
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE_SECONDS,
        begin: Callable[[Callable[[], None]], Reading] = begin,
        poll: int = POLL_SECONDS,
    ) -> None:
        parts = [part.strip() for part in place.split("/")]
        if len(parts) != 3 or not all(parts):
            raise ConfigurationError(f"{RUNTIME_SETTINGS} must be APPLICATION/ENVIRONMENT/PROFILE of AWS AppConfig.")
        names = ("ApplicationIdentifier", "EnvironmentIdentifier", "ConfigurationProfileIdentifier")
        self._place = dict(zip(names, parts, strict=True))
        self._data = data
        self._clock = clock
        self._patience = patience
        self._begin = begin
        self._poll = poll
        self._token = ""
        self._due = float("-inf")
        self._held = Held(None, {})
        self._reading: Reading | None = None
        self._answers = True

    def current(self) -> Held:
        """The settings in use now.

        The caller waits for a call of AppConfig that is due, unless the last one was late or failed: then the callers
        after it use what AppConfig answers.
        """
        if self._reading is None and self._clock() >= self._due:
            self._due = self._clock() + self._poll
            data = self._data = self._data or client("appconfigdata")  # making one takes long, whatever AppConfig does
            self._reading = self._begin(lambda: self._read(data))
            if self._answers:
                self._reading.join(self._patience)
        if self._reading is not None and self._reading.is_alive():
            self._answers = False
            return replace(self._held, problem=self._held.problem or ServiceUnavailable.__name__)
        self._reading = None
        return self._held

    def _read(self, data: AppConfigClient) -> None:
        """Ask AppConfig. This object's state changes when the call has ended, before `is_alive` is false."""
        try:
            self._held = self._newest(data)
            self._answers = True
        except Exception as error:  # noqa: BLE001 - whatever AppConfig answers, no question fails for it
            self._answers = False
            self._token = ""  # it can be used once only, so the next call begins a session
            self._held = replace(self._held, problem=type(error).__name__)

    def _newest(self, data: AppConfigClient) -> Held:
        with aws_errors("AppConfig"):
            if not self._token:
                started = data.start_configuration_session(
                    **self._place, RequiredMinimumPollIntervalInSeconds=self._poll
                )
                self._token = str(started["InitialConfigurationToken"])
            response = data.get_latest_configuration(ConfigurationToken=self._token)
            self._token = str(response["NextPollConfigurationToken"])
            content: bytes = response["Configuration"].read()
        self._due = self._clock() + max(self._poll, int(response.get("NextPollIntervalInSeconds", 0)))
        if not content:  # unchanged
            return self._held if self._held.problem == REFUSED else replace(self._held, problem="")
        try:
            values = read_values(content)
        except ConfigurationError:
            return replace(self._held, problem=REFUSED)
        return Held(response.get("VersionLabel") or hashlib.sha256(content).hexdigest()[:12], values)


def current_settings() -> Held | None:
    """The settings of this process's environment; None if it has none at run time."""
    place = os.environ.get(RUNTIME_SETTINGS, "").strip()
    return _at(place).current() if place else None


@cache
def _at(place: str) -> RuntimeSettings:
    if os.environ.get("AWS_ENDPOINT_URL"):
        return RuntimeSettings(place, patience=EMULATOR_SECONDS, poll=EMULATOR_POLL_SECONDS)
    return RuntimeSettings(place)
