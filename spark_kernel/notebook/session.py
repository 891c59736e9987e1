"""The one Spark application of a notebook: its context, whoever made it, and what the cells caused.

The kernel starts it in the background; in other kernels the first cell that needs it does. The magics and the cell
hooks ask it for the context and for runs. It knows nothing of IPython.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping
from concurrent import futures
from concurrent.futures import Future
from typing import Literal

from spark_kernel.common.errors import ContextError, SettingsError
from spark_kernel.common.ids import Counter
from spark_kernel.common.waiting import wait_attentively
from spark_kernel.notebook.engine import Context, Engine
from spark_kernel.notebook.job_log import JobLog
from spark_kernel.notebook.runs import MakeCard, NoCard, Run

CardMode = Literal["auto", "magic", "off"]
CARD_MODES: tuple[CardMode, ...] = ("auto", "magic", "off")
CARD_SETTING = "spark.kernel.card"
"""``auto``: every cell that starts a job has a run card; ``magic``: only ``%%spark`` cells; ``off``: none."""
PATIENCE_SETTING = "spark.kernel.card.patience"
"""Seconds that the end of a cell waits for the picture of its card; a picture that takes longer is added later."""
DEFAULT_PATIENCE = "1.5"
FULL_TRACEBACK_SETTING = "spark.kernel.fullTraceback"
"""``true``: errors show the frames of this package and of the executors as well."""


class Session:
    """The application of this process, opened when it is first needed.

    ``master`` None means the one of ``settings`` or the engine's default. ``on_context``, when set, is called with each
    context that comes into use, in the thread that needed it.
    """

    def __init__(
        self,
        engine: Engine,
        make_card: MakeCard = NoCard,
        master: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.engine = engine
        self.settings = dict(settings or {})
        self.jobs = JobLog()
        self.last_run: Run | None = None
        """The latest run that had a job."""
        self.last_traceback = ""
        """The latest error with every frame."""
        self.on_context: Callable[[Context], None] = lambda context: None
        self._make_card = make_card
        self._master = master
        self._changing = threading.RLock()
        self._opening: Future[Context] | None = None
        self._context: Context | None = None
        self._stopped = False
        self._run_numbers = Counter(start=1)
        self._runs: dict[int, Run] = {}

    # -- the context ---------------------------------------------------------------------------------------------

    def setting(self, name: str, default: str) -> str:
        """A setting of the application; of the session while there is no application."""
        context = self._context
        configured = None if context is None else context.getConf().get(name)
        return configured if configured is not None else self.settings.get(name, default)

    def card_mode(self) -> CardMode:
        """Which cells have a run card; a setting that is none of the three modes is warned about once."""
        wanted = self.setting(CARD_SETTING, "auto")
        for mode in CARD_MODES:
            if mode == wanted:
                return mode
        warnings.warn(f"{CARD_SETTING} is {wanted!r}; expected one of {', '.join(CARD_MODES)}", stacklevel=2)
        return "auto"

    def open_in_background(self) -> Future[Context]:
        """Begin to open the context; returns at once. A second call joins the first."""
        with self._changing:
            if self._opening is None:
                self._opening = Future()
                arguments = (self._opening, self._master, dict(self.settings))
                threading.Thread(target=self._open, args=arguments, name="spark-open", daemon=True).start()
            return self._opening

    def existing(self) -> Context | None:
        """The usable context, if there is one by now; waits for nothing."""
        with self._changing:
            if self._context is not None and not self._context.stopped:
                return self._context
            active = self.engine.active_context()
            if active is None or active.stopped:
                return None
            return self._adopt(active)

    def context(self) -> Context:
        """The usable context; opens one when none was opened so far, and waits for it.

        Raises what opening it raised, and ContextError when the user stopped it.
        """
        known = self.existing()
        if known is not None:
            return known
        opening = None if self._stopped else self.open_in_background()
        if opening is not None:
            wait_attentively(lambda seconds: bool(futures.wait([opening], seconds).done))
        context = None if opening is None else opening.result()
        if context is None or context.stopped:
            raise ContextError("The Spark application was stopped. Start another one with `%spark start`.")
        return self._adopt(context)

    def use_master(self, master: str) -> Context:
        """The context on the cluster at ``master``; replaces one that uses another cluster.

        Raises MasterUrlError when the URL names no cluster, and SettingsError while jobs run.
        """
        self.engine.check_master(master)
        current = self.existing()
        if current is not None and current.master == master:
            return current
        if current is not None:
            running = current.active_jobs()
            if running:
                jobs = ", ".join(map(str, sorted(running)))
                raise SettingsError(
                    f"Can't move to {master} while job {jobs} runs on {current.master}: its results would be lost. "
                    "Wait for it, or cancel it with `%spark cancel`."
                )
        self._master = master
        return self._reopen()

    def restart(self) -> Context:
        """The context again after it was stopped or could not be opened; the same one when it is usable."""
        current = self.existing()
        return self._reopen() if current is None else current

    def _reopen(self) -> Context:
        self.stop()
        self._stopped = False
        return self.context()

    def stop(self) -> None:
        """End the application and its cluster. Nothing happens when there is none."""
        with self._changing:
            self._stopped = True
            opening, self._opening = self._opening, None
            context, self._context = self._context, None
        if context is None and opening is not None and opening.exception() is None:
            context = opening.result()
        if context is not None and not context.stopped:
            context.stop()

    def _open(self, opening: Future[Context], master: str | None, settings: dict[str, str]) -> None:
        try:
            opening.set_result(self.engine.open_context(master, settings))
        except BaseException as error:
            opening.set_exception(error)

    def _adopt(self, context: Context) -> Context:
        with self._changing:
            if context is self._context:
                return context
            self._context = context
            context.events.listen(self.jobs.listen)
        self.on_context(context)
        return context

    # -- runs ----------------------------------------------------------------------------------------------------

    @property
    def current_run(self) -> Run | None:
        """The run of the cell that this thread executes."""
        return self._runs.get(threading.get_ident())

    def begin_run(self, title: str | None, cell: int | None, with_card: bool) -> Run:
        """The run of the cell that this thread begins to execute; needs a context."""
        context = self.context()
        run = Run(
            run_id=f"{context.applicationId}/run-{self._run_numbers.next()}",
            title=title or (f"cell [{cell}]" if cell is not None else "cell"),
            cell=cell,
            context=context,
            make_card=self._make_card if with_card else NoCard,
            patience=float(self.setting(PATIENCE_SETTING, DEFAULT_PATIENCE)),
        )
        self._runs[threading.get_ident()] = run
        run.begin()
        return run

    def end_run(self, run: Run, error: BaseException | None) -> None:
        """The cell of ``run`` is over."""
        if self._runs.get(threading.get_ident()) is run:
            del self._runs[threading.get_ident()]
        if run.has_jobs or run.planned:
            self.last_run = run
        run.end(error)
