"""`stepguard guardrail apply|list|show|test|compare`: guardrails on the embedded AWS or in an account."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stepguard.admin.deployed import label_of
from stepguard.admin.guardrails import Applied, GuardrailAdmin, apply_files
from stepguard.aws.guardrails import Guardrails
from stepguard.cli import render
from stepguard.cli.commands import COMMANDS, Commands, add_action, in_session, print_notes
from stepguard.cli.guardrail import compare, lint, scores
from stepguard.guard.errors import InvalidRequest, StepguardError
from stepguard.guard.request import check_unicode
from stepguard.guard.settings import VARIABLES, GuardrailRef
from stepguard.guard.stages import LAYERS, Direction, Layer
from stepguard.guard.texts.chunking import REQUEST_CHARACTERS
from stepguard.project.folder import find_project
from stepguard.project.guardrail_files import read_guardrail_files
from stepguard.session.guardrails import compare_layers, remedy
from stepguard.session.model import Session

_FILE_NAME = re.compile(r"[\w./~-]*[\w~-]\.[a-z]{2,5}|[.~/]+|\.{0,2}/\S*")
"""A text that was probably meant as a file or folder."""


def add_parser(commands: Commands) -> None:
    """Add `stepguard guardrail` and its actions."""
    group = commands.add_parser("guardrail", help=COMMANDS["guardrail"][1])
    actions = group.add_subparsers(required=True, metavar="ACTION")
    parser = add_action(actions, "apply", "create or update from YAML and publish", in_session(apply))
    parser.add_argument("paths", nargs="*", metavar="PATH", help="YAML files or folders; default guardrails/")
    add_action(actions, "list", "list the account's guardrails", in_session(list_))
    parser = add_action(actions, "show", "show one guardrail", in_session(show))
    parser.add_argument("id", help="name, identifier or ARN")
    parser.add_argument("--version", default="DRAFT")
    parser = add_action(
        actions, "test", "print what the layers decide on a text, without a model", in_session(test, judges=True)
    )
    parser.add_argument("text", metavar="TEXT|FILE", help="the text, or a UTF-8 file; - reads the standard input")
    parser.add_argument("--id", help="one guardrail, by name, identifier or ARN, instead of the three layers")
    parser.add_argument("--version", default="DRAFT", help="with --id; default DRAFT")
    parser.add_argument("--source", choices=("INPUT", "OUTPUT"), help="default INPUT; OUTPUT for the answer layer")
    parser.add_argument("--scores", action="store_true", help="every policy's score and what each strength would do")
    text = "judge a corpus by the deployed guardrails and the embedded ones, and print where they differ"
    compare.add_options(add_action(actions, "compare", text, in_session(compare.run)))
    parser = add_action(actions, "lint", "find known mistakes in guardrail files", lint.run, session_options=False)
    parser.add_argument("--strict", action="store_true", help="exit code 1 also for warnings and notes")
    parser.add_argument("--probe", action="store_true", help="estimate how well each denied topic separates")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="YAML files or folders; default guardrails/")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def apply(arguments: argparse.Namespace, session: Session) -> int:
    """Create or update guardrails from YAML files, publish what changed, print the variables to set."""
    paths = [Path(path) for path in arguments.paths] or [find_project().path("guardrails")]
    files = read_guardrail_files(paths)
    for file, configuration in files.items():  # check all files before applying the first one
        if unknown := lint.unknown_members(configuration):
            raise InvalidRequest(f"{file}: CreateGuardrail has no member {', '.join(unknown)}.")
    applied = apply_files(files)
    if arguments.json:
        rows = [
            {
                "file": str(file),
                "name": item.name,
                "id": item.ref.id,
                "version": item.ref.version,
                "action": item.action,
            }
            for file, item in applied.items()
        ]
        print(render.as_json({"guardrails": rows}))
        return 0
    for file, item in applied.items():
        print(f"{item.action}: {item.name} version {item.ref.version} ({item.arn})", file=sys.stderr)
        if file.stem in LAYERS:
            id_variable, version_variable = VARIABLES[Layer(file.stem)]
            print(f"{id_variable}={item.ref.id}\n{version_variable}={item.ref.version}")
    for line in _unused(files, applied, session):
        print(f"stepguard: {line}", file=sys.stderr)
    return 0


def _unused(files: Mapping[Path, Mapping[str, Any]], applied: Mapping[Path, Applied], session: Session) -> list[str]:
    """Which of the applied versions the deployed workflow does not use yet, and how to put them in use."""
    layers = {Layer(file.stem): item for file, item in applied.items() if file.stem in LAYERS}
    if not layers:
        return []
    try:
        rows = {row.layer: row for row in compare_layers(session, files)}
    except StepguardError as error:
        return [f"Whether the workflow uses these versions could not be read: {error}"]
    found = []
    for layer, item in layers.items():
        if rows[layer].ref != item.ref:
            label = label_of(item.ref, item.name)
            found.append(f"The {layer} layer does not use {label} yet; in use: {rows[layer].label}.")
    return [*found, remedy(session, {layer: item.ref for layer, item in layers.items()})] if found else []


def list_(arguments: argparse.Namespace, session: Session) -> int:
    """Print every guardrail of the account and region."""
    rows = [
        {"id": item["id"], "name": item["name"], "status": item["status"], "arn": item["arn"]}
        for item in GuardrailAdmin().list()
    ]
    if arguments.json:
        print(render.as_json({"guardrails": rows}))
        return 0
    for row in rows:
        print(f"{row['id']}  {row['status']:<10}  {render.plain(row['name'])}")
    return 0


def show(arguments: argparse.Namespace, session: Session) -> int:
    """Print a guardrail as GetGuardrail returns it."""
    admin = GuardrailAdmin()
    print(json.dumps(admin.show(admin.find(arguments.id), arguments.version), indent=2, default=str))
    return 0


def test(arguments: argparse.Namespace, session: Session) -> int:
    """Print what the guard layers, or one guardrail, decide on a text; no model is called."""
    text = _text(arguments)
    if not text.strip():
        raise InvalidRequest("The text is empty.")
    check_unicode(text, "The text")
    if arguments.id:
        admin = GuardrailAdmin()
        shown = admin.show(admin.find(arguments.id), arguments.version)  # its error names the guardrail and version
        ref = GuardrailRef(shown["guardrailId"], arguments.version)
        checks = [(Layer.MODEL, ref, Direction(arguments.source or "INPUT"))]
    else:
        print_notes(session)
        checks = [(layer, ref, _direction(layer, arguments.source)) for layer, ref in session.layers.items()]
        if not checks:
            raise InvalidRequest("No guard layer is on here; name a guardrail with --id.")
    if arguments.scores:
        return _scores(arguments, session, text, [(str(layer), ref, way) for layer, ref, way in checks])
    rows = []
    for layer, ref, direction in checks:
        verdict = Guardrails().check(ref, text, layer, direction)
        label = shown["name"] if arguments.id else str(layer)
        delivered = verdict.message if verdict.blocked else verdict.text
        rows.append({"layer": label, "source": str(direction), **verdict.to_dict(), "text": delivered})
    if arguments.json:
        print(render.as_json({"verdicts": rows}))
        return 0
    for row in rows:
        print(f"{row['layer']:<12} {row['source']:<6}  {row['outcome']:<8} {render.findings(row['findings'])}".rstrip())
        if row["outcome"] == "masked":
            print(f"{'':<12} {render.plain(str(row['text']))}")
    return 0


def _text(arguments: argparse.Namespace) -> str:
    """The text: the argument itself, the content of the file that it names, or the standard input. Raises
    InvalidRequest."""
    given: str = arguments.text
    if given == "-":
        return sys.stdin.read()
    try:
        if not (file := Path(given)).is_file():
            if _FILE_NAME.fullmatch(given) and not arguments.json:
                print(f"there is no file {given}: the text itself is judged", file=sys.stderr)
            return given
    except OSError:  # longer than a file's name may be
        return given
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest(f"{render.plain(given)}: is not UTF-8 text.") from None
    except OSError as error:
        raise InvalidRequest(f"{render.plain(given)}: cannot be read ({error.strerror}).") from None
    if not arguments.json:  # a question can also be a file's name: report that the file was read
        print(f"the text of the file {render.plain(given)}, {len(text)} characters:", file=sys.stderr)
    return text


def _scores(
    arguments: argparse.Namespace, session: Session, text: str, checks: list[tuple[str, GuardrailRef, Direction]]
) -> int:
    """Print every policy's score. Raises InvalidRequest on AWS, which returns no scores."""
    if session.url is None:
        raise InvalidRequest("--scores works on the embedded AWS only: Amazon Bedrock does not return scores.")
    if len(text) > REQUEST_CHARACTERS:  # the layers decide on chunks, so scores of the whole text would differ
        raise InvalidRequest(
            f"--scores takes up to {REQUEST_CHARACTERS} characters, as a request does, not {len(text)}. "
            "Without it longer texts are judged in parts."
        )
    rows = []
    for layer, ref, direction in checks:
        label = arguments.id or layer
        found = scores.scores(GuardrailAdmin().show(ref.id, ref.version), text, direction)
        rows.append({"layer": label, "source": str(direction), "scores": [asdict(score) for score in found]})
        if not arguments.json:
            print(f"{label} {direction}")
            for score in found:
                print(f"  {render.plain(scores.line(score))}")
    if arguments.json:
        print(render.as_json({"guardrails": rows}))
    return 0


def _direction(layer: Layer, source: str | None) -> Direction:
    return Direction(source) if source else Direction.OUTPUT if layer is Layer.POSTPROCESS else Direction.INPUT
