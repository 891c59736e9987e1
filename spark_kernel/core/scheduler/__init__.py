"""Deciding what runs when: lineage is cut into stages by a pure planner, and driven by a pure state machine."""
