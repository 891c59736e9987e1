"""Spark's programming model in a Jupyter notebook, without the JVM.

The layers, bottom up: ``common`` (words), ``storage``, ``resource_managers``, ``core``, ``libraries``, ``notebook``.

Importing this package loads nothing else. ``%load_ext spark_kernel`` gives any IPython the notebook layer's magics.
"""

from importlib.metadata import version as _version
from typing import Any as _Any

__version__ = _version("spark-kernel")

_EXTENSION = "_spark_extension"


def load_ipython_extension(shell: _Any) -> None:
    """``%load_ext spark_kernel``: ``%%spark``, ``%spark``, and ``sc`` as soon as a cell uses it."""
    # Here and not at the top: importing the package must stay cheap.
    from spark_kernel.notebook.engine import SparkEngine
    from spark_kernel.notebook.extension import SparkExtension, make_card
    from spark_kernel.notebook.session import Session

    if not hasattr(shell, _EXTENSION):
        extension = SparkExtension(shell, Session(SparkEngine(), make_card), every_cell=False)
        extension.attach()
        setattr(shell, _EXTENSION, extension)


def unload_ipython_extension(shell: _Any) -> None:
    """``%unload_ext spark_kernel``: take the magics away and end the application."""
    extension = getattr(shell, _EXTENSION, None)
    if extension is not None:
        extension.detach()
        delattr(shell, _EXTENSION)
