"""Screening of harmless documents: how many the guard layers block, and by which policy.

    python -m bench.documents [--json] [--list] [--sample N] [--data ../shared/data] [--folder FOLDER]

Each document passes the input layer and the answer layer of the project's guardrails, as a row of kind `document` does
in an evaluation. All parts of a document go through both layers, also after a block, so that each policy is counted. No
document is an attack or hateful, so each block is a false alarm. Masked names and numbers are not: letters contain
them.

The documents: papers of COVID-QA (from the data folder, which is not part of the project), READMEs and licences of the
Python packages installed here, letters, forms and notices written for this bench (`data/documents.txt`, never trained
on), and each file of `--folder` that an evaluation can read.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from stepguard.aws.guardrails import Guardrails
from stepguard.guard.bedrock_names import BLOCKED
from stepguard.guard.stages import Direction, Layer, Outcome
from stepguard.guard.texts.chunking import cut
from stepguard.session.embedded import embedded
from stepguard.session.model import Session

OWN = Path(__file__).parent / "data" / "documents.txt"
DATA = Path(os.environ.get("STEPGUARD_DATA", Path(__file__).parents[2] / "shared" / "data"))
LAYERS = ((Layer.PREPROCESS, Direction.INPUT), (Layer.POSTPROCESS, Direction.OUTPUT))
SHORTEST = 400
"""Characters of a README that is worth screening."""
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Document:
    """A harmless text, its kind and its name."""

    kind: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Screened:
    """The verdict on a document: its worst outcome, and the policies that blocked, as `layer policy/name`."""

    kind: str
    name: str
    characters: int
    outcome: str
    blocked_by: tuple[str, ...]


def own_documents() -> Iterator[Document]:
    """The letters, forms and notices of `data/documents.txt`."""
    for section in OWN.read_text(encoding="utf-8").split("=== ")[1:]:
        title, _, text = section.partition("\n")
        kind, _, name = title.partition(": ")
        yield Document(f"own {kind}s", name, text.strip())


def papers(data: Path) -> Iterator[Document]:
    """COVID-QA's papers, whole."""
    corpus = json.loads((data / "covidqa" / "200423_covidQA.json").read_text(encoding="utf-8"))["data"]
    for entry in corpus:
        for paper in entry["paragraphs"]:
            yield Document("COVID-QA papers", str(paper["document_id"]), paper["context"])


def package_texts() -> Iterator[Document]:
    """READMEs and licences of the installed packages, each text once."""
    seen: set[str] = set()
    for distribution in sorted(importlib.metadata.distributions(), key=lambda found: found.name.lower()):
        readme = distribution.metadata.json.get("description", "")
        found = [("package READMEs", str(readme))]
        for file in distribution.files or ():
            if file.name.upper().startswith(("LICENSE", "LICENCE", "COPYING")) and file.suffix in ("", ".txt", ".md"):
                found.append(("package licences", file.read_text(encoding="utf-8")))
        for kind, text in found:
            if len(text) >= SHORTEST and text not in seen:
                seen.add(text)
                yield Document(kind, distribution.name, text)


def folder_documents(folder: Path) -> Iterator[Document]:
    """Each file of a folder that contains text."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            yield Document(folder.name, str(path.relative_to(folder)), path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            print(f"{path}: not a text file in UTF-8; not screened", file=sys.stderr)


def screen(session: Session, document: Document) -> Screened:
    """Both layers on each part of a document."""
    guardrails = Guardrails()
    outcomes, blocked_by = {Outcome.SKIPPED}, set()
    for part in cut(document.text):
        for layer, direction in LAYERS:
            source = direction is Direction.INPUT
            verdict = guardrails.check(session.layers[layer], part.text, layer, direction, source=source)
            outcomes.add(verdict.outcome)
            blocked_by |= {f"{layer} {f.policy}/{f.name}" for f in verdict.findings if f.action == BLOCKED}
    worst = max(outcomes, key=list(Outcome).index)
    return Screened(document.kind, document.name, len(document.text), str(worst), tuple(sorted(blocked_by)))


def summary(screened: list[Screened]) -> dict[str, dict[str, object]]:
    """By kind of document: number, length, how many were blocked, masked and passed, by which policies of any layer."""
    figures: dict[str, dict[str, object]] = {}
    for kind in dict.fromkeys(one.kind for one in screened):
        mine = [one for one in screened if one.kind == kind]
        outcomes = Counter(one.outcome for one in mine)
        policies = Counter(policy for one in mine for policy in {each.partition(" ")[2] for each in one.blocked_by})
        figures[kind] = {
            "documents": len(mine),
            "characters": sum(one.characters for one in mine) // len(mine),
            **{name: outcomes[name] for name in ("blocked", "masked", "passed")},
            "blocked_by": dict(policies.most_common()),
        }
    return figures


def print_table(figures: dict[str, dict[str, object]]) -> None:
    """The table of docs/measurements/documents.md."""
    print("| documents | number | characters, mean | blocked | masked | passed | blocked by |")
    print("|---|--:|--:|--:|--:|--:|---|")
    for kind, row in figures.items():
        policies = row["blocked_by"]
        assert isinstance(policies, dict)
        names = ", ".join(f"{name} {count}" for name, count in policies.items()) or "–"
        numbers = " | ".join(f"{row[name]:,}" for name in ("documents", "characters", "blocked", "masked", "passed"))
        print(f"| {kind} | {numbers} | {names} |")


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print each document's verdict as JSON")
    parser.add_argument("--list", action="store_true", help="list the blocked documents, too")
    parser.add_argument("--sample", type=int, help="at most so many documents of each kind")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--folder", type=Path, action="append", default=[], help="also these files")
    arguments = parser.parse_args()
    documents = [*own_documents(), *package_texts()]
    if (arguments.data / "covidqa").is_dir():
        documents += papers(arguments.data)
    else:
        print(f"{arguments.data}: no covidqa there, so its papers are left out.", file=sys.stderr)
    documents += [document for folder in arguments.folder for document in folder_documents(folder)]
    if arguments.sample:
        random.Random(0).shuffle(documents)
        kinds = sorted({document.kind for document in documents})
        documents = [one for kind in kinds for one in [d for d in documents if d.kind == kind][: arguments.sample]]
    with (
        tempfile.TemporaryDirectory() as home,
        embedded(Path(home)) as session,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        screened = list(pool.map(lambda document: screen(session, document), documents))
    if arguments.json:
        print(json.dumps([asdict(one) for one in screened]))
        return 0
    print_table(summary(screened))
    if arguments.list:
        for one in screened:
            if one.blocked_by:
                print(f"{one.kind}: {one.name}: {', '.join(one.blocked_by)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
