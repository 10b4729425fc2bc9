"""Finds stored resources by ARN, and raises AWS's errors for missing ones."""

from __future__ import annotations

from sqlite3 import Row

from embedded_aws.states.store.arns import check_arn
from embedded_aws.states.store.store import Store
from embedded_aws.wire import ServiceError


def find_machine(store: Store, arn: str, named: str | None = None) -> Row:
    """The row of an existing state machine; InvalidArn or StateMachineDoesNotExist (which names `named`)."""
    check_arn(arn, "stateMachine")
    row = store.one("SELECT * FROM machines WHERE arn = ?", arn)
    if row is None:
        raise ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{named or arn}'")
    return row


INITIAL = "INITIAL"
"""The revision that a state machine has until its first change. The API does not show it; it can be published."""


def shown_revision(revision: str) -> dict[str, str]:
    """`revisionId`, as responses have it."""
    return {} if revision.startswith(INITIAL) else {"revisionId": revision}


def find_revision(store: Store, arn: str, revision: str) -> Row:
    """The row of a revision that exists; a Map Run's child (.../LABEL) has its parent's."""
    machine = arn.partition("/")[0]
    row = store.one("SELECT * FROM revisions WHERE machine = ? AND revision = ?", machine, revision)
    assert row is not None
    return row
