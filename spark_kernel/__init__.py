"""Spark's programming model in a Jupyter notebook, without the JVM.

The layers, bottom up: ``common`` (words), ``storage``, ``resource_managers``, ``core``, ``libraries``, ``notebook``.
"""

from importlib.metadata import version as _version

__version__ = _version("spark-kernel")
