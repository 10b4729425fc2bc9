"""The embedded Lambda: functions of a project folder, run in warm worker processes under Lambda's contract.

Import from its modules: this file stays empty, because every worker process imports it.
"""
