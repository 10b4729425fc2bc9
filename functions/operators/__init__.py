"""What operators do with executions: the routes below `/executions/{execution}` that change, run or export one."""
