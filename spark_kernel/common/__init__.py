"""Words that every layer speaks: errors, events, ids, call sites, settings.

Standard library only. Nothing here knows about Dask, storage or notebooks.
"""
