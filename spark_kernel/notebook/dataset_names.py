"""Which variable each dataset was first assigned to. Compiled cells call this for every assignment of a name."""

from __future__ import annotations

from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from spark_kernel.notebook.session import Session

Value = TypeVar("Value")

# What loops assign by the million; a look at the type costs a twentieth of a look at the session.
_PLAIN = frozenset((int, float, complex, str, bytes, bool, list, dict, tuple, set, type(None)))


class DatasetNames:
    """Gives datasets the names of their variables; the first name stays, as `b = a` makes no new dataset."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names: WeakKeyDictionary[object, str] = WeakKeyDictionary()

    def named(self, name: str, value: Value) -> Value:
        """``value``, which was assigned to ``name``."""
        if type(value) in _PLAIN:
            return value
        context = self._session.existing()
        if context is None or not self._session.engine.is_dataset(value):
            return value
        node = node_of(value)
        if node not in self._names:
            self._names[node] = name
            context.name_dataset(value, name)
        return value

    def name_of(self, dataset: object) -> str:
        """The dataset's variable, or the operation that made it."""
        node = node_of(dataset)
        return self._names.get(node) or str(node.operation)


def node_of(dataset: Any) -> Any:
    """The lineage node behind a dataset."""
    return dataset.node
