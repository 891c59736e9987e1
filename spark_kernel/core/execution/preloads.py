"""What every worker imports before its first task. Read by whoever starts a cluster; imports nothing itself."""

PRELOAD = ("spark_kernel.core.execution.worker_preload", "spark_kernel.core.rdd")
"""Module names."""
