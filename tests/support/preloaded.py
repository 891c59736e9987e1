"""A module for workers to import before their first task."""
