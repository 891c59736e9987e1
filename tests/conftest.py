"""For all tests: generated examples have no deadline, since the machine may be busy with something else."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", parent=settings(), deadline=None)
settings.load_profile("untimed")
