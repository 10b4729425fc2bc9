"""What a person gets in the language of the question: the team's messages, and an answer in it."""

from __future__ import annotations

from dataclasses import replace

from stepguard.guard.runtime.refusal import DEFAULT
from stepguard.guard.settings import ModelSettings, Settings
from stepguard.guard.texts.language import ENGLISH, LANGUAGES, language_of


def for_question(settings: Settings, text: str) -> Settings:
    """The settings with the messages of the question's language, where there are any."""
    return in_language(settings, language_of(text)) if settings.messages else settings


def in_language(settings: Settings, code: str) -> Settings:
    """The settings with the messages of this language, where there are any."""
    held = settings.messages.get(code)
    if held is None:
        return settings
    return replace(
        settings,
        empty_message=held.empty or settings.empty_message,
        error_message=held.error or settings.error_message,
        blocked_messages={DEFAULT: held.blocked} if held.blocked else settings.blocked_messages,
    )


def answering(model: ModelSettings, text: str) -> ModelSettings:
    """The model with the instruction to answer in the question's language; without one for English."""
    language = language_of(text)
    if language in ("", ENGLISH):
        return model
    return replace(model, system_prompt=f"{model.system_prompt} Answer in {LANGUAGES[language]}.".lstrip())
