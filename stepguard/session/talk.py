"""A conversation of the command line: each question is a turn, if the deployment loads the turns of conversations."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from stepguard.aws.answer_table import AnswerTable
from stepguard.aws.environment import settings
from stepguard.aws.executions import Executions
from stepguard.aws.talk.turns import Turns
from stepguard.guard.conversation import NEW, check_id
from stepguard.guard.errors import InvalidRequest, StepguardError
from stepguard.guard.prompts import Passage
from stepguard.guard.request import Request
from stepguard.project.folder import ANSWERS
from stepguard.session.chat import CALLER, Result, Shown, ask
from stepguard.session.model import Session

TABLE = "ANSWER_TABLE"
NONE_HERE = (
    "This deployment has no conversations. On AWS deploy it with Assistant=yes; on the embedded AWS ASSISTANT=no "
    "switches them off."
)


@dataclass(slots=True)
class Talk:
    """A conversation, or questions alone where `turns` is None. `id` is NEW until the first turn has begun."""

    executions: Executions
    turns: Turns | None
    id: str = NEW
    groups: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = field(default=())

    @property
    def begun(self) -> bool:
        """Whether the conversation has an id."""
        return self.turns is not None and self.id != NEW

    def ask(self, text: str, timeout: float, shown: Shown | None = None) -> Result:
        """Ask the next question; errors are those of `ask`."""
        begin: Callable[[Request, str], Request] | None = self._begin if self.turns else None
        return ask(self.executions, text, self.passages, timeout, groups=self.groups, begin=begin, shown=shown)

    def _begin(self, request: Request, execution: str) -> Request:
        assert self.turns is not None
        turn = self.turns.begin(self.turns.place(request, self.id, execution), execution, settings())
        assert turn.conversation is not None
        self.id = turn.conversation.conversation
        return turn


def open_talk(
    session: Session, conversation: str | None, *, aws: bool, groups: tuple[str, ...], passages: tuple[Passage, ...]
) -> Talk:
    """Begin a conversation or continue one; None asks each question alone.

    Raises InvalidRequest where the deployment has none, UnknownConversation, StepguardError.
    """
    if conversation is None:
        return Talk(session.executions, None, groups=groups, passages=passages)
    name = str(check_id(conversation))
    table = os.environ.get(TABLE, "").strip() if aws else ANSWERS
    if not table:
        raise InvalidRequest(f"Set {TABLE} for a conversation: `stepguard outputs` prints a stack's AnswerTableName.")
    if not session.executions.loads_turns():
        raise InvalidRequest(NONE_HERE)
    turns = Turns(AnswerTable(table=table))
    if name != NEW:
        turns.conversations.read(CALLER, name)
    return Talk(session.executions, turns, name, groups, passages)


def new_talk(
    session: Session, *, aws: bool, groups: tuple[str, ...], passages: tuple[Passage, ...]
) -> tuple[Talk, str]:
    """A new conversation; where there are none, questions alone, and why."""
    try:
        return open_talk(session, NEW, aws=aws, groups=groups, passages=passages), ""
    except StepguardError as error:
        return Talk(session.executions, None, groups=groups, passages=passages), f"{error} Each question is alone."
