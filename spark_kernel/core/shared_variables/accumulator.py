"""Variables that tasks add to and only the driver reads.

A task's additions go to the `TaskAccumulators` that execution makes current while the task runs; they return with the
task's result, and the driver's `AccumulatorRegistry` merges those of the first attempt that succeeds.
"""

from __future__ import annotations

import copy
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from pyspark.accumulators import (
    COMPLEX_ACCUMULATOR_PARAM,
    FLOAT_ACCUMULATOR_PARAM,
    INT_ACCUMULATOR_PARAM,
    AccumulatorParam,
)
from pyspark.accumulators import Accumulator as PySparkAccumulator
from pyspark.errors import PySparkRuntimeError

from spark_kernel.common.errors import ContextError
from spark_kernel.common.ids import Counter

T = TypeVar("T")

__all__ = ["Accumulator", "AccumulatorParam", "AccumulatorRegistry", "TaskAccumulators", "accumulators_of_task"]


class TaskAccumulators:
    """What one task attempt added, by accumulator. Safe to use from threads that the task starts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._added: dict[int, Any] = {}
        self._closed = False

    def add(self, accumulator: Accumulator[T], term: T) -> None:
        """Add ``term``, beginning with the zero of ``accumulator``."""
        with self._lock:
            if self._closed:
                raise ContextError(
                    f"{accumulator!r} was added to after its task had ended: let the threads that a task starts end "
                    "before it returns."
                )
            known = self._added.get(accumulator.aid, self)
            before = copy.deepcopy(accumulator.zero) if known is self else known
            self._added[accumulator.aid] = accumulator.accum_param.addInPlace(before, term)

    def close(self) -> dict[int, Any]:
        """accumulator id -> what was added; later additions are errors."""
        with self._lock:
            self._closed = True
            return self._added


_current_task: ContextVar[TaskAccumulators | None] = ContextVar("spark_kernel_accumulators", default=None)


@contextmanager
def accumulators_of_task(task: TaskAccumulators) -> Iterator[None]:
    """While it is open, what this thread adds to any accumulator goes to ``task``."""
    token = _current_task.set(task)
    try:
        yield
    finally:
        _current_task.reset(token)


class Accumulator(PySparkAccumulator, Generic[T]):
    """A variable that tasks add to (``+=`` or ``add``) and only the driver reads (``value``). Pickles to its zero."""

    # PySpark's constructor enters the accumulator into a table of the whole process; ours belongs to a context.
    def __init__(self, aid: int, value: T, accum_param: AccumulatorParam) -> None:
        self.aid = aid
        self.accum_param = accum_param
        self._value = value
        self._deserialized = False
        self._lock = threading.Lock()
        self._failure: Exception | None = None

    @property
    def zero(self) -> T:
        """What a task begins with."""
        zero: T = self._value if self._deserialized else self.accum_param.zero(self._value)
        return zero

    @property
    def value(self) -> T:
        """The value; on the driver only.

        Raises PySparkRuntimeError (VALUE_NOT_ACCESSIBLE) in a task, and ContextError when what a task added could not
        be merged, so that the value is not what it should be; setting it begins anew.
        """
        self._refuse_in_task()
        if self._failure is not None:
            raise ContextError(
                f"Accumulator {self.aid} lacks what tasks added: its AccumulatorParam raised "
                f"{type(self._failure).__name__}: {self._failure}"
            ) from self._failure
        return self._value

    @value.setter
    def value(self, value: T) -> None:
        self._refuse_in_task()
        self._value = value
        self._failure = None

    def add(self, term: T) -> None:
        """Add ``term``."""
        task = _current_task.get()
        if task is not None:
            task.add(self, term)
        elif self._deserialized:
            raise ContextError(
                f"{self!r} was added to outside a task's own thread. A thread that a task starts must run in a copy "
                "of its context: contextvars.copy_context().run(...)."
            )
        else:
            with self._lock:
                self._value = self.accum_param.addInPlace(self._value, term)

    def merge(self, update: T) -> None:
        """Add what a task added. An error of the user's AccumulatorParam is kept for whoever asks for the value."""
        try:
            self.add(update)
        except Exception as error:
            self._failure = error

    def __iadd__(self, term: T) -> Accumulator[T]:
        self.add(term)
        return self

    def __reduce__(self) -> tuple[Callable[..., Accumulator[T]], tuple[int, T, AccumulatorParam]]:
        return _arrived, (self.aid, self.zero, self.accum_param)

    def __deepcopy__(self, memo: dict[int, Any]) -> Accumulator[T]:
        # A zero value that holds an accumulator is copied; what is added to the copy has to count.
        return self

    def __str__(self) -> str:
        return str(self._value)

    def __repr__(self) -> str:
        return f"Accumulator<id={self.aid}, value={self._value}>"

    def _refuse_in_task(self) -> None:
        if self._deserialized or _current_task.get() is not None:
            raise PySparkRuntimeError(
                errorClass="VALUE_NOT_ACCESSIBLE", messageParameters={"value": "Accumulator.value"}
            )


def _arrived(aid: int, zero: T, accum_param: AccumulatorParam) -> Accumulator[T]:
    accumulator = Accumulator(aid, zero, accum_param)
    accumulator._deserialized = True
    return accumulator


class AccumulatorRegistry:
    """The accumulators of one context.

    >>> registry = AccumulatorRegistry()
    >>> words = registry.create(10)
    >>> registry.merge({words.aid: 5})
    >>> words.value
    15
    """

    def __init__(self) -> None:
        self._ids = Counter()
        # An accumulator that the user no longer holds needs no updates.
        self._accumulators: weakref.WeakValueDictionary[int, Accumulator[Any]] = weakref.WeakValueDictionary()

    def create(self, value: T, accum_param: AccumulatorParam | None = None) -> Accumulator[T]:
        """An accumulator that begins with ``value``.

        Raises TypeError when there is no default AccumulatorParam for the value's type.
        """
        param = accum_param if accum_param is not None else _default_param(value)
        accumulator = Accumulator(self._ids.next(), value, param)
        self._accumulators[accumulator.aid] = accumulator
        return accumulator

    def merge(self, updates: Mapping[int, Any]) -> None:
        """Add what one task added. To be called once for each task, for the first attempt that succeeds."""
        for aid, update in updates.items():
            accumulator = self._accumulators.get(aid)
            if accumulator is not None:
                accumulator.merge(update)


def _default_param(value: Any) -> AccumulatorParam:
    if isinstance(value, int):
        return INT_ACCUMULATOR_PARAM
    if isinstance(value, float):
        return FLOAT_ACCUMULATOR_PARAM
    if isinstance(value, complex):
        return COMPLEX_ACCUMULATOR_PARAM
    raise TypeError(f"No default accumulator param for type {type(value)}")
