"""`stepguard knowledge add|status|search|release|remove`: the documents that answers are grounded in."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepguard.admin.knowledge_base import KNOWLEDGE_BASE_ID, Job, KnowledgeBase, named
from stepguard.admin.knowledge_documents import Library, Local, Stored, own_attributes, read_folder
from stepguard.cli import render
from stepguard.cli.commands import COMMANDS, Commands, add_action, in_session, whole_number
from stepguard.cli.evaluate import cost
from stepguard.cli.knowledge.screening import BLOCKED, FAILED, Screened, label_of, screen
from stepguard.guard.errors import ConfigurationError, InvalidRequest
from stepguard.guard.knowledge import SCREENING, Access, KnowledgeSettings, filter_of
from stepguard.session.knowledge import NAME
from stepguard.session.model import Session

EXCERPT = 200
WAIT_SECONDS = 0.2
_Run = Callable[[argparse.Namespace, Session], int]


def add_parser(commands: Commands) -> None:
    """Add `stepguard knowledge` and its actions."""
    group = commands.add_parser("knowledge", help=COMMANDS["knowledge"][1])
    actions = group.add_subparsers(required=True, metavar="ACTION")
    parser = _add(actions, "add", "screen the documents of a folder and add those that pass", add)
    parser.add_argument("folder", type=Path, help=f"a folder; NAME.metadata.json beside NAME may say {_EXAMPLE}")
    parser.add_argument("--concurrency", type=whole_number(10**9), metavar="N", help="documents at a time")
    cost.add_options(parser)
    _add(actions, "status", "list the documents, those left out, and the last ingestion", status)
    parser = _add(actions, "search", "print the best passages for a text", search)
    parser.add_argument("text", help="a question")
    parser.add_argument("--number", type=whole_number(100), metavar="N", help="passages at most; default 5")
    parser.add_argument("--as-groups", metavar="A,B", help="only what members of these groups may read")
    parser = _add(actions, "release", "add flagged documents in spite of the guards' verdict", release)
    parser.add_argument("names", nargs="+", metavar="NAME", help="a name as `status` lists it")
    parser = _add(actions, "remove", "remove documents", remove)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a name as `status` lists it")
    parser.add_argument("--all", action="store_true", help="remove every document, also the flagged ones")


_EXAMPLE = '{"metadataAttributes": {"groups": ["staff"]}}'


def _add(actions: Commands, name: str, text: str, run: _Run) -> argparse.ArgumentParser:
    parser = add_action(actions, name, text, in_session(run, recover=name == "add"))
    parser.add_argument("--knowledge-base", metavar="ID", help=f"with --aws; default {KNOWLEDGE_BASE_ID}")
    return parser


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a folder's documents."""

    added: Sequence[Screened]
    unchanged: Sequence[Local]
    flagged: Sequence[Screened]
    failed: Sequence[tuple[str, str]]
    job: Job

    def to_dict(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "added": [{"name": one.document.name, "screening": one.verdict} for one in self.added],
            "unchanged": [document.name for document in self.unchanged],
            "flagged": [{"name": one.document.name, "reason": one.reason} for one in self.flagged],
            "failed": [{"name": name, "reason": reason} for name, reason in self.failed],
            "ingestion": _job_document(self.job),
        }

    def lines(self) -> Iterator[str]:
        """The lines that the command prints."""
        for one in self.flagged:
            yield render.plain(f"left out: {one.document.name}: {one.reason}")
        for name, reason in self.failed:
            yield render.plain(f"failed: {name}: {reason}")
        counts = ((self.added, "added"), (self.unchanged, "unchanged"), (self.flagged, "left out"),
                  (self.failed, "failed"))  # fmt: skip
        yield ", ".join(f"{len(some)} {word}" for some, word in counts)
        yield render.plain(f"ingestion: {_describe_job(self.job)}")


def add(arguments: argparse.Namespace, session: Session) -> int:
    """Screen and add a folder's documents. Returns 1 if any could not be read, screened or ingested."""
    done = add_folder(arguments, session)
    if arguments.json:
        print(render.as_json(done.to_dict()))
    else:
        print("\n".join(done.lines()))
        if done.flagged:
            print("To add a document that was left out by mistake: stepguard knowledge release NAME")
    return 1 if done.failed or not _succeeded(done.job) else 0


def add_folder(arguments: argparse.Namespace, session: Session) -> Added:
    """Screen and add the documents of `arguments.folder`. Raises StepguardError."""
    if not arguments.folder.is_dir():
        raise InvalidRequest(f"{arguments.folder}: there is no such folder.")
    library = _library(arguments, session)
    documents, refused = read_folder(arguments.folder)
    if not documents and not refused:
        raise InvalidRequest(f"{arguments.folder}: holds no documents.")
    guardrails = label_of(session.layers)
    kept_out = library.flagged()
    stored = library.documents() | kept_out
    new = [document for document in documents if not _is_screened(stored, document, guardrails)]
    _say(arguments, f"screening {len(new)} of {len(documents)} documents with {guardrails}")
    screened = screen(new, session, arguments) if new else []
    failed = [*refused, *((one.document.name, one.reason) for one in screened if one.verdict == FAILED)]
    flagged = [one for one in screened if one.verdict == BLOCKED]
    added = [one for one in screened if one.verdict not in (BLOCKED, FAILED)]
    for one in flagged:
        library.flag(one.document, one.verdict, guardrails)
    for one in added:
        library.put(one.document, one.verdict, guardrails)
    unchanged = [document for document in documents if _is_screened(stored, document, guardrails)]
    for document in unchanged:
        if own_attributes(stored[document.name].attributes) != dict(document.attributes):
            write = library.flag if document.name in kept_out else library.put
            write(document, str(stored[document.name].attributes[SCREENING]), guardrails)
    return Added(added, unchanged, flagged, failed, _changed(library, session))


def _is_screened(stored: dict[str, Stored], document: Local, guardrails: str) -> bool:
    return document.name in stored and stored[document.name].matches(document, guardrails)


def status(arguments: argparse.Namespace, session: Session) -> int:
    """Print the documents and the last ingestion."""
    library = _library(arguments, session)
    documents, flagged, job = library.documents(), library.flagged(), library.source.last()
    indexed = {library.name_of(uri): state for uri, state in library.source.indexed()}
    rows: list[dict[str, Any]] = [
        {"name": name, "groups": one.groups, "screening": one.attributes.get(SCREENING),
         "status": indexed.get(name, "PENDING")}
        for name, one in documents.items()
    ]  # fmt: skip
    if arguments.json:
        print(render.as_json({
            "knowledge_base": library.source.base, "documents": rows, "flagged": list(flagged),
            "ingestion": _job_document(job),
        }))  # fmt: skip
        return 0
    print(f"knowledge base {library.source.base}: {len(rows)} documents, {len(flagged)} flagged")
    for row in rows:
        print(render.plain(f"  {row['name']}  {row['status']}  {row['screening']}  for {', '.join(row['groups'])}"))
    for name in flagged:
        print(render.plain(f"  {name}  left out: the guards refused it"))
    if job:
        print(render.plain(f"last ingestion: {_describe_job(job)}"))
    return 0


def search(arguments: argparse.Namespace, session: Session) -> int:
    """Print the best passages for a text, of all documents or of those that some groups may read."""
    if not arguments.text.strip():
        raise InvalidRequest("The text to search for is empty.")
    condition = None
    if arguments.as_groups is not None:
        groups = [group.strip() for group in arguments.as_groups.split(",") if group.strip()]
        condition = filter_of(KnowledgeSettings(access=Access.GROUPS), groups, None)
    found = _base(arguments, session).search(arguments.text, arguments.number, condition)
    if arguments.json:
        print(render.as_json({"results": [one.to_dict() for one in found]}))
        return 0
    for one in found:
        excerpt = " ".join(one.text.split())
        more = "…" if len(excerpt) > EXCERPT else ""
        print(render.plain(f"{one.score:.3f}  {one.uri}\n       {excerpt[:EXCERPT]}{more}"))
    if not found:
        print("Nothing was found.", file=sys.stderr)
    return 0


def release(arguments: argparse.Namespace, session: Session) -> int:
    """Add flagged documents."""
    library = _library(arguments, session)
    for name in arguments.names:
        library.release(name)
    return _end(arguments, _changed(library, session), "released", arguments.names)


def remove(arguments: argparse.Namespace, session: Session) -> int:
    """Remove documents."""
    library = _library(arguments, session)
    if bool(arguments.names) == arguments.all:
        raise InvalidRequest("Name the documents to remove, or say --all.")
    names = list(library.documents() | library.flagged()) if arguments.all else arguments.names
    for name in names:
        library.remove(name)
    return _end(arguments, _changed(library, session), "removed", names)


def _changed(library: Library, session: Session) -> Job:
    """Ingest what changed, and let the chats know."""
    job = _ingest(library)
    session.knowledge_changed()
    return job


def _end(arguments: argparse.Namespace, job: Job, word: str, names: list[str]) -> int:
    if arguments.json:
        print(render.as_json({word: names, "ingestion": _job_document(job)}))
    else:
        print(render.plain(f"{word}: {', '.join(names) or 'nothing'}\ningestion: {_describe_job(job)}"))
    return 0 if _succeeded(job) else 1


def _base(arguments: argparse.Namespace, session: Session) -> KnowledgeBase:
    on_aws = arguments.aws or arguments.endpoint_url
    if not on_aws:
        if arguments.knowledge_base:
            raise InvalidRequest("--knowledge-base needs --aws: the embedded AWS has one knowledge base.")
        return named(NAME)
    identifier = arguments.knowledge_base or os.environ.get(KNOWLEDGE_BASE_ID, "")
    if not identifier:
        raise ConfigurationError(f"Name the knowledge base: --knowledge-base ID, or set {KNOWLEDGE_BASE_ID}.")
    return KnowledgeBase(identifier)


def _library(arguments: argparse.Namespace, session: Session) -> Library:
    return Library(_base(arguments, session).source, session.evaluations.objects)


def _ingest(library: Library) -> Job:
    """Start an ingestion job, after one that runs, and wait for its end."""
    running = library.source.last()
    if running:
        _wait(library, running)
    return _wait(library, library.source.start())


def _wait(library: Library, job: Job) -> Job:
    while not job.ended:
        time.sleep(WAIT_SECONDS)
        job = library.source.job(job.id)
    return job


def _succeeded(job: Job) -> bool:
    return job.status == "COMPLETE" and not job.statistics.get("numberOfDocumentsFailed")


def _job_document(job: Job | None) -> dict[str, Any] | None:
    if job is None:
        return None
    return {"id": job.id, "status": job.status, "statistics": dict(job.statistics), "failures": list(job.failures)}


_COUNTED = {
    "numberOfNewDocumentsIndexed": "new", "numberOfModifiedDocumentsIndexed": "modified",
    "numberOfMetadataDocumentsModified": "with new metadata", "numberOfDocumentsDeleted": "deleted",
    "numberOfDocumentsFailed": "failed",
}  # fmt: skip


def _describe_job(job: Job) -> str:
    counted = [f"{job.statistics[name]} {word}" for name, word in _COUNTED.items() if job.statistics.get(name)]
    lines = [f"{job.status}: {', '.join(counted) or 'nothing changed'}", *(f"  {reason}" for reason in job.failures)]
    return "\n".join(lines)


def _say(arguments: argparse.Namespace, line: str) -> None:
    if not arguments.json:
        print(render.plain(line), file=sys.stderr)
