"""The curated answers of the embedded AWS: a bucket that is empty until `stepguard answers publish`."""

from __future__ import annotations

from embedded_aws.cloud import EmbeddedCloud
from stepguard.aws.bank.versions import POINTER, bank_at

BUCKET = "stepguard-answer-bank"
FOLDER = "answers/"
ADDRESS = f"s3://{BUCKET}/{FOLDER}"


def has_answers(cloud: EmbeddedCloud | None) -> bool:
    """Whether a version of the bank is in use. Raises StepguardError.

    `cloud` is the embedded AWS of this process, if it has one: without a client, the question costs half a second less.
    """
    if cloud is None:
        return bank_at(ADDRESS).current() is not None
    return bool(cloud.buckets.keys(BUCKET, FOLDER + POINTER))
