"""Corpora on this machine and in S3: checked before a run starts, then copied to S3 for this run.

A file in our own words is copied unchanged; every other format becomes one file of JSON lines in our words, since
PrepareCorpus reads no others.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from stepguard.aws.corpora import read_corpus
from stepguard.aws.evaluations import Evaluations
from stepguard.aws.objects import Address, Objects, address_of
from stepguard.cli.evaluate.intake import DOCUMENTS, OTHERS, Intake, Options, inner_suffix, intake
from stepguard.cli.evaluate.stored import Copy
from stepguard.evaluation.corpus import BadRow, Entry, all_items, ignore_bad_row, text_of
from stepguard.evaluation.limits import Limits, Meter
from stepguard.evaluation.runs import LOCAL_BAD_ROWS
from stepguard.formats.encoding import check_encoding
from stepguard.formats.mapping import Mapped, mapped_of
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import Kind
from stepguard.guard.stages import LAYERS, Layer
from stepguard.project.files import read_yaml

CONVERTED_FILE = "corpus.jsonl"


@dataclass(frozen=True, slots=True)
class LocalCorpus:
    """A corpus on this machine, or a copy of one in S3, read once: the number of `items`, and the rows that cannot be
    read."""

    path: Path
    name: str
    intake: Intake
    mapped: Mapped
    items: int
    bad_rows: list[BadRow] = field(default_factory=list)
    unused_references: int = 0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a corpus is read."""
    kinds = ("document", "prompt", "response")
    parser.add_argument("--kind", choices=kinds, help="read every row as this, whatever the corpus says")
    parser.add_argument(
        "--layers", type=read_layers, metavar="LAYER,…", help="guard layers to use; without 'model' no model is called"
    )
    parser.add_argument("--encoding", metavar="NAME", help="of text files; default UTF-8, or by the file's mark")
    parser.add_argument("--map", metavar="MEMBER=COLUMN,…", help="columns by name, e.g. text=Question,expected=Verdict")
    parser.add_argument("--label", metavar="WORD=ACTION,…", help="labels, e.g. unsafe=intervened,safe=passed")
    parser.add_argument("--strict", action="store_true", help="refuse columns not understood, guesses and bad rows")


def read_layers(text: str) -> tuple[Layer, ...]:
    """The value of --layers. Raises ArgumentTypeError."""
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    if not names or (unknown := sorted(set(names) - set(LAYERS))):
        wrong = f"{unknown[0]} is no layer; " if names else ""
        raise argparse.ArgumentTypeError(f"{wrong}name one or more of {', '.join(LAYERS)}")
    return tuple(layer for layer in LAYERS if layer in names)


def find(corpus: str) -> Path | Address:
    """The place of a corpus. Raises InvalidRequest."""
    if corpus.startswith("s3://"):
        return address_of(corpus)
    path = Path(corpus).expanduser()
    if not path.exists():
        raise InvalidRequest(f"{path}: there is no such file or folder.")
    return path


def read_options(arguments: argparse.Namespace, place: Path | Address, copy: Copy | None = None) -> Options:
    """What the command's options, and the YAML file beside the corpus, say about it. Raises StepguardError."""
    encoding = getattr(arguments, "encoding", None)
    kind = Kind(arguments.kind) if arguments.kind else None
    mapped = mapped_of(getattr(arguments, "map", None), getattr(arguments, "label", None))
    if isinstance(place, Address):
        if (mapped or encoding) and copy is None:
            raise InvalidRequest(f"{place}: --map, --label and --encoding need a file that these credentials may read.")
        return Options(kind, check_encoding(encoding) if encoding else None, mapped)
    beside = beside_of(place)
    if place.is_file() and beside.is_file():
        mapped = mapped.over(_read_beside(beside))
    return Options(kind, check_encoding(encoding) if encoding else None, mapped)


def beside_of(corpus: Path) -> Path:
    """The YAML file that holds the mapping of a corpus."""
    return corpus.with_name(f"{corpus.name}.map.yaml")


def _read_beside(file: Path) -> Mapped:
    value = read_yaml(file)
    if not isinstance(value, dict) or not set(value) <= {"map", "label"}:
        raise InvalidRequest(f"{file}: must have 'map' and 'label' only, as --map and --label.")
    return mapped_of(value.get("map"), value.get("label"), str(file))


def save_beside(corpus: Path, mapped: Mapped) -> str:
    """Write the mapping beside the corpus, for the next run. Returns a line that says so."""
    file = beside_of(corpus)
    text = yaml.safe_dump(mapped.to_document(), sort_keys=False, allow_unicode=True)
    try:
        if file.exists() and file.read_text(encoding="utf-8") == text:
            return f"mapping: {file}"
        file.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        return f"mapping: {file} cannot be written ({type(error).__name__}); name the options again in the next run"
    return f"mapping saved in {file}, for the next run of this corpus"


def recognise(
    place: Path | Address, options: Options, limits: Limits, objects: Objects, copy: Copy | None = None
) -> Intake:
    """What a corpus is; `copy` is that of an object in S3. Raises StepguardError."""
    if copy is not None and not copy.folder:
        name, file = copy.files[0]
        return intake(file, name, options, limits)
    if copy is not None or (isinstance(place, Path) and place.is_dir()):
        if options.mapped:
            raise InvalidRequest(f"{place}: is a folder of documents: --map and --label are for tables.")
        files = copy.files if copy is not None else list(_files(Path(str(place))))
        return Intake("folder of documents", lambda meter: _documents(files, options, meter))
    if isinstance(place, Address):
        return Intake("rows of stepguard", lambda meter: read_corpus(objects, place, options.kind, meter), True)
    return intake(place, place.name, options, limits)


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """The files of a folder by name."""
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root).as_posix()
        if not file.is_dir() and not any(part.startswith(".") for part in Path(name).parts):
            yield name, file


def _documents(files: Sequence[tuple[str, Path]], options: Options, meter: Meter) -> Iterator[Entry]:
    """The documents of a folder; `meter` counts the bytes of all of them."""
    for name, file in files:
        suffix = inner_suffix(name)
        if suffix not in DOCUMENTS:
            more = f"; {hint}" if (hint := OTHERS.get(suffix)) else ""
            yield BadRow(name, 0, f"is none of {', '.join(DOCUMENTS)}, which a folder of documents holds{more}")
            continue
        try:
            found = intake(file, name, options, Limits())
        except (InvalidRequest, OSError) as error:
            reason = str(error) if isinstance(error, InvalidRequest) else f"cannot be read ({type(error).__name__})"
            yield BadRow(name, 1, reason.removeprefix(f"{name}: ").rstrip("."))
            continue
        yield from found.read(meter)


def upload(corpus: LocalCorpus, evaluations: Evaluations, run: str, limits: Limits) -> Address:
    """The run's copy in S3."""
    objects = evaluations.objects
    with tempfile.TemporaryDirectory() as folder:
        if corpus.intake.as_is:
            address, file = evaluations.object(run, f"corpus/{text_of(corpus.path.name)}"), corpus.path
        else:
            address, file = evaluations.object(run, f"corpus/{CONVERTED_FILE}"), Path(folder, CONVERTED_FILE)
            with file.open("w", encoding="utf-8") as target:
                meter = Meter(limits)
                for item in all_items(corpus.intake.read(meter), corpus.name, ignore_bad_row, meter):
                    target.write(json.dumps(item.to_row()) + "\n")
            if corpus.bad_rows:
                text = "".join(json.dumps(row.to_dict()) + "\n" for row in corpus.bad_rows)
                objects.put(evaluations.object(run, LOCAL_BAD_ROWS), text.encode())
        objects.upload(address, file)
    return address
