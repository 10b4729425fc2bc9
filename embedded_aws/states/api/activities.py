"""Activities and task tokens: CreateActivity, GetActivityTask, SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-activities.html
https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from embedded_aws.states.api.tags import replace_tags
from embedded_aws.states.interpret.effects import Done, Heartbeat, Message, Started
from embedded_aws.states.language.errors import StateError
from embedded_aws.states.language.json_text import MAX_BYTES, dump, load, size
from embedded_aws.states.run.core import Core, moment
from embedded_aws.states.run.mailbox import TaskMailbox
from embedded_aws.states.store.arns import check_arn, check_encryption, check_name
from embedded_aws.states.store.pages import page_of
from embedded_aws.wire import ServiceError

Params = dict[str, Any]
_POLL_SECONDS = 60.0


class ActivityOperations:
    """Part of `StepFunctions`."""

    core: Core

    def create_activity(self, params: Params) -> Params:
        """Idempotent by name."""
        check_name(params["name"])
        arn = self.core.account.arn("states", f"activity:{params['name']}")
        known = self.core.store.one("SELECT created FROM activities WHERE arn = ?", arn)
        encryption = params.get("encryptionConfiguration")
        check_encryption(encryption)
        if known is not None:
            if encryption != self._encryption(arn):
                raise ServiceError("ActivityAlreadyExists", f"Activity Already Exists: '{arn}'")
            return {"activityArn": arn, "creationDate": moment(known["created"])}
        now = self.core.now()
        self.core.store.write("INSERT OR IGNORE INTO activities VALUES (?, ?, ?)", arn, params["name"], now)
        if encryption is not None:
            self.core.store.write("INSERT OR REPLACE INTO encryption VALUES (?, ?)", arn, dump(encryption))
        replace_tags(self.core.store, arn, params.get("tags") or [])
        self.core.store.flush()
        return {"activityArn": arn, "creationDate": moment(now)}

    def describe_activity(self, params: Params) -> Params:
        """ActivityDoesNotExist when there is none."""
        row = self._activity(params["activityArn"])
        encryption = self._encryption(row["arn"])
        return _shown(row) | ({} if encryption is None else {"encryptionConfiguration": encryption})

    def list_activities(self, params: Params) -> Params:
        """Sorted by name (AWS promises no order)."""
        page = page_of(params)
        rows = self.core.store.read("SELECT * FROM activities ORDER BY name LIMIT ? OFFSET ?", page.limit, page.after)
        return page.reply("activities", rows, _shown)

    def delete_activity(self, params: Params) -> Params:
        """Idempotent. A task that already waits for the activity continues to wait until its time-out."""
        check_arn(params["activityArn"], "activity")
        for table in ("activities", "encryption", "tags"):
            self.core.store.write(f"DELETE FROM {table} WHERE arn = ?", params["activityArn"])  # noqa: S608
        self.core.store.flush()
        return {}

    def get_activity_task(self, params: Params) -> Params:
        """Wait up to 60 seconds for a task; the response is empty if no task arrives."""
        arn = self._activity(params["activityArn"])["arn"]
        deadline = monotonic() + _POLL_SECONDS
        while (left := deadline - monotonic()) > 0:
            task = self.core.queues.take(arn, left)
            if task is None:
                break
            token, text = task
            mailbox = self.core.dispatcher.mailbox(token)
            # A task that timed out while it was queued is not given to a worker.
            if mailbox is not None and mailbox.put(Started(params.get("workerName"))):
                return {"taskToken": token, "input": text}
        return {}

    def send_task_success(self, params: Params) -> Params:
        """End a waiting task with a result; InvalidToken or TaskTimedOut if no task waits for it."""
        mailbox = self._mailbox(params["taskToken"])
        if size(params["output"]) > MAX_BYTES:
            raise ServiceError("InvalidOutput", "Invalid Output: 'the output exceeds 262144 bytes'")
        try:
            output = load(params["output"])
        except ValueError as error:
            raise ServiceError("InvalidOutput", f"Invalid Output: '{error}'") from None
        return _told(mailbox, Done(output))

    def send_task_failure(self, params: Params) -> Params:
        """End a waiting task with a failure."""
        failure = StateError(params.get("error"), params.get("cause"))
        return self._tell(params["taskToken"], Done(failure=failure))

    def send_task_heartbeat(self, params: Params) -> Params:
        """Record that the worker is alive."""
        return self._tell(params["taskToken"], Heartbeat())

    def _tell(self, token: str, message: Message) -> Params:
        return _told(self._mailbox(token), message)

    def _mailbox(self, token: str) -> TaskMailbox:
        mailbox = self.core.dispatcher.mailbox(token)
        if mailbox is None:
            raise ServiceError("InvalidToken", "Invalid Token: 'Invalid token'")
        return mailbox

    def _encryption(self, arn: str) -> Params | None:
        row = self.core.store.one("SELECT settings FROM encryption WHERE arn = ?", arn)
        return None if row is None else load(row["settings"])

    def _activity(self, arn: str) -> Any:
        check_arn(arn, "activity")
        row = self.core.store.one("SELECT * FROM activities WHERE arn = ?", arn)
        if row is None:
            raise ServiceError("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")
        return row


def _told(mailbox: TaskMailbox, message: Message) -> Params:
    if not mailbox.put(message):
        raise ServiceError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
    return {}


def _shown(row: Any) -> Params:
    return {"activityArn": row["arn"], "name": row["name"], "creationDate": moment(row["created"])}
