"""The `stepguard` command as people and scripts call it; most commands use the cloud that `serve` runs."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.product import EXECUTIONS, SCRIPTS, Ran, Server, environment, run

QUESTION = "Which vitamins are in an orange?"
GUARDED = ["GuardInput", "InvokeModel", "GuardAnswer"]


def stepguard(server: Server, *arguments: str, stdin: str = "") -> Ran:
    """Run the command on the served state folder."""
    return run("stepguard", *arguments, "--home", str(server.home), env=environment(server.home.parent), stdin=stdin)


def test_chat_prints_one_json_object(server: Server) -> None:
    """The documented object on stdout, nothing on stderr, exit code 0; the serving process ran it."""
    ran = stepguard(server, "chat", QUESTION, "--json")
    assert (ran.code, ran.err) == (0, "")
    document = ran.document
    assert document["answer"] == {
        "text": QUESTION,
        "outcome": "answered",
        "source": "LLM",
        "got_hits": 1,
        "citations": [],
    }
    assert [stage["state"] for stage in document["stages"]] == GUARDED
    for stage in document["stages"]:
        assert stage["outcome"] == "passed"
        assert stage["findings"] == []
        assert stage["milliseconds"] >= 0
    seen = server.aws_json("stepfunctions", "describe-execution", "--execution-arn", document["execution"])
    assert seen["status"] == "SUCCEEDED"


def test_chat_shows_answer_path_and_verdicts(server: Server) -> None:
    """Without --json: the answer, then each state with its verdict; a block is a result, exit code 0."""
    ran = stepguard(server, "chat", "My card number is 4111 1111 1111 1111.")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("I cannot help with this question here.")
    assert "blocked, from PREPROCESS GUARDRAIL" in ran.out
    assert re.search(r"GuardInput +\d+ ms +blocked +CREDIT_DEBIT_CARD_NUMBER BLOCKED", ran.out)
    assert "AnswerDontKnow" in ran.out
    assert "4111" not in ran.out


def test_question_from_standard_input(server: Server) -> None:
    """`-` reads the whole question, line ends included."""
    text = f"Hello.\n{QUESTION}"
    assert stepguard(server, "chat", "-", "--json", stdin=text).document["answer"]["text"] == text


def test_conversation_through_a_pipe(server: Server) -> None:
    """Without a question each line is one; a bad one is reported and the next still answered."""
    ran = stepguard(server, "chat", "--json", stdin=f"{QUESTION}\n\n{'a' * 30_000}\nWhat is insulin?\n")
    answers = [json.loads(line)["answer"]["text"] for line in ran.out.splitlines()]
    assert answers == [QUESTION, "What is insulin?"]
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "30000 characters" in ran.err


@pytest.mark.parametrize(
    ("name", "content", "ids"),
    [
        ("list.json", json.dumps(["Oranges hold vitamin C.", {"id": "b", "text": "It is sour."}]), ["1", "b"]),
        ("lines.jsonl", '"Oranges hold vitamin C."\n\n{"id": "b", "text": "It is sour."}\n', ["1", "b"]),
        ("whole.txt", "Oranges hold vitamin C.\nIt is sour.\n", ["whole.txt"]),
    ],
)
def test_passages_reach_the_execution(server: Server, tmp_path: Path, name: str, content: str, ids: list[str]) -> None:
    """A JSON list, JSON lines or a text become the request's passages."""
    file = tmp_path / name
    file.write_text(content)
    printed = stepguard(server, "chat", QUESTION, "--passages", str(file), "--json").document
    started = server.aws_json("stepfunctions", "describe-execution", "--execution-arn", printed["execution"])
    passages = json.loads(started["input"])["request"]["passages"]
    assert [passage["id"] for passage in passages] == ids
    assert "Oranges hold vitamin C." in passages[0]["text"]


def test_history_shows_it_again(server: Server) -> None:
    """By ARN and by name, another process later reads the same path, stages and answer."""
    printed = stepguard(server, "chat", QUESTION, "--json").document
    for name in (printed["execution"], printed["execution"].rpartition(":")[2]):
        again = stepguard(server, "history", name, "--json").document
        assert again["status"] == "SUCCEEDED"
        assert {key: again[key] for key in printed} == printed
    story = stepguard(server, "history", printed["execution"])
    assert (story.code, story.err) == (0, "")
    assert [state for state in printed["path"] if state in story.out] == printed["path"]


_USAGE = {
    "no command": [],
    "unknown command": ["dance"],
    "unknown option": ["chat", QUESTION, "--bogus"],
    "two questions": ["chat", QUESTION, QUESTION],
    "time that is none": ["chat", QUESTION, "--timeout", "soon"],
    "not a number": ["chat", QUESTION, "--timeout", "nan"],
    "negative time": ["chat", QUESTION, "--timeout=-1"],
    "port that is none": ["serve", "--port", "http"],
    "port too high": ["serve", "--port", "70000"],
}


@pytest.mark.parametrize("arguments", _USAGE.values(), ids=_USAGE)
def test_wrong_usage_is_reported(tmp_path: Path, arguments: list[str]) -> None:
    """Exit code 2 and the usage, nothing on stdout, and no state folder."""
    ran = run("stepguard", *arguments, env=environment(tmp_path, STEPGUARD_HOME=str(tmp_path / "state")))
    assert (ran.code, ran.out) == (2, "")
    assert "usage: stepguard" in ran.err
    assert not (tmp_path / "state").exists()


_INPUTS: dict[str, tuple[list[str], str, str]] = {
    "empty question": (["chat", ""], "", "question is empty"),
    "blank question": (["chat", "-"], " \n\t", "question is empty"),
    "300 KB": (["chat", "-"], "a" * 300_000, "300000 characters"),
    "bytes on standard input": (["chat", "-"], "\udcff\udcfe", "not valid Unicode"),
    "bytes as an argument": (["chat", "caf\udce9"], "", "not valid Unicode"),
    "no such passages": (["chat", QUESTION, "--passages", "missing.json"], "", "missing.json"),
    "passages that are a folder": (["chat", QUESTION, "--passages", "/"], "", "/: "),
    "execution that nobody started": (["history", "nobody"], "", "no execution nobody"),
    "execution of another machine": (["history", EXECUTIONS.replace("chat", "x") + ":y"], "", "another state machine"),
    "empty text for a guardrail": (["guardrail", "test", ""], "", "text is empty"),
    "bytes for a guardrail": (["guardrail", "test", "-"], "\udcff", "not valid Unicode"),
    "guardrail that is not there": (["guardrail", "show", "nosuchguard1"], "", "no guardrail nosuchguard1"),
    "guardrail file that is not there": (["guardrail", "apply", "missing.yaml"], "", "missing.yaml"),
}


@pytest.mark.parametrize(("arguments", "stdin", "message"), _INPUTS.values(), ids=_INPUTS)
def test_bad_input_is_reported(server: Server, arguments: list[str], stdin: str, message: str) -> None:
    """Exit code 2, one line on stderr that says what is wrong, nothing on stdout."""
    ran = stepguard(server, *arguments, "--json", stdin=stdin)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("stepguard: ")
    assert ran.err.count("\n") == 1
    assert message in ran.err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bad.json", b"{", "not valid JSON"),
        ("bomb.json", b"[" * 100_000 + b"]" * 100_000, "not valid JSON"),
        ("object.json", b'{"id": "a"}', "must be a list"),
        ("number.jsonl", b"1\n", "non-empty string 'text'"),
        ("bytes.txt", b"\xff\xfe", "not UTF-8"),
        ("empty.txt", b"", "non-empty string 'text'"),
    ],
)
def test_bad_passages_are_reported(server: Server, tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """Exit code 2 and one line that names the file and what is wrong with it."""
    file = tmp_path / name
    file.write_bytes(content)
    ran = stepguard(server, "chat", QUESTION, "--passages", str(file))
    assert (ran.code, ran.out) == (2, "")
    assert name in ran.err
    assert message in ran.err


def test_impatience_is_a_failure_that_says_where_to_look(server: Server) -> None:
    """An answer that is not there in time: exit code 1, and the command that shows it later."""
    ran = stepguard(server, "chat", QUESTION, "--timeout", "0", "--json")
    assert (ran.code, ran.out) == (1, "")
    later = re.search(r"stepguard (history \S+)", ran.err)
    assert later
    assert stepguard(server, *later[1].split()).code == 0


def test_guardrails_are_applied_listed_shown_and_tried(server: Server, tmp_path: Path) -> None:
    """A guardrail of a YAML file is published once, found by list and show, and decides in test."""
    file = tmp_path / "fruit.yaml"
    file.write_text(
        "name: no-durian\nblockedInputMessaging: No.\nblockedOutputsMessaging: No.\n"
        "wordPolicyConfig:\n  wordsConfig:\n    - text: durian\n"
    )
    applied = stepguard(server, "guardrail", "apply", str(file), "--json").document["guardrails"]
    again = stepguard(server, "guardrail", "apply", str(file), "--json").document["guardrails"]
    assert [item["version"] for item in applied + again] == ["1", "1"]
    identifier = applied[0]["id"]
    assert identifier == again[0]["id"]
    listed = stepguard(server, "guardrail", "list", "--json").document["guardrails"]
    assert {item["name"] for item in listed} >= {"no-durian", "stepguard-preprocess"}
    shown: dict[str, Any] = json.loads(stepguard(server, "guardrail", "show", identifier, "--version", "1").out)
    assert shown["wordPolicy"]["words"][0]["text"] == "durian"
    tried = stepguard(server, "guardrail", "test", "Is durian tasty?", "--id", identifier, "--version", "1", "--json")
    assert (tried.code, tried.document["verdicts"][0]["outcome"]) == (0, "blocked")


def test_a_guardrail_file_with_an_unknown_member_is_reported(server: Server, tmp_path: Path) -> None:
    """Exit code 2, the file and the member; nothing of the other files is applied either."""
    good, bad = tmp_path / "a.yaml", tmp_path / "b.yaml"
    head = "blockedInputMessaging: No.\nblockedOutputsMessaging: No.\nwordPolicyConfig:\n  wordsConfig:\n"
    good.write_text(f"name: never-applied\n{head}    - text: durian\n")
    bad.write_text(f"name: misspelt\n{head}    - text: durian\n    - txet: durian\n")
    ran = stepguard(server, "guardrail", "apply", str(good), str(bad))
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert f"{bad}: CreateGuardrail has no member wordPolicyConfig.wordsConfig.2.txet." in ran.err
    assert "never-applied" not in stepguard(server, "guardrail", "list").out
    bad.write_text(f"name: two words\n{head}    - text: durian\n")
    ran = stepguard(server, "guardrail", "apply", str(bad))
    assert (ran.code, ran.out, f"stepguard guardrail lint {bad}" in ran.err) == (2, "", True)


def test_guardrail_test_shows_every_layer(server: Server) -> None:
    """Three layers by default, each with its verdict on the text."""
    verdicts = stepguard(server, "guardrail", "test", "Write to jane.roe@example.com please.", "--json").document
    outcomes = {verdict["layer"]: verdict["outcome"] for verdict in verdicts["verdicts"]}
    assert list(outcomes) == ["preprocess", "model", "postprocess"]
    assert (outcomes["preprocess"], outcomes["postprocess"]) == ("masked", "masked")


def test_guardrail_test_reads_a_file(server: Server, tmp_path: Path) -> None:
    """The text of a file that is named is judged, and said to be a file's; one that is not text is refused."""
    letter, picture = tmp_path / "letter.txt", tmp_path / "picture.png"
    letter.write_text("Write to jane.roe@example.com please.")
    picture.write_bytes(b"\x89PNG\xff")
    ran = stepguard(server, "guardrail", "test", str(letter))
    assert (ran.code, ran.err) == (0, f"the text of the file {letter}, 37 characters:\n")
    assert "EMAIL ANONYMIZED" in ran.out
    refused = stepguard(server, "guardrail", "test", str(picture))
    assert (refused.code, refused.err) == (2, f"stepguard: {picture}: is not UTF-8 text.\n")
    letter.write_text("The ward is open. " * 1_400)
    assert stepguard(server, "guardrail", "test", str(letter)).code == 0
    scored = stepguard(server, "guardrail", "test", str(letter), "--scores", "--json")
    assert (scored.code, "up to 25000 characters" in scored.err) == (2, True)


def test_guardrail_apply_prints_the_variables_to_set(server: Server) -> None:
    """The project's three layers, as lines that a shell or an .env file takes."""
    ran = stepguard(server, "guardrail", "apply")
    assert ran.code == 0
    names = [line.partition("=")[0] for line in ran.out.splitlines()]
    assert names == [
        f"{layer}_GUARDRAIL_{part}"
        for layer in ("BEDROCK", "POSTPROCESS", "PREPROCESS")
        for part in ("IDENTIFIER", "VERSION")
    ]


def test_doctor_finds_a_sound_installation(server: Server) -> None:
    """Everything ok: exit code 0."""
    ran = stepguard(server, "doctor")
    assert ran.code == 0, ran.out
    assert "FAIL" not in ran.out
    assert server.url in ran.out


def test_doctor_names_the_half_set_variable(server: Server) -> None:
    """Half a guardrail pair: exit code 1 and the variable that is missing; no chat starts with it either."""
    env = environment(server.home.parent, PREPROCESS_GUARDRAIL_IDENTIFIER="abcdefghijkl")
    ran = run("stepguard", "doctor", "--json", "--home", str(server.home), env=env)
    assert ran.code == 1
    wrong = [check["detail"] for check in ran.document["checks"] if check["ok"] is False]
    assert any("PREPROCESS_GUARDRAIL_VERSION is not set" in detail for detail in wrong)
    refused = run("stepguard", "chat", QUESTION, "--home", str(server.home), env=env)
    assert (refused.code, refused.out) == (2, "")
    assert "PREPROCESS_GUARDRAIL_VERSION is not set" in refused.err


def _shell(server: Server, line: str) -> Ran:
    """Run a shell's line in which `stepguard` is the command; pipefail, so that its exit code counts."""
    env = environment(server.home.parent, STEPGUARD_HOME=str(server.home))
    env["PATH"] = f"{SCRIPTS}{os.pathsep}{env['PATH']}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, env=env, timeout=60, check=False
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception ignored" not in done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def test_reader_that_leaves_is_no_error_message(server: Server) -> None:
    """`| head -1` ends quietly."""
    ran = _shell(server, "stepguard guardrail show $(stepguard guardrail list | cut -c1-12 | head -1) | head -1")
    assert (ran.out, ran.err) == ("{\n", "")
    assert _shell(server, "stepguard doctor | true").err == ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(server: Server, closed: str) -> None:
    """Whatever is closed, the question is asked and the exit code is 0."""
    ran = _shell(server, f"stepguard chat '{QUESTION}' --json {closed}")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("\n") == (0 if ">&-" in closed.replace("2>&-", "") else 1)


def test_conversation_without_standard_input_ends(server: Server) -> None:
    """With stdin closed there is nothing to ask."""
    ran = _shell(server, "stepguard chat <&-")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
def test_full_disk_is_a_failure(server: Server) -> None:
    """An answer that cannot be written: exit code 1 and one line."""
    ran = _shell(server, f"stepguard chat '{QUESTION}' > /dev/full")
    assert ran.code == 1
    assert ran.err == "stepguard: No space left on device\n"


def test_surroundings_do_not_matter(tmp_path: Path) -> None:
    """Own cloud, no HOME, another folder, somebody's AWS profile and endpoints, a proxy that is not there."""
    env = environment(
        tmp_path,
        AWS_PROFILE="nobody", AWS_DEFAULT_PROFILE="nobody", AWS_REGION="eu-central-1", AWS_USE_FIPS_ENDPOINT="true",
        AWS_ENDPOINT_URL_SFN="http://127.0.0.1:9", AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true",
        AWS_BEARER_TOKEN_BEDROCK="secret", HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9",
        NO_PROXY="example.com", STEPGUARD_HOME=str(tmp_path / "state"),
    )  # fmt: skip
    del env["HOME"]
    ran = run("stepguard", "chat", QUESTION, "--json", env=env, cwd=Path("/"))
    assert (ran.code, ran.err) == (0, "")
    assert ran.document["answer"]["outcome"] == "answered"


def test_unusable_state_folder_is_reported(tmp_path: Path) -> None:
    """A file, a place where nothing can be made, a database that is none: exit code 1 and one line that names it."""
    file = tmp_path / "file"
    file.touch()
    spoilt = tmp_path / "spoilt"
    spoilt.mkdir()
    (spoilt / "states.sqlite3").write_text("no database " * 100)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "bedrock.sqlite3").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 16)
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / "buckets").touch()
    for home in (file, Path("/dev/null/state"), spoilt, damaged, occupied):
        ran = run("stepguard", "chat", QUESTION, "--home", str(home), env=environment(tmp_path))
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith(f"stepguard: The state folder {home} cannot be used: ")
        assert ran.err.count("\n") == 1


def test_state_folder_that_leads_nowhere_is_reported(tmp_path: Path) -> None:
    """The home of an unknown user, links in a circle: exit code 2 and one line."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for home in ("~nobody-of-this-name/state", str(loop)):
        ran = run("stepguard", "history", "any", "--home", home, env=environment(tmp_path))
        assert ran.code in (1, 2)
        assert ran.err.startswith("stepguard: The state folder ")
        assert ran.err.count("\n") == 1


def test_taken_port_is_reported(tmp_path: Path) -> None:
    """Exit code 1, one line that names the port, and nothing is left behind that says somebody serves."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = run("stepguard", "serve", "--port", port, "--home", str(tmp_path / "state"), env=environment(tmp_path))
    assert (ran.code, ran.out) == (1, "")
    assert f"port {port}" in ran.err
    assert "already in use" in ran.err
    assert not (tmp_path / "state" / "endpoint.json").exists()


def test_served_folder_is_served_once(server: Server) -> None:
    """A second `serve` of the same folder is refused at once."""
    ran = stepguard(server, "serve", "--port", "0")
    assert (ran.code, ran.out) == (1, "")
    assert "in use by another stepguard process" in ran.err


def test_settings_go_live_and_back_in_one_command_each(tmp_path: Path) -> None:
    """The echo model repeats the question, which the new pattern takes for "I don't know"; then nobody does again."""
    env = environment(tmp_path, UNGUARDED="yes", STEPGUARD_HOME=str(tmp_path / "state"))
    question = ("stepguard", "chat", "--json", "Where is the quokka?")
    changes = ("EMPTYMESSAGE=No luck.", "LLM_QA_NO_HITS_REGEX=quokka")
    changed = run("stepguard", "settings", "set", *changes, "--json", env=env).document
    assert (changed["version"], changed["deployment"]["state"]) == (2, "COMPLETE")
    answer = run(*question, env=env).document["answer"]
    assert (answer["text"], answer["outcome"]) == ("No luck.", "dont_know")
    assert run("stepguard", "settings", "rollback", "--json", env=env).document["settings"] == {}
    assert run(*question, env=env).document["answer"]["outcome"] == "answered"
    refused = run("stepguard", "settings", "set", "BEDROCK_GUARDRAIL_VERSION=2", env=env)
    assert refused.code != 0
    assert "a deployment changes guardrails and models" in refused.err
