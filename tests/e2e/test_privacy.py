"""What people write is in the execution history by design, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.product import Server, run
from tests.e2e.test_chat_api import JSON, UNKNOWN_GUARDRAIL

CANARY = "Quokkaphyte"
MAIL = "zebulon.canary@example.com"
CARD = "4111 1111 1111 1111"


def _everything_written(server: Server) -> dict[Path, bytes]:
    """Every file of the state folder except the databases, and what the server printed."""
    files = [file for file in server.home.rglob("*") if file.is_file() and ".sqlite3" not in file.name]
    return {file: file.read_bytes() for file in [*files, server.output]}


def test_text_of_a_question_is_in_no_log(server: Server) -> None:
    """Answered, masked, blocked, failed, refused and malformed: none leaves its words or what it matched in a file."""
    outcomes = [server.chat(f"Which vitamins are in a {CANARY}?")[1]["answer"]["outcome"]]
    outcomes.append(server.chat(f"I am {CANARY}; write to {MAIL}.")[1]["answer"]["outcome"])
    outcomes.append(server.chat(f"{CANARY} pays with {CARD}.")[1]["answer"]["outcome"])
    assert outcomes == ["answered", "masked", "blocked"]
    request = {"text": f"Is {CANARY} healthy?", "guardrails": UNKNOWN_GUARDRAIL}
    assert server.start("canary-fails", {"request": request})["status"] == "FAILED"
    assert server.start("canary-malformed", {"request": {"text": [CANARY]}})["status"] == "FAILED"
    assert server.start("canary-of-no-kind", {"request": {"text": CANARY, "kind": CANARY}})["status"] == "FAILED"
    for body in (f'{{"question": "{CANARY}"'.encode(), json.dumps({"question": "hi", CANARY: 1}).encode()):
        assert server.request("/chat", body, JSON)[0] == 400
    assert server.request("/chat", CANARY.encode(), {"Content-Type": f"text/{CANARY}"})[0] == 415
    assert server.request(f"/chat/{CANARY}")[0] == 404
    assert server.request(f"/{CANARY}?{CANARY}")[0] == 404
    message = json.dumps([{"role": "user", "content": [{"text": f"{CANARY}, {CARD}"}]}])
    assert server.aws("bedrock-runtime", "converse", "--model-id", "any.echo", "--messages", message).code == 0
    refused = server.aws("bedrock-runtime", "converse", "--model-id", f"{CANARY} !", "--messages", message)
    assert refused.code != 0
    written = _everything_written(server)
    assert any("guard_input.log" in file.name for file in written)
    for file, content in written.items():
        for secret in (CANARY, MAIL, CARD):
            assert secret.encode() not in content, file.name


def test_history_holds_it_by_design(server: Server) -> None:
    """The same words can be read back from the execution, so the test above looked for something that was there."""
    _, body = server.chat(f"Which vitamins are in a {CANARY}?")
    history = run("stepguard", "history", body["execution"], "--home", str(server.home), "--json", env=server.env)
    assert CANARY in history.document["answer"]["text"]
    assert history.err == ""


def test_state_folder_is_the_owners_alone(server: Server) -> None:
    """Other users of the machine cannot read the state folder."""
    assert server.home.stat().st_mode & 0o077 == 0
