"""Tags: TagResource, UntagResource, ListTagsForResource.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_TagResource.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from embedded_aws.states.run.core import Core
from embedded_aws.states.store.arns import check_arn
from embedded_aws.states.store.store import Store
from embedded_aws.wire import ServiceError

Params = dict[str, Any]
_MAX_TAGS = 50


def replace_tags(store: Store, arn: str, tags: Sequence[Params]) -> None:
    """Queue the tags of a new resource."""
    if len(tags) > _MAX_TAGS:
        raise ServiceError("TooManyTags", f"A resource may have at most {_MAX_TAGS} tags.")
    for tag in tags:
        store.write("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", arn, tag.get("key", ""), tag.get("value", ""))


class TagOperations:
    """Part of `StepFunctions`."""

    core: Core

    def list_tags_for_resource(self, params: Params) -> Params:
        """The tags of a state machine or an activity."""
        arn = self._taggable(params["resourceArn"])
        rows = self.core.store.read("SELECT key, value FROM tags WHERE arn = ? ORDER BY key", arn)
        return {"tags": [{"key": row["key"], "value": row["value"]} for row in rows]}

    def tag_resource(self, params: Params) -> Params:
        """Add tags, or change their values; TooManyTags beyond 50."""
        arn = self._taggable(params["resourceArn"])
        rows = self.core.store.read("SELECT key FROM tags WHERE arn = ?", arn)
        keys = {row["key"] for row in rows} | {tag.get("key", "") for tag in params["tags"]}
        if len(keys) > _MAX_TAGS:
            raise ServiceError("TooManyTags", f"A resource may have at most {_MAX_TAGS} tags.", resourceName=arn)
        replace_tags(self.core.store, arn, params["tags"])
        self.core.store.flush()
        return {}

    def untag_resource(self, params: Params) -> Params:
        """Remove tags; a missing tag is not an error."""
        arn = self._taggable(params["resourceArn"])
        for key in params["tagKeys"]:
            self.core.store.write("DELETE FROM tags WHERE arn = ? AND key = ?", arn, key)
        self.core.store.flush()
        return {}

    def _taggable(self, arn: str) -> str:
        check_arn(arn, "stateMachine", "activity")
        known = "SELECT 1 FROM machines WHERE arn = ? UNION SELECT 1 FROM activities WHERE arn = ?"
        if self.core.store.one(known, arn, arn) is None:
            raise ServiceError("ResourceNotFound", f"Resource not found: '{arn}'", resourceName=arn)
        return arn
