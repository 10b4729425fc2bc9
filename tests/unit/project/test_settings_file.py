"""settings.yaml: one place for every message that a person gets instead of an answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stepguard.guard.errors import ConfigurationError
from stepguard.guard.settings import read_settings
from stepguard.project.creation import create_project
from stepguard.project.folder import Project, builtin_project
from stepguard.project.guardrail_files import read_guardrail_files
from stepguard.project.settings_file import DEFAULTS, message_parameters, read_settings_file, use_settings_file


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Project:
    """A new project."""
    create_project(tmp_path / "clinic")
    return Project(tmp_path / "clinic", builtin_project().builtin)


def write(project: Project, text: str) -> None:
    """Replace the project's settings.yaml."""
    (project.root / "settings.yaml").write_text(text, encoding="utf-8")


def test_a_new_project_has_the_defaults_and_says_where_they_are(project: Project) -> None:
    """The file and the code agree, and the README names the file."""
    assert read_settings_file(project) == DEFAULTS
    assert "| settings.yaml |" in (project.root / "README.md").read_text()


MESSAGES = [message for name, message in DEFAULTS.items() if name.endswith("MESSAGE")]


@pytest.mark.parametrize("message", MESSAGES)
def test_messages_fit_a_patient(message: str) -> None:
    """Calm, short, and with what the person can do."""
    assert not re.search(r"trace|log|error|stump|sadly|model|guardrail|!", message, re.IGNORECASE)
    assert "contact your clinic" in message
    assert message.endswith("In an emergency, call your local emergency number.")
    assert len(message) < 200


def test_a_blocked_message_is_delivered_as_it_is() -> None:
    """The no-hits pattern would replace it by EMPTYMESSAGE."""
    assert not read_settings({}).no_hits.search(DEFAULTS["BLOCKEDMESSAGE"])


def test_every_guardrail_has_the_one_message(project: Project) -> None:
    """Of both directions; a file's own message is kept."""
    write(project, "BLOCKEDMESSAGE: Call the ward.\n")
    own = project.root / "guardrails" / "model.yaml"
    own.write_text("blockedOutputsMessaging: Ask the desk.\n" + own.read_text())
    read = read_guardrail_files([project.root / "guardrails"])
    members = ("blockedInputMessaging", "blockedOutputsMessaging")
    messages = {file.stem: tuple(item[member] for member in members) for file, item in read.items()}

    assert messages == {
        "model": ("Call the ward.", "Ask the desk."),
        "passages": ("Call the ward.", "Call the ward."),
        "postprocess": ("Call the ward.", "Call the ward."),
        "preprocess": ("Call the ward.", "Call the ward."),
    }


def test_the_environment_overrides_the_file(project: Project) -> None:
    """An empty variable does not."""
    write(project, "EMPTYMESSAGE: From the file.\nERRORMESSAGE: Gone.\nUNGUARDED: yes\n")
    environment = {"EMPTYMESSAGE": "From here.", "ERRORMESSAGE": " "}
    use_settings_file(project, environment)

    assert environment == {"EMPTYMESSAGE": "From here.", "ERRORMESSAGE": "Gone.", "UNGUARDED": "yes"}


def test_a_stage_gets_the_messages_and_nothing_else(project: Project) -> None:
    """UNGUARDED of the file is for the embedded AWS alone."""
    write(project, "EMPTYMESSAGE: From the file.\nBLOCKEDMESSAGE: B.\nUNGUARDED: yes\n")

    assert message_parameters(project) == {"EmptyMessage": "From the file."}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("EMPTYMESSAGE: [", "is not valid YAML"),
        ("- a", "must map one or more of EMPTYMESSAGE"),
        ("EMPTYMESAGE: x", "must map one or more of EMPTYMESSAGE"),
        ("EMPTYMESSAGE: 3", "EMPTYMESSAGE must be a text"),
        ("EMPTYMESSAGE: ' '", "EMPTYMESSAGE must be a text"),
        ("BLOCKEDMESSAGE: " + "x" * 501, "has 501 characters; Bedrock takes 500"),
    ],
)
def test_a_mistake_names_the_file(project: Project, text: str, words: str) -> None:
    """And what to write."""
    write(project, text)
    with pytest.raises(ConfigurationError, match=rf"settings\.yaml.*{words}"):
        read_settings_file(project)


def test_a_project_without_the_file_has_the_defaults(tmp_path: Path) -> None:
    """Of an older release."""
    assert read_settings_file(Project(tmp_path, tmp_path)) == {}
