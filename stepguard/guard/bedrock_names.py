"""The names that Bedrock Guardrails uses on the wire. No other module of the product lists them.

Lambdas must not load botocore's model of Bedrock, so the names are written here; tests/contract/bedrock/test_names.py
compares each tuple with botocore's enums.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GuardrailPiiEntityConfig.html
"""

from __future__ import annotations

PROMPT_ATTACK = "PROMPT_ATTACK"
CONTENT_FILTERS = ("SEXUAL", "VIOLENCE", "HATE", "INSULTS", "MISCONDUCT", PROMPT_ATTACK)
GROUNDING_FILTERS = ("GROUNDING", "RELEVANCE")
MANAGED_WORDS = ("PROFANITY",)

STRENGTHS = ("NONE", "LOW", "MEDIUM", "HIGH")
"""Strengths of a content filter, the weakest first."""

CONFIDENCES = ("NONE", "LOW", "MEDIUM", "HIGH")
"""Confidences of a content filter's finding, the lowest first."""

NONE = "NONE"
BLOCKED = "BLOCKED"
ANONYMIZED = "ANONYMIZED"
FINDING_ACTIONS = (ANONYMIZED, BLOCKED, NONE)
"""What a guardrail did about a finding."""

GUARDRAIL_INTERVENED = "GUARDRAIL_INTERVENED"
RESPONSE_ACTIONS = (NONE, GUARDRAIL_INTERVENED)
"""What ApplyGuardrail did with a text."""

REASONING_FINDINGS = (
    "valid",
    "invalid",
    "satisfiable",
    "impossible",
    "translationAmbiguous",
    "tooComplex",
    "noTranslations",
)
"""What automated reasoning found out about a text. It has no action: the caller decides."""

LOGIC_WARNINGS = ("ALWAYS_TRUE", "ALWAYS_FALSE")
"""Why a finding of automated reasoning says little: its premises or claims are so in any case."""

PII_TYPES = (
    "ADDRESS",
    "AGE",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "CA_HEALTH_NUMBER",
    "CA_SOCIAL_INSURANCE_NUMBER",
    "CREDIT_DEBIT_CARD_CVV",
    "CREDIT_DEBIT_CARD_EXPIRY",
    "CREDIT_DEBIT_CARD_NUMBER",
    "DRIVER_ID",
    "EMAIL",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "IP_ADDRESS",
    "LICENSE_PLATE",
    "MAC_ADDRESS",
    "NAME",
    "PASSWORD",
    "PHONE",
    "PIN",
    "SWIFT_CODE",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    "UK_NATIONAL_INSURANCE_NUMBER",
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
    "URL",
    "USERNAME",
    "US_BANK_ACCOUNT_NUMBER",
    "US_BANK_ROUTING_NUMBER",
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
    "US_PASSPORT_NUMBER",
    "US_SOCIAL_SECURITY_NUMBER",
    "VEHICLE_IDENTIFICATION_NUMBER",
)
