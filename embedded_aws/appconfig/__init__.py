"""AWS AppConfig: hosted configurations, validated, deployed step by step, rolled back by an alarm, read by sessions.

No more than that: feature flags, other places of configurations, extensions and experiments are refused by name.
"""

from embedded_aws.appconfig.service import AppConfig

__all__ = ["AppConfig"]
