"""promptfoo on the same rows against the same guardrail, for `python -m bench.evaluate --promptfoo`.

promptfoo (MIT) is installed by npm into the build folder, without its packages' install scripts, and runs with its
telemetry, update check and remote generation off. Its HTTP provider calls the embedded AWS's ApplyGuardrail, once a
row, as stepguard does for a row whose only layer is the input layer.
https://www.promptfoo.dev/docs/providers/http/ and https://www.promptfoo.dev/docs/usage/command-line/
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from stepguard.guard.settings import GuardrailRef

VERSION = "0.121.20"
FOLDER = Path(__file__).parents[1] / "build" / "promptfoo"
INSTALL_SECONDS = 360
RUN_SECONDS = 600
_QUIET = ("PROMPTFOO_DISABLE_TELEMETRY", "PROMPTFOO_DISABLE_UPDATE", "PROMPTFOO_DISABLE_REMOTE_GENERATION")


class NotMeasuredError(Exception):
    """promptfoo cannot be installed or does not run here; the message contains the reason."""


def install() -> Path:
    """promptfoo's command; this installs it if it is missing (1.9 GB). Raises NotMeasuredError."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotMeasuredError("npm is not installed")
    command = FOLDER / "node_modules" / ".bin" / "promptfoo"
    about = FOLDER / "node_modules" / "promptfoo" / "package.json"
    if command.exists() and about.is_file() and json.loads(about.read_text())["version"] == VERSION:
        return command
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "package.json").write_text('{"private": true}\n')
    arguments = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", f"promptfoo@{VERSION}"]
    try:
        subprocess.run(["nice", npm, *arguments], cwd=FOLDER, check=True, capture_output=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise NotMeasuredError(f"npm did not install it within {INSTALL_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        raise NotMeasuredError(f"npm could not install it: {error.stderr.decode(errors='replace')[-300:]}") from None
    return command


def configuration(url: str, ref: GuardrailRef, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """promptfoo's configuration: the rows as tests, each with its scores and an assertion on the guardrail's action."""
    actions = {"passed": "NONE", "blocked": "GUARDRAIL_INTERVENED"}
    content = [{"text": {"text": "{{prompt}}"}}]
    provider = {
        "id": f"{url}/guardrail/{ref.id}/version/{ref.version}/apply",
        "config": {
            "method": "POST",
            "headers": {"Content-Type": "application/json", "Authorization": "Bearer stepguard"},
            "body": {"source": "INPUT", "outputScope": "FULL", "content": content},
            "transformResponse": "json.action",
        },
    }
    tests = [
        {"vars": {"text": row["text"]}, "assert": [{"type": "equals", "value": actions[row["expected"]]}]}
        for row in rows
    ]
    return {"prompts": ["{{text}}"], "providers": [provider], "tests": tests}


def run(command: Path, url: str, ref: GuardrailRef, rows: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    """One evaluation, four calls at a time: its seconds as promptfoo counts them and as the clock does (with Node's
    start), its process's peak memory in MB, and how many rows were intervened. Raises NotMeasuredError."""
    folder.mkdir()
    given, output = folder / "config.json", folder / "output.json"
    given.write_text(json.dumps(configuration(url, ref, rows)))
    switches = ["--no-cache", "--no-table", "--no-write", "--no-share", "--no-progress-bar", "-j", "4"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= dict.fromkeys(_QUIET, "1") | {"PROMPTFOO_CONFIG_DIR": str(folder / "home")}
    started = time.perf_counter()
    with (folder / "log").open("wb") as log:
        arguments = ["timeout", str(RUN_SECONDS), str(command), "eval", "-c", str(given), "-o", str(output), *switches]
        child = subprocess.Popen(arguments, stdout=log, stderr=log, env=environment, cwd=folder)
        _, _, usage = os.wait4(child.pid, 0)
        child.returncode = 0  # reaped here; failed assertions, too, make it exit with another code
    wall = time.perf_counter() - started
    try:
        results = json.loads(output.read_text())["results"]
    except (OSError, ValueError):
        raise NotMeasuredError(f"it left no results: {(folder / 'log').read_text(errors='replace')[-300:]}") from None
    answers = [(result.get("response") or {}).get("output") for result in results["results"]]
    if len(answers) != len(rows) or results["stats"]["errors"] or set(answers) - {"NONE", "GUARDRAIL_INTERVENED"}:
        raise NotMeasuredError(f"it did not answer every row: {results['stats']}")
    return {
        "seconds": results["stats"]["durationMs"] / 1000,
        "wall_seconds": wall,
        "peak_memory_mb": usage.ru_maxrss * 1024 / 1e6,
        "intervened": answers.count("GUARDRAIL_INTERVENED"),
    }
