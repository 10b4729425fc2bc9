"""JUnit XML of a run, as Jenkins, GitLab and the readers on GitHub take it: a suite of limits, and one of items.

The schema is the one of Jenkins' xUnit plugin. The file has no text of the corpus. An item that was not as expected is
a failure, unless limits are set and all of them are kept: then it is skipped, since the limits permit it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from stepguard.report.gates import Checked
from stepguard.report.items import Checkable, checkable
from stepguard.report.text import printable


def write_junit(
    file: Path, about: Mapping[str, Any], checked: Sequence[Checked], results: Path, *, tolerate: bool
) -> None:
    """Write the file; with `tolerate`, items that were not as expected are skipped and not failures."""
    counts = Counter(_state(item, tolerate) for item in checkable(results))
    broken = sum(not limit.passed for limit in checked)
    corpus = str(about.get("corpus") or "corpus")
    with file.open("w", encoding="utf-8") as target:
        xml = _Xml(target)
        xml.start("testsuites", name="stepguard evaluate", tests=counts.total() + len(checked),
                  failures=counts["failure"] + broken, errors=counts["error"])  # fmt: skip
        xml.start("testsuite", name="limits", tests=len(checked), failures=broken, errors=0, skipped=0,
                  time=f"{about.get('seconds') or 0:.3f}")  # fmt: skip
        for limit in checked:
            xml.start("testcase", classname=f"{corpus}.limits", name=limit.name, time="0")
            if not limit.passed:
                xml.element("failure", limit.text, message=limit.text, type="limit")
            xml.end("testcase")
        xml.end("testsuite")
        xml.start("testsuite", name="items", tests=counts.total(), failures=counts["failure"],
                  errors=counts["error"], skipped=counts["skipped"], time="0")  # fmt: skip
        for item in checkable(results):
            classname = f"{corpus}.{item.group}" if item.group else corpus
            xml.start("testcase", classname=classname, name=item.id, time=f"{item.seconds:.3f}")
            state = _state(item, tolerate)
            if state == "skipped":
                xml.element("skipped", "", message=f"{item.problem}; the limits are kept")
            elif state:
                xml.element(state, f"{item.problem}\n{item.details}", message=item.problem, type=item.kind)
            xml.end("testcase")
        xml.end("testsuite")
        xml.end("testsuites")
        xml.finish()


def _state(item: Checkable, tolerate: bool) -> str:
    if not item.problem:
        return ""
    if item.kind == "failed":
        return "error"
    return "skipped" if tolerate else "failure"


class _Xml:
    """Writes elements; characters that XML 1.0 does not permit are replaced."""

    def __init__(self, target: Any) -> None:
        self._out = XMLGenerator(target, encoding="utf-8", short_empty_elements=True)
        self._out.startDocument()

    def start(self, tag: str, **attributes: object) -> None:
        self._out.startElement(tag, AttributesImpl({name: printable(str(value)) for name, value in attributes.items()}))

    def end(self, tag: str) -> None:
        self._out.endElement(tag)
        self._out.characters("\n")

    def element(self, tag: str, text: str, **attributes: object) -> None:
        self.start(tag, **attributes)
        self._out.characters(printable(text))
        self.end(tag)

    def finish(self) -> None:
        self._out.endDocument()
