"""Running the tasks of a stage: what travels to an executor, what happens there, what comes back.

The only part of the core that knows Dask and cloudpickle.
"""
