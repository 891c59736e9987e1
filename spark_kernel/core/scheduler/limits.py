"""How often something may be tried, and how much may come back, before a job is given up. Names as in Spark."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What the state machine allows."""

    task_failures: int = 4
    """``spark.task.maxFailures``: attempts at a partition that may raise. 1 in ``local[N]``, F in ``local[N,F]``."""
    executor_losses: int = 4
    """Executors that may die while they run the same partition. Apart from ``task_failures``, because a lost executor
    is repaired in ``local[N]`` too, where an exception is not tried again."""
    losses_before_start: int = 16
    """Executors that may die with a partition that had not begun; only a cluster that can't keep workers gets there."""
    stage_attempts: int = 4
    """``spark.stage.maxConsecutiveAttempts``: attempts at a stage that may end with lost map outputs."""
    result_bytes: int = 1 << 30
    """``spark.driver.maxResultSize``: size of a job's results, serialised; 0 for no limit."""
