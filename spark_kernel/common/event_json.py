"""Events as JSON objects and back. Shared by the event log, the saved run card and the JupyterLab panel."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

from spark_kernel.common import events
from spark_kernel.common.errors import EventLogError
from spark_kernel.common.events import Event

_KINDS: dict[str, type[Event]] = {
    name: kind
    for name, kind in vars(events).items()
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
}


def to_json(event: Event) -> dict[str, Any]:
    """``event`` as a JSON object whose key ``event`` names its kind.

    >>> from spark_kernel.common.events import Unpersisted
    >>> to_json(Unpersisted(time=1.5, node_id=4))
    {'event': 'Unpersisted', 'time': 1.5, 'node_id': 4}
    """
    return {"event": type(event).__name__, **dataclasses.asdict(event)}


def from_json(record: dict[str, Any]) -> Event:
    """The event that `to_json` wrote. Unknown fields are ignored, so that an older reader reads a newer log.

    >>> from_json({'event': 'Unpersisted', 'time': 1.5, 'node_id': 4})
    Unpersisted(time=1.5, node_id=4)

    Raises EventLogError when ``record`` is not an event.
    """
    kind = _KINDS.get(record.get("event", ""))
    if kind is None:
        raise EventLogError(f"not an event of this application: {str(record)[:200]}")
    try:
        return typing.cast(Event, _build(kind, record))
    except (TypeError, KeyError, ValueError) as error:
        raise EventLogError(f"damaged {kind.__name__} event ({error}): {str(record)[:200]}") from error


def _build(kind: type[Any], record: dict[str, Any]) -> Any:
    hints = typing.get_type_hints(kind)
    return kind(**{name: _value(hints[name], value) for name, value in record.items() if name in hints})


def _value(hint: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _build(typing.cast("type[Any]", hint), value)
    origin = typing.get_origin(hint)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(typing.get_args(hint)[0], item) for item in value)
    if origin in (typing.Union, types.UnionType) and value is not None:
        inner = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        return _value(inner[0], value)
    return value
