"""`stepguard settings show|diff|set|deploy|rollback`: texts, prompts and sampling, without a deployment."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from stepguard.admin.runtime_settings import Deployment, SettingsAdmin, Version, deployed_place
from stepguard.cli import render
from stepguard.cli.commands import COMMANDS, Commands, add_action, in_session, whole_number
from stepguard.guard.errors import ConfigurationError, InvalidRequest
from stepguard.guard.review.rule import REVIEW_RULE
from stepguard.guard.runtime.settings import BLOCKED, NAMES, read_values
from stepguard.guard.texts.messages import MESSAGES
from stepguard.project.files import read_text
from stepguard.session.model import Session
from stepguard.session.runtime_settings import PLACE, prepare_settings

_FILE = "settings as YAML or JSON, by QnABot's names: EMPTYMESSAGE: …"
_OBJECTS = ("LLM_QA_MODEL_PARAMS", BLOCKED, MESSAGES, REVIEW_RULE)


def add_parser(commands: Commands) -> None:
    """Add `stepguard settings` and its actions."""
    group = commands.add_parser("settings", help=COMMANDS["settings"][1])
    actions = group.add_subparsers(required=True, metavar="ACTION")
    _add(actions, "show", "print the settings in use and the last deployments", show)
    parser = _add(actions, "diff", "compare a file with the settings in use", diff)
    parser.add_argument("file", type=Path, metavar="FILE", help=_FILE)
    parser = _add(actions, "set", "change some settings: check them, make a version of them, deploy it", set_some)
    parser.add_argument(
        "changes", nargs="+", metavar="NAME=VALUE",
        help=f"a setting, e.g. EMPTYMESSAGE; {BLOCKED}.topic=… for one policy; @FILE: a file; empty: as deployed",
    )  # fmt: skip
    _add_at_once(parser)
    parser = _add(actions, "deploy", "replace all settings by those of a file or of an earlier version", deploy)
    parser.add_argument("file", type=Path, metavar="FILE", nargs="?", help=_FILE)
    parser.add_argument("--version", type=whole_number(10**6), metavar="NUMBER", help="a version that `show` names")
    _add_at_once(parser)
    _add(actions, "rollback", "undo the last deployment: stop it, or deploy what was in use before", roll_back)


def _add(
    actions: Commands, name: str, text: str, run: Callable[[argparse.Namespace, SettingsAdmin], int]
) -> argparse.ArgumentParser:
    def run_with_admin(arguments: argparse.Namespace, session: Session) -> int:
        return run(arguments, SettingsAdmin(_place(arguments, session)))

    return add_action(actions, name, text, in_session(run_with_admin))


def _add_at_once(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--at-once", action="store_true", help="for everybody at once, without a wait for alarms")


def _place(arguments: argparse.Namespace, session: Session) -> str:
    if arguments.aws or arguments.endpoint_url:
        return deployed_place(session.executions)
    if session.cloud is not None:
        prepare_settings(session.cloud)
    return PLACE


def show(arguments: argparse.Namespace, admin: SettingsAdmin) -> int:
    """Print what is in use."""
    version, deployments = admin.in_use(), admin.deployments()
    if arguments.json:
        print(render.as_json(_described(version) | {"deployments": [item.to_dict() for item in deployments]}))
        return 0
    if version is None:
        print("No settings at run time are in use: the deployed ones are.")
    else:
        print(f"version {version.number} ({version.label}) is in use")
        _print_values(version.values)
        rest = [name for name in NAMES if not version.values.get(name)]
        if rest:
            print(f"  as deployed: {', '.join(rest)}")
    for item in deployments[:5]:
        print(f"deployment {item.number}: version {item.version}, {_progress(item)}, {item.started}")
    return 0


def diff(arguments: argparse.Namespace, admin: SettingsAdmin) -> int:
    """Print what deploying a file would change. Returns 1 if anything would, as diff(1) does."""
    after, version = _read(arguments.file), admin.in_use()
    before = {} if version is None else version.values
    changed = [name for name in NAMES if before.get(name) != after.get(name)]
    if arguments.json:
        changes = {name: {"before": before.get(name), "after": after.get(name)} for name in changed}
        print(render.as_json({"version": None if version is None else version.number, "changed": changes}))
        return 1 if changed else 0
    for name in changed:
        for sign, values in (("-", before), ("+", after)):
            if name in values:
                print(render.plain(f"{sign} {name}: {_text(values[name])}"))
    if not changed:
        print(f"The settings in use are those of {arguments.file}.")
    return 1 if changed else 0


def set_some(arguments: argparse.Namespace, admin: SettingsAdmin) -> int:
    """Change some settings of those in use."""
    version = admin.in_use()
    values = {} if version is None else dict(version.values)
    for change in arguments.changes:
        values = _changed(values, change)
    read_values(json.dumps(values))
    return _deploy(arguments, admin, admin.store(values), version)


def deploy(arguments: argparse.Namespace, admin: SettingsAdmin) -> int:
    """Replace all settings."""
    if (arguments.file is None) == (arguments.version is None):
        raise InvalidRequest("Name a file of settings, or an earlier version with --version.")
    version = admin.store(_read(arguments.file)) if arguments.file else admin.version(arguments.version)
    return _deploy(arguments, admin, version, admin.in_use())


def roll_back(arguments: argparse.Namespace, admin: SettingsAdmin) -> int:
    """Undo the last deployment."""
    deployment = admin.roll_back()
    version = admin.in_use()
    if arguments.json:
        print(render.as_json(_described(version) | {"deployment": deployment.to_dict()}))
        return 0
    print(f"deployment {deployment.number}: {_progress(deployment)}")
    print("the deployed settings are in use" if version is None else f"version {version.number} is in use")
    return 0


def _deploy(arguments: argparse.Namespace, admin: SettingsAdmin, version: Version, before: Version | None) -> int:
    if before is not None and before.number == version.number:
        print(render.as_json(_described(version) | {"deployment": None}) if arguments.json else
              f"unchanged: version {version.number} is in use already")  # fmt: skip
        return 0
    deployment = admin.deploy(version.number, at_once=arguments.at_once)
    if arguments.json:
        print(render.as_json(_described(version) | {"deployment": deployment.to_dict()}))
        return 0
    print(f"version {version.number} ({version.label}): deployment {deployment.number}, {_progress(deployment)}")
    print("chats use it within a minute; undo it with: stepguard settings rollback")
    return 0


def _changed(values: Mapping[str, Any], change: str) -> dict[str, Any]:
    name, equals, text = change.partition("=")
    if not equals:
        raise InvalidRequest(f"'{change[:80]}' is no NAME=VALUE.")
    name, _, policy = name.strip().partition(".")
    text = read_text(Path(text[1:])) if text.startswith("@") else text
    if policy and name == BLOCKED:
        held = values.get(BLOCKED, {})
        policies = dict(held) if isinstance(held, Mapping) else {"default": held}
        return {**values, BLOCKED: _without_empty({**policies, policy: text})}
    value: Any = text
    if name in _OBJECTS and text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except ValueError:
            raise InvalidRequest(f"The value of {name} is not JSON.") from None
    return _without_empty({**values, f"{name}.{policy}" if policy else name: value})


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ("", {})}


def _read(file: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(read_text(file))  # JSON is YAML, too
    except yaml.YAMLError:
        raise ConfigurationError(f"{file} is neither YAML nor JSON.") from None
    try:
        return _without_empty(read_values(json.dumps({} if values is None else values)))
    except TypeError:
        raise ConfigurationError(
            f"{file} has a value that JSON does not have, e.g. a date: write it in quotes."
        ) from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{file}: {error}") from None


def _described(version: Version | None) -> dict[str, Any]:
    if version is None:
        return {"version": None, "label": None, "settings": {}}
    return {"version": version.number, "label": version.label, "settings": dict(version.values)}


def _print_values(values: Mapping[str, Any]) -> None:
    for name in NAMES:
        if name in values:
            print(render.plain(f"  {name}: {_text(values[name])}"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _progress(item: Deployment) -> str:
    return f"{item.state} ({item.percent:g} %)" if item.running else item.state
