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
from traitlets.config import Configurable

import spark_kernel
from spark_kernel.notebook.engine import Context
from spark_kernel.notebook.extension import SparkExtension, make_card
from spark_kernel.notebook.session import Session

STOP_PATIENCE = 4.0
"""Seconds that the application has to end when the kernel does; what is left then ends with the kernel's process."""
OPEN_AFTER = 1.0
"""Seconds after which the engine is imported at the latest."""


class SparkOptions(Configurable):  # type: ignore[misc, unused-ignore]
    """What the user may configure, in ``ipython_kernel_config.py``: ``c.SparkKernel.master = "local[4]"``."""

    master = Unicode("", help="Master URL of the application; empty for the default, all cores.").tag(config=True)
    settings = Dict(
        key_trait=Unicode(), value_trait=Unicode(), help="Spark settings, such as spark.executor.memory."
    ).tag(config=True)
    engine_class = Type(
        "spark_kernel.notebook.engine.SparkEngine", klass=object, help="What makes Spark applications."
    ).tag(config=True)

    @classmethod
    def section_names(cls) -> list[str]:
        """Under the kernel's name, where a user looks for them."""
        return [*super().section_names(), "SparkKernel"]


class SparkKernelApp(IPKernelApp):  # type: ignore[misc, unused-ignore]
    """The kernel's process. The cluster starts first; everything else happens beside it."""

    def init_connection_file(self) -> None:
        """The first step after the configuration is known."""
        options = SparkOptions(parent=self)
        engine = options.engine_class()
        engine.begin(options.master or None, options.settings)
        self.spark = Session(engine, make_card, options.master or None, options.settings)
        super().init_connection_file()


class SparkKernel(IPythonKernel):  # type: ignore[misc, unused-ignore]
    """IPython with ``sc``, run cards and ``%%spark``."""

    implementation = "spark-kernel"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spark: Session = self.parent.spark
        self._is_opened = False
        self.extension = SparkExtension(self.shell, self.spark, every_cell=True)
        self.extension.attach()

    def start(self) -> None:
        """Begin to answer."""
        super().start()
        # For a front end that asks nothing.
        self.io_loop.call_later(OPEN_AFTER, self._open_spark)

    async def kernel_info_request(self, stream: Any, ident: Any, parent: Any) -> None:
        """Say what this kernel is, as every front end asks first; then import the engine while the user types.

        Importing it before would keep the front end waiting. The cluster starts meanwhile in processes of its own.
        """
        await super().kernel_info_request(stream, ident, parent)
        self._open_spark()

    def _open_spark(self) -> None:
        if not self._is_opened:
            self._is_opened = True
            self.spark.open_in_background().add_done_callback(_load_cards)

    @property
    def implementation_version(self) -> str:
        """This package's version."""
        return spark_kernel.__version__

    @property
    def banner(self) -> str:
        """What terminals show first."""
        return (
            f"Spark (Dask) kernel {spark_kernel.__version__}: `sc` is the SparkContext; %%spark -h and %spark help.\n"
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
    SparkKernelApp.launch_instance(kernel_class=SparkKernel)


if __name__ == "__main__":
    # Not as __main__, which is the module of the user's code.
    importlib.import_module("spark_kernel.notebook.kernel").main()
