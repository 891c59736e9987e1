"""Broadcast variables and accumulators: what driver and tasks share besides datasets."""
