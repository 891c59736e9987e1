"""Which variable each dataset was first assigned to. Compiled cells call this for every assignment of a name."""

from __future__ import annotations

from typing import Any, TypeVar

from spark_kernel.notebook.session import Session

Value = TypeVar("Value")


class DatasetNames:
    """Gives datasets the names of their variables; the first name stays, as `b = a` makes no new dataset."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names: dict[int, str] = {}

    def named(self, name: str, value: Value) -> Value:
        """``value``, which was assigned to ``name``."""
        context = self._session.existing()
        if context is None or not self._session.engine.is_dataset(value):
            return value
        node_id = node_id_of(value)
        if node_id not in self._names:
            self._names[node_id] = name
            context.name_dataset(value, name)
        return value

    def name_of(self, dataset: object) -> str:
        """The dataset's variable, or the operation that made it."""
        node: Any = dataset
        return self._names.get(node_id_of(dataset)) or str(node.node.operation)


def node_id_of(dataset: Any) -> int:
    """The lineage node behind a dataset."""
    node_id: int = dataset.node.node_id
    return node_id
