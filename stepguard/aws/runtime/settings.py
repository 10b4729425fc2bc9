"""Reads the settings at run time from AWS AppConfig, and keeps them between the invocations of a Lambda.

AppConfig is asked at most once a minute. While it cannot be reached, or has settings that this release refuses, the
last known settings stay in use; a Lambda that knows none yet uses the deployed ones. No answer fails for lack of them:
none of them is a guardrail.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Protocol

from stepguard.aws.clients import aws_errors, client
from stepguard.guard.errors import ConfigurationError, StepguardError
from stepguard.guard.runtime.settings import RUNTIME_SETTINGS, Held, read_values

POLL_SECONDS = 60

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


class RuntimeSettings:
    """The settings at one place, APPLICATION/ENVIRONMENT/PROFILE. Raises ConfigurationError for another form."""

    def __init__(
        self, place: str, data: AppConfigClient | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        parts = [part.strip() for part in place.split("/")]
        if len(parts) != 3 or not all(parts):
            raise ConfigurationError(f"{RUNTIME_SETTINGS} must be APPLICATION/ENVIRONMENT/PROFILE of AWS AppConfig.")
        names = ("ApplicationIdentifier", "EnvironmentIdentifier", "ConfigurationProfileIdentifier")
        self._place = dict(zip(names, parts, strict=True))
        self._data = data
        self._clock = clock
        self._token = ""
        self._due = float("-inf")
        self._held = Held(None, {})

    def current(self) -> Held:
        """The settings in use now."""
        if self._clock() >= self._due:
            self._due = self._clock() + POLL_SECONDS
            try:
                self._held = self._newest()
            except StepguardError as error:
                self._token = ""  # it can be used once only, so the next call begins a session
                self._held = replace(self._held, problem=type(error).__name__)
        return self._held

    def _newest(self) -> Held:
        data = self._data or client("appconfigdata")
        with aws_errors("AppConfig"):
            if not self._token:
                started = data.start_configuration_session(
                    **self._place, RequiredMinimumPollIntervalInSeconds=POLL_SECONDS
                )
                self._token = str(started["InitialConfigurationToken"])
            response = data.get_latest_configuration(ConfigurationToken=self._token)
            self._token = str(response["NextPollConfigurationToken"])
            content: bytes = response["Configuration"].read()
        self._due = self._clock() + max(POLL_SECONDS, int(response.get("NextPollIntervalInSeconds", 0)))
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
    return RuntimeSettings(place)
