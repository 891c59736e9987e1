"""Moving records between stages: indexed files written by map tasks, ranges of them read by reduce tasks."""
