"""Spark's programming model in a Jupyter notebook, without the JVM.

The layers, bottom up: ``common`` (words), ``storage``, ``resource_managers``, ``core``, ``libraries``, ``notebook``.

Importing this package loads nothing else. ``%load_ext spark_kernel`` gives any IPython the notebook layer's magics.
"""

from typing import Any as _Any

__version__: str
_EXTENSION = "_spark_extension"


def __getattr__(name: str) -> _Any:
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Looked up when asked for: every worker imports this package, and the look-up takes longer than that.
    from importlib.metadata import version

    return version("spark-kernel")


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
