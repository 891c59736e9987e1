"""The kernel "Spark (Dask)": IPython's kernel, with a Spark application that starts while the user types.

Started by Jupyter through the kernel spec beside this file, as ``python -m spark_kernel.notebook.kernel``.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
from concurrent.futures import Future
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from traitlets import Dict, Type, Unicode

from spark_kernel import __version__
from spark_kernel.notebook.engine import Context
from spark_kernel.notebook.extension import SparkExtension, make_card
from spark_kernel.notebook.session import Session

STOP_PATIENCE = 4.0
"""Seconds that the application has to end when the kernel does; what is left then ends with the kernel's process."""


class SparkKernel(IPythonKernel):  # type: ignore[misc, unused-ignore]
    """IPython with ``sc``, run cards and ``%%spark``.

    Options stand in ``ipython_kernel_config.py``: ``c.SparkKernel.master = "local[4]"``.
    """

    implementation = "spark-kernel"
    implementation_version = __version__

    master = Unicode("", help="Master URL of the application; empty for the default, all cores.").tag(config=True)
    settings = Dict(
        key_trait=Unicode(), value_trait=Unicode(), help="Spark settings, such as spark.executor.memory."
    ).tag(config=True)
    engine_class = Type(
        "spark_kernel.notebook.engine.SparkEngine", klass=object, help="What makes Spark applications."
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spark = Session(self.engine_class(), make_card, self.master or None, self.settings)
        self.extension = SparkExtension(self.shell, self.spark, every_cell=True)
        self.extension.attach()
        self.spark.open_in_background().add_done_callback(_load_cards)

    @property
    def banner(self) -> str:
        """What terminals show first."""
        return (
            f"Spark (Dask) kernel {__version__}: `sc` is the SparkContext; %%spark -h and %spark help.\n"
            f"{self.shell.banner}"
        )

    def do_complete(self, code: str, cursor_pos: int) -> Any:
        """As IPython does, with ``sc`` as soon as it is there."""
        self.extension.cells.offer_context()
        return super().do_complete(code, cursor_pos)

    def do_inspect(self, code: str, cursor_pos: int, detail_level: int = 0, omit_sections: Any = ()) -> Any:
        """As IPython does, with ``sc`` as soon as it is there."""
        self.extension.cells.offer_context()
        return super().do_inspect(code, cursor_pos, detail_level, omit_sections)

    async def do_shutdown(self, restart: bool) -> Any:
        """End the application, then the kernel."""
        stopping = asyncio.get_running_loop().run_in_executor(None, self.spark.stop)
        done, _ = await asyncio.wait([stopping], timeout=STOP_PATIENCE)
        for stopped in done:
            if stopped.exception() is not None:
                self.log.error("The Spark application did not end cleanly", exc_info=stopped.exception())
        reply = super().do_shutdown(restart)
        return await reply if inspect.isawaitable(reply) else reply


def _load_cards(opened: Future[Context]) -> None:
    """Have ready what the first run card needs, still in the background."""
    importlib.import_module("spark_kernel.notebook.card.live")
    importlib.import_module("spark_kernel.notebook.card.layout_client").warm_up()


def main() -> None:
    """Run the kernel until its front end ends it."""
    IPKernelApp.launch_instance(kernel_class=SparkKernel)


if __name__ == "__main__":
    # Not as __main__, which is the module of the user's code.
    importlib.import_module("spark_kernel.notebook.kernel").main()
