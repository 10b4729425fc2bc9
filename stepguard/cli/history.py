"""`stepguard history`: explain an answer; without an execution, list executions."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stepguard.aws.executions import Executions
from stepguard.aws.listing import Listing
from stepguard.aws.traces import document_of
from stepguard.cli import render
from stepguard.cli.commands import Commands, add_command, add_redact, in_session, whole_number
from stepguard.cli.history_items import Item, find_item, lines_of
from stepguard.cli.otlp import export
from stepguard.evaluation.items import POLICIES
from stepguard.guard.cursors import read_cursor, write_cursor
from stepguard.guard.errors import InvalidRequest, UnknownExecution
from stepguard.guard.stages import JUDGING
from stepguard.session.chat import find
from stepguard.session.model import Session
from stepguard.trace import read_export, read_history, to_document
from stepguard.trace.compare import compare
from stepguard.trace.events import read_documents
from stepguard.trace.graph import graph
from stepguard.trace.listing import OUTCOMES, read_filters
from stepguard.trace.redact import redact
from stepguard.trace.result import is_result, read_result

SECONDS = 1.0
"""The time between two requests of `--watch` and `--follow`."""


def add_parser(commands: Commands) -> None:
    """Add `stepguard history`."""
    parser = add_command(commands, "history", _run)
    parser.add_argument(
        "execution",
        nargs="?",
        help="an execution's ARN or name, or an evaluation's item; without it the newest are listed",
    )
    parser.add_argument(
        "--run", dest="of_run", metavar="RUN", help="an evaluation's run, or its folder, that has the item"
    )
    parser.add_argument("--file", type=Path, metavar="FILE", help="an exported history, log lines, or results.jsonl")
    parser.add_argument("--diff", nargs=2, metavar=("A", "B"), help="compare two executions")
    one = parser.add_argument_group("one execution")
    one.add_argument("--events", action="store_true", help="the raw events")
    one.add_argument("--html", type=Path, metavar="FILE", help="write it as a page that needs no server")
    one.add_argument(
        "--otlp",
        metavar="URL|FILE",
        help="send it without texts as OpenTelemetry spans to a collector (OTLP over HTTP), or write them to a file",
    )
    one.add_argument("--with-text", action="store_true", help="with --otlp: also inputs and outputs")
    one.add_argument("--follow", action="store_true", help="print each state when it ends, until the execution ends")
    add_redact(parser)
    several = parser.add_argument_group("the list")
    several.add_argument("--outcome", choices=OUTCOMES)
    several.add_argument(
        "--stage",
        metavar="STATE",
        help=f"where a layer intervened: {', '.join(stage.state for stage in JUDGING)}",
    )
    several.add_argument(
        "--policy",
        help=f"that acted: {', '.join(POLICIES)}; or a filter, INSULTS, content/INSULTS, topic/NAME; findings of "
        "automated reasoning, e.g. invalid, also if they only report",
    )
    several.add_argument("--text", help="contained in the question, name or error")
    several.add_argument("--since", metavar="TIME", help="30m, 12h, 7d ago, or a time such as 2026-11-22T10:00")
    several.add_argument("--until", metavar="TIME", help="the same: started at or before")
    several.add_argument("--cursor", metavar="CURSOR", help="the next page, as the page before prints it")
    several.add_argument("--limit", type=whole_number(10_000), default=20, metavar="N", help="list at most; default 20")
    several.add_argument(
        "--search", type=whole_number(10_000), default=200, metavar="N", help="newest to search; default 200"
    )
    several.add_argument("--watch", action="store_true", help="continue listing new executions until Ctrl-C")


def _run(arguments: argparse.Namespace) -> int:
    """A file needs no session."""
    _check_export(arguments)
    return show_file(arguments) if arguments.file is not None else in_session(run, other_machines=True)(arguments)


def _check_export(arguments: argparse.Namespace) -> None:
    """Raise InvalidRequest for an option that needs --otlp, or that --otlp would ignore."""
    if arguments.otlp is None:
        if arguments.with_text:
            raise InvalidRequest("--with-text needs --otlp.")
        return
    for option in ("diff", "events", "html"):
        if getattr(arguments, option):
            raise InvalidRequest(f"--otlp sends spans and prints no history: leave --{option} out.")


def run(arguments: argparse.Namespace, session: Session) -> int:
    """List executions, print one, or compare two. Returns the exit code."""
    executions = _of_machine(session.executions, arguments.state_machine)
    if arguments.diff:
        return _compare(arguments, executions)
    if arguments.execution is None:
        if arguments.otlp is not None:
            raise InvalidRequest("--otlp needs an execution.")
        if arguments.of_run is not None:
            raise InvalidRequest("--run needs the id or the execution of an item.")
        return _list(arguments, executions)
    if arguments.of_run is not None:
        return _show_item(arguments, _item_of(arguments, session))
    try:
        arn = _find(executions, arguments.execution)
    except UnknownExecution as error:
        if (item := find_item(arguments.execution, None, session, arguments.home)) is None:
            raise UnknownExecution(f"{error} No item of the newest evaluations has this id or execution.") from None
        return _show_item(arguments, item)
    if arguments.follow:
        return _follow(arguments, executions, arn)
    if arguments.events:
        return _events(arguments, list(executions.history(arn)))
    document = document_of(executions, arn)
    if arguments.html is not None:
        document["definition"] = executions.definition(arn)
        document["graph"] = graph(document["definition"])
    return _show(arguments, document)


def _item_of(arguments: argparse.Namespace, session: Session) -> Item:
    item = find_item(arguments.execution, arguments.of_run, session, arguments.home)
    if item is None:
        raise UnknownExecution(f"The run {arguments.of_run} has no item {arguments.execution}.")
    return item


def _show_item(arguments: argparse.Namespace, item: Item) -> int:
    if arguments.events or arguments.follow:
        raise InvalidRequest("An item of an evaluation has no events: its execution is EXPRESS. Leave the option out.")
    document = item.to_document()
    document["graph"] = graph({})
    return _show(arguments, document)


def show_file(arguments: argparse.Namespace) -> int:
    """Print the history in a file.

    An export of GetExecutionHistory, log lines of an EXPRESS execution, or results.jsonl of an evaluation, with the
    item that the argument names.
    """
    try:
        return _show_text(arguments, _text(arguments.file))
    except InvalidRequest as error:
        message = str(error)
        raise InvalidRequest(
            message if message.startswith(str(arguments.file)) else f"{arguments.file}: {message}"
        ) from None


def _show_text(arguments: argparse.Namespace, text: str) -> int:
    results = [line for line in read_documents(text) if is_result(line)]
    if results:
        line = _item(results, arguments.execution)
        document = to_document(read_result(line), str(line.get("execution") or line.get("id")))
    else:
        raw = read_export(text)
        if arguments.events:
            return _events(arguments, raw)
        named = next((item["execution_arn"] for item in raw if isinstance(item.get("execution_arn"), str)), None)
        document = to_document(read_history(raw), named or arguments.file.name)
    document["graph"] = graph({})
    return _show(arguments, document)


def _item(results: list[Mapping[str, Any]], name: str | None) -> Mapping[str, Any]:
    found = [line for line in results if name is None or name in (line.get("id"), str(line.get("number")))]
    if len(found) != 1:
        wanted = f"{len(found)} items are called {name}" if name else f"the file holds {len(found)} items"
        raise InvalidRequest(f"{wanted[0].upper()}{wanted[1:]}; name one by its id or number.")
    return found[0]


def _show(arguments: argparse.Namespace, document: dict[str, Any]) -> int:
    if arguments.redact:
        document = redact(document)
    if arguments.otlp is not None:
        print(export(document, arguments.otlp, texts=arguments.with_text))
        return 0
    if arguments.html is not None:
        from stepguard.webserver.site import single_file

        _write(arguments.html, single_file([document]))
        print(f"{arguments.html}: {document['reason']}")
        return 0
    if arguments.json:
        if answer := document.get("answer"):  # as `chat --json` prints it, with its citations or none
            document = {**document, "answer": {**answer, "citations": answer.get("citations", [])}}
        print(render.as_json(document))
        return 0
    for line in lines_of(document) if "item" in document else ():
        print(render.plain(line))
    for line in render.execution(document):
        print(line)
    return 0


def _events(arguments: argparse.Namespace, events: list[Mapping[str, Any]]) -> int:
    if arguments.redact:
        raise InvalidRequest("--events shows the raw history, which cannot be redacted; leave one of the two out.")
    if arguments.json:
        print(render.as_json({"events": events}))
        return 0
    for event in events:
        print(render.event(event))
    return 0


def _compare(arguments: argparse.Namespace, executions: Executions) -> int:
    first, second = (document_of(executions, _find(executions, name)) for name in arguments.diff)
    if arguments.redact:
        first, second = redact(first), redact(second)
    both = compare(first, second)
    if arguments.json:
        print(render.as_json(both))
    else:
        for line in render.comparison(both):
            print(line)
    return 0


def _follow(arguments: argparse.Namespace, executions: Executions, arn: str) -> int:
    """Print each state when it ends, until the execution has ended; then the whole trace."""
    printed = 0
    while True:
        document = document_of(executions, arn)
        if document["status"] != "RUNNING":
            return _show(arguments, document)
        if not arguments.json:
            left = [visit for visit in document["visits"] if visit["status"] != "running"]
            for visit in left[printed:]:
                print(render.visit_line(visit, 20), flush=True)
            printed = len(left)
        time.sleep(SECONDS)


def _list(arguments: argparse.Namespace, executions: Executions) -> int:
    given = {name: getattr(arguments, name) for name in ("outcome", "stage", "policy", "since", "until", "text")}
    if arguments.watch and (arguments.until or arguments.cursor):
        raise InvalidRequest("--watch lists new executions: leave out --until and --cursor.")
    filters = read_filters(given, datetime.now(UTC), "--{}")
    scope = [executions.state_machine_arn, given]
    after = read_cursor(arguments.cursor, scope)
    listing = Listing(executions)
    before: list[str] = []
    while True:
        seen: list[Mapping[str, Any]] = []

        def wanted(summary: Mapping[str, Any], seen: list[Mapping[str, Any]] = seen) -> bool:
            seen.append(summary)
            return filters.match(summary)

        page = listing.search(
            wanted,
            limit=arguments.limit,
            most=arguments.search,
            since=filters.since,
            until=filters.until,
            after=after,
        )
        if after is None and not arguments.watch:
            filters.check_found(seen, "--{}")
        found = [{**summary, "question": None} if arguments.redact else summary for summary in page.found]
        cursor = None if page.last is None else write_cursor(page.last, scope)
        if arguments.json and not arguments.watch:
            print(render.as_json({"executions": found, "searched": page.searched, "cursor": cursor}))
            return 0
        lines = render.listing(found)
        for line in lines if not before else [line for line in lines if line not in before]:
            print(line, flush=True)
        before = lines
        if not arguments.watch:
            kind = "newest" if after is None and filters.until is None else "next"
            print(f"{len(found)} of the {page.searched} {kind} executions searched.")
            if cursor is not None:
                print(f"More, with the same options: --cursor {cursor}")
            return 0
        time.sleep(SECONDS)


def _of_machine(executions: Executions, choice: str | None) -> Executions:
    """The executions of another state machine, given by its ARN, or by its name in this account and region."""
    if choice is None:
        return executions
    if choice.startswith("arn:"):
        return Executions(choice)
    return Executions(f"{executions.machine_arn.rpartition(':')[0]}:{choice}")


def _find(executions: Executions, name: str) -> str:
    own = executions.machine_arn.rpartition(":")[2]
    parts = name.split(":")
    if len(parts) == 8 and parts[5] == "execution" and parts[6].partition("/")[0] != own:
        raise UnknownExecution(
            f"This is an execution of another state machine; add --state-machine {parts[6].partition('/')[0]}."
        )
    return find(executions, name)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{path}: {error.strerror or 'cannot be read'}.") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"{path}: is not UTF-8 text.") from None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{path}: {error.strerror or 'cannot be written'}.") from None
