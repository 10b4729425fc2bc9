"""Lambda's contract, kept by real worker processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.lambda_.config import FunctionConfig
from embedded_aws.lambda_.functions import Functions
from embedded_aws.wire import Account, ServiceError
from tests.fakes.waiting import until

pytestmark = pytest.mark.process


def run(functions: Functions, name: str, event: object = None) -> Any:
    """Invoke and return the answer; the function must not fail."""
    result = functions.invoke(name, json.dumps(event).encode())
    assert result.function_error is None, result.payload
    return json.loads(result.payload)


def fail(functions: Functions, name: str, event: object = None) -> dict[str, Any]:
    """Invoke and return the error document; the function must fail."""
    result = functions.invoke(name, json.dumps(event).encode())
    assert (result.status, result.function_error) == (200, "Unhandled"), result.payload
    document: dict[str, Any] = json.loads(result.payload)
    return document


def alive(pid: int) -> bool:
    """Whether a process exists and has not given up its descriptors: a zombie has, when its last thread is gone."""
    process = Path(f"/proc/{pid}")
    try:
        return ") Z " not in (process / "stat").read_text() or len(list((process / "task").iterdir())) > 1
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_event_and_answer_are_json(functions: Functions) -> None:
    """What goes in comes out, whatever its characters."""
    event = {"text": "naïve 🙂 \u202e \x00 <｜User｜>", "number": 1.5, "none": None, "list": [True, {}]}
    assert run(functions, "echo", event) == event


def test_an_empty_payload_is_an_empty_event(functions: Functions) -> None:
    """No payload is `{}`."""
    assert functions.invoke("echo", b"").payload == b"{}"


def test_context_and_environment_are_lambdas(functions: Functions, task_root: Path) -> None:
    """The context object, the variables, the import path and the folder are as the runtime's documentation says."""
    result = functions.invoke("describe", b"{}", client_context={"custom": {"a": "b"}})
    seen = json.loads(result.payload)
    assert seen["context"]["aws_request_id"] == result.request_id
    assert seen["context"]["function_name"] == "describe"
    assert seen["context"]["invoked_function_arn"] == "arn:aws:lambda:us-east-1:000000000000:function:describe"
    assert seen["context"]["memory_limit_in_mb"] == "256"
    assert seen["context"]["log_group_name"] == "/aws/lambda/describe"
    assert "[$LATEST]" in seen["context"]["log_stream_name"]
    assert seen["context"]["function_version"] == result.executed_version == "$LATEST"
    assert 15_000 < seen["remaining"] <= 20_000
    assert seen["custom"] == {"a": "b"}
    assert seen["environment"]["AWS_LAMBDA_FUNCTION_NAME"] == "describe"
    assert seen["environment"]["_HANDLER"] == "app.describe"
    assert seen["environment"]["AWS_REGION"] == "us-east-1"
    assert seen["environment"]["LAMBDA_TASK_ROOT"] == str(task_root) == seen["cwd"]
    assert seen["path"] == [str(task_root), str(task_root / "vendor")]
    assert seen["word"] == "vendored"


def test_the_users_own_aws_settings_stay_outside(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker sees none of the parent's variables beyond a short list."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    config = FunctionConfig("fresh", "app.describe", functions.config("echo").task_root, {"FRESH": "1"}, timeout=20.0)
    functions.register(config)
    seen = run(functions, "fresh")["environment"]
    assert seen["FRESH"] == "1"
    assert seen["AWS_SECRET_ACCESS_KEY"] == "embedded"
    assert not {"AWS_PROFILE", "PYTHONWARNINGS"} & seen.keys()


def test_a_name_can_be_an_arn(functions: Functions) -> None:
    """Names, partial ARNs and ARNs refer to the same function, with `$LATEST` or without."""
    arn = functions.arn("echo")
    for reference in ("echo", "echo:$LATEST", "000000000000:function:echo", "function:echo", arn, f"{arn}:$LATEST"):
        assert functions.config(reference).name == "echo"


@pytest.mark.parametrize(
    "reference",
    [
        "nobody",
        "echo:1",
        "echo:live",
        "arn:aws:lambda:eu-west-1:000000000000:function:echo",
        "111111111111:echo",
        "a b",
    ],
)
def test_an_unknown_function_is_not_found(functions: Functions, reference: str) -> None:
    """A missing function, version, region or account is a ResourceNotFoundException."""
    with pytest.raises(ServiceError) as caught:
        functions.invoke(reference, b"{}")
    assert (caught.value.code, caught.value.status) == ("ResourceNotFoundException", 404)
    assert "Function not found: arn:aws:lambda:" in caught.value.message


def test_an_exception_is_an_error_document(functions: Functions, task_root: Path) -> None:
    """errorType is the class's own name, the stack begins at the handler."""
    error = fail(functions, "throttled", {"text": "too many"})
    assert (error["errorType"], error["errorMessage"]) == ("GuardThrottled", "too many")
    assert error["stackTrace"][0].startswith(f'  File "{task_root}/app.py", line ')
    assert error["requestId"]
    assert fail(functions, "refused")["errorType"] == "ClientError"
    assert fail(functions, "recurse")["errorType"] == "RecursionError"


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("broken", "Runtime.ImportModuleError", "Unable to import module 'broken': No module named 'no_such_module'"),
        ("absent", "Runtime.ImportModuleError", "Unable to import module 'absent': No module named 'absent'"),
        ("syntax", "Runtime.UserCodeSyntaxError", "Syntax error in module 'syntax'"),
        ("failing", "ValueError", "at import"),
        ("nameless", "Runtime.HandlerNotFound", "Handler 'nothing' missing on module 'app'"),
        ("malformed", "Runtime.MalformedHandlerName", "Bad handler 'app'"),
        ("builtin", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"),
        ("quitting", "Runtime.ExitError", "Runtime exited with error: exit status 4"),
        ("unserializable", "Runtime.MarshalError", "Object of type set is not JSON serializable"),
        ("nan", "Runtime.MarshalError", "Unable to marshal response: Out of range float values"),
    ],
)
def test_failures_of_the_runtime_have_its_names(functions: Functions, name: str, kind: str, message: str) -> None:
    """Each way in which a handler cannot be loaded or its answer not be sent has Lambda's errorType and text."""
    error = fail(functions, name)
    assert error["errorType"] == kind
    assert message in error["errorMessage"]


def test_answers_that_json_can_carry_are_carried(functions: Functions) -> None:
    """Half a surrogate pair is escaped, bytes go out as they are."""
    assert run(functions, "surrogate") == "\ud800"
    assert functions.invoke("raw", b"{}").payload == b"not JSON"


def test_a_timeout_kills_the_worker_and_says_so(functions: Functions, tmp_path: Path) -> None:
    """A function over its time is Sandbox.Timedout; it and what it started are ended, the next call works."""
    mark = tmp_path / "child"
    error = fail(functions, "brief_orphan", {"mark": str(mark)})
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith(" Error: Task timed out after 0.50 seconds")
    assert error["errorMessage"].startswith("RequestId: ")
    child = int(mark.read_text())
    assert until(lambda: not alive(child))
    assert run(functions, "brief", {"seconds": 0}) == "slept"


@pytest.mark.parametrize(
    ("name", "event", "ending"),
    [
        ("leave", {"status": 3}, "Runtime exited with error: exit status 3"),
        ("leave", {"status": 0}, "Runtime exited without providing a reason"),
        ("crash", {"signal": int(signal.SIGKILL)}, "Runtime exited with error: signal: killed"),
        ("crash", {"signal": int(signal.SIGSEGV)}, "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_a_worker_that_dies_is_an_exit_error(
    functions: Functions, name: str, event: dict[str, int], ending: str
) -> None:
    """The end of the process is the answer, and the next invocation has a new worker."""
    error = fail(functions, name, event)
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith(f" Error: {ending}")
    assert run(functions, "echo", 1) == 1


def test_a_worker_that_died_idle_is_replaced(functions: Functions) -> None:
    """A worker that somebody kills between two invocations costs none of them."""
    for _ in range(2):
        pid = run(functions, "describe")["pid"]
        os.kill(pid, signal.SIGKILL)
        assert until(lambda pid=pid: not alive(pid))  # type: ignore[misc] # a default binds the loop's value
        assert run(functions, "echo", 1) == 1


def test_prints_go_to_the_log_and_nowhere_else(
    functions: Functions, log_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever a handler writes, by whatever way, the answer is whole and only the log has the text."""
    result = functions.invoke("chatter", b"{}")
    assert json.loads(result.payload) == "done"
    lines = [line.split(" ", 2)[2] for line in (log_folder / "chatter.log").read_text("utf-8", "replace").splitlines()]
    assert lines[0] == f"START RequestId: {result.request_id} Version: $LATEST"
    for expected in ("printed", "raw \ufffd bytes", "by descriptor", "on stderr", "by a child"):
        assert expected in lines
    assert any(line.startswith("[WARNING]\t") and line.endswith(f"Z\t{result.request_id}\tlogged") for line in lines)
    assert any("UserWarning: warned" in line for line in lines)
    assert lines[-2] == f"END RequestId: {result.request_id}"
    assert lines[-1].startswith(f"REPORT RequestId: {result.request_id}\tDuration: ")
    assert b"REPORT RequestId" in result.log_tail
    assert len(result.log_tail) <= 4096
    assert capfd.readouterr() == ("", "")


def test_a_handler_that_closes_stdout_harms_nobody(functions: Functions) -> None:
    """The response arrives, and the worker continues to serve."""
    assert run(functions, "swap") == "closed"
    assert run(functions, "echo", 2) == 2
    fail(functions, "throttled", {})


def test_messages_of_exceptions_stay_out_of_the_log(functions: Functions, log_folder: Path) -> None:
    """A message may quote the user: the log has the type and the stack only."""
    fail(functions, "throttled", {"text": "the user said violets"})
    log = (log_folder / "throttled.log").read_text("utf-8")
    assert "[ERROR] GuardThrottled" in log
    assert "in throttled" in log
    assert "violets" not in log


def test_requests_over_six_megabytes_are_refused(functions: Functions) -> None:
    """6,291,456 bytes pass, one more is a RequestTooLargeException."""
    largest = b'"' + b"x" * (6 * 1024 * 1024 - 2) + b'"'
    assert functions.invoke("echo", largest).payload == largest
    with pytest.raises(ServiceError) as caught:
        functions.invoke("echo", largest + b" ")
    assert (caught.value.code, caught.value.status) == ("RequestTooLargeException", 413)


def test_answers_over_six_megabytes_are_errors(functions: Functions) -> None:
    """The function fails with Lambda's message, and its worker continues."""
    error = fail(functions, "large", {"size": 6 * 1024 * 1024 + 200})
    assert error["errorType"] == "Function.ResponseSizeTooLarge"
    assert error["errorMessage"] == "Response payload size exceeded maximum allowed payload size (6291556 bytes)."


def test_a_worker_stays_warm_and_is_shared(functions: Functions) -> None:
    """Functions of equal folder and environment run in the same process, one after the other."""
    before = run(functions, "remember", "a")
    assert run(functions, "remember", "b") == [*before, "b"]
    assert run(functions, "describe")["pid"] == run(functions, "describe")["pid"]


def test_a_reserved_concurrency_is_a_limit_and_separate_workers(functions: Functions, tmp_path: Path) -> None:
    """One more invocation is refused at once, also while one runs whose caller gave up; others keep their workers."""
    root, mark = functions.config("echo").task_root, tmp_path / "mark"
    functions.register(FunctionConfig("few", "app.sleep", root, timeout=20.0, concurrency=1))
    functions.register(FunctionConfig("few_pid", "app.describe", root, timeout=20.0, concurrency=1))
    event = json.dumps({"seconds": 0.5, "mark": str(mark)}).encode()
    with pytest.raises(TimeoutError):
        functions.invoke("few", event, timeout=0.0)
    with pytest.raises(ServiceError) as refused:
        functions.invoke("few", event)
    reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert (refused.value.code, refused.value.members["Reason"]) == ("TooManyRequestsException", reason)
    assert run(functions, "few_pid")["pid"] != run(functions, "describe")["pid"]
    assert until(lambda: mark.exists() and mark.read_text() == "finished")
    assert until(lambda: _answers(functions, "few"))


def _answers(functions: Functions, name: str) -> bool:
    with suppress(ServiceError):
        return bool(run(functions, name, {"seconds": 0}))
    return False


def test_another_environment_is_another_worker(functions: Functions) -> None:
    """A function never sees variables of a function configured otherwise."""
    root = functions.config("echo").task_root
    functions.register(FunctionConfig("other", "app.describe", root, {"OTHER": "x"}, timeout=20.0))
    other, first = run(functions, "other"), run(functions, "describe")
    assert other["environment"]["OTHER"] == "x"
    assert "OTHER" not in first["environment"]
    assert other["pid"] != first["pid"]


def test_invocations_run_at_the_same_time(functions: Functions, tmp_path: Path) -> None:
    """Each waits for the other three, although there are more of them than warm workers."""
    event = {"room": str(tmp_path), "count": 4}
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: run(functions, "meet", event), range(4)))
    assert answers == ["met"] * 4


def test_a_caller_may_leave_while_the_function_goes_on(functions: Functions, tmp_path: Path) -> None:
    """The caller's patience ends with TimeoutError; the invocation finishes, as on AWS."""
    mark = tmp_path / "mark"
    run(functions, "echo")
    with pytest.raises(TimeoutError, match="continues to run"):
        functions.invoke("sleep", json.dumps({"seconds": 0.4, "mark": str(mark)}).encode(), 0.2)
    assert until(lambda: mark.exists() and mark.read_text() == "finished")


def test_threads_left_behind_do_not_matter(functions: Functions) -> None:
    """A worker with a thread of a handler still running serves on."""
    assert run(functions, "threads") == "left one behind"
    assert run(functions, "echo", 3) == 3


def test_prewarming_loads_the_handler(task_root: Path, tmp_path: Path) -> None:
    """After prewarm an invocation finds a loaded worker, so its report has no init phase."""
    functions = Functions(Account(), tmp_path, workers=1)
    functions.register(FunctionConfig("echo", "app.echo", task_root))
    with closing(functions):
        functions.prewarm("echo")
        # What a caller cannot see: the pool is the promise here.
        assert until(lambda: any(worker.loaded for _, worker in functions._pool._idle))
        assert b"Init Duration" not in functions.invoke("echo", b"1").log_tail


def test_a_missing_project_folder_is_a_clear_error(tmp_path: Path) -> None:
    """No traceback of subprocess, but what could not be started and where."""
    functions = Functions(Account(), tmp_path / "logs")
    functions.register(FunctionConfig("echo", "app.echo", tmp_path / "gone"))
    with pytest.raises(ServiceError, match=r"No worker could be started for function echo in .*gone"):
        functions.invoke("echo", b"{}")


def test_closing_ends_the_workers(task_root: Path, tmp_path: Path) -> None:
    """After close no process is left, and an invocation under way fails instead of hanging."""
    functions = Functions(Account(), tmp_path, workers=1)
    functions.register(FunctionConfig("describe", "app.describe", task_root))
    functions.register(FunctionConfig("sleep", "app.sleep", task_root, timeout=60.0))
    pid = run(functions, "describe")["pid"]
    mark = tmp_path / "mark"
    with ThreadPoolExecutor(1) as thread:
        event = json.dumps({"seconds": 60, "mark": str(mark)}).encode()
        running = thread.submit(functions.invoke, "sleep", event)
        assert until(mark.exists)
        functions.close()
        assert json.loads(running.result(5).payload)["errorType"] == "Runtime.ExitError"
    assert not alive(pid)
    with pytest.raises(ServiceError, match="shutting down"):
        functions.invoke("describe", b"{}")


PARENT = """
import json, os, sys, threading
from pathlib import Path
from embedded_aws.lambda_.config import FunctionConfig
from embedded_aws.lambda_.functions import Functions
from embedded_aws.wire import Account
root, state = Path(sys.argv[1]), Path(sys.argv[2])
functions = Functions(Account(), state, workers=2)
functions.register(FunctionConfig("describe", "app.describe", root, timeout=60))
functions.register(FunctionConfig("sleep", "app.sleep", root, timeout=60))
busy = json.dumps({"seconds": 60, "mark": str(state / "busy")}).encode()
first = json.loads(functions.invoke("describe", b"{}").payload)["pid"]
threading.Thread(target=functions.invoke, args=("sleep", busy), daemon=True).start()
while not (state / "busy").exists():
    pass
print(first, json.loads(functions.invoke("describe", b"{}").payload)["pid"], flush=True)
sys.stdin.read()
"""


def test_workers_die_with_their_parent(task_root: Path, tmp_path: Path) -> None:
    """kill -9 of the parent ends idle and busy workers."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(task_root), str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3],
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        busy, idle = (int(pid) for pid in parent.stdout.readline().split())
        assert busy != idle
        assert alive(busy)
        assert alive(idle)
        parent.kill()
        parent.wait()
        assert until(lambda: not alive(busy) and not alive(idle))


@pytest.mark.parametrize(
    ("change", "message"),
    [({"name": "a/b"}, "name"), ({"timeout": 0}, "Timeout"), ({"environment": {"A=B": ""}}, "Environment")],
)
def test_a_configuration_that_lambda_refuses_is_refused(task_root: Path, change: dict[str, Any], message: str) -> None:
    """The member is named."""
    with pytest.raises(ValueError, match=message):
        FunctionConfig(**{"name": "a", "handler": "app.echo", "task_root": task_root, **change})
