"""Which datasets of a stage one line of the user's code made, so that the picture shows them as one step.

A ``join`` is five datasets, a loop of ten ``map`` is ten. Called by `compose`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from spark_kernel.notebook.card.run_json import NodeJson


def one_line_together(nodes: Sequence[NodeJson], read: Mapping[int, Set[int]]) -> list[list[int]]:
    """Ids of ``nodes`` (parents first) in groups, again parents first.

    ``read``: for each id those that it reads. A dataset joins the group of those that read it when all of them are of
    one group, made by the same operation at the same place; so no way leads out of a group and back into it. What is
    persisted, or has a name of its own, is worth seeing and stays.
    """
    group_of: dict[int, int] = {}
    readers: dict[int, list[int]] = {}
    for child, parents in read.items():
        for parent in parents:
            readers.setdefault(parent, []).append(child)
    known = {node["node_id"]: node for node in nodes}
    for node in reversed(nodes):
        node_id = node["node_id"]
        groups = {group_of[reader] for reader in readers.get(node_id, ())}
        last = groups.pop() if len(groups) == 1 else node_id
        group_of[node_id] = last if _belongs(node, known[last]) else node_id
    found: dict[int, list[int]] = {
        node["node_id"]: [] for node in nodes if group_of[node["node_id"]] == node["node_id"]
    }
    for node in nodes:
        found[group_of[node["node_id"]]].append(node["node_id"])
    return list(found.values())


def _belongs(node: NodeJson, last: NodeJson) -> bool:
    if node["storage_level"] is not None or node["name"] not in (None, last["name"]):
        return False
    return (node["operation"], node["place"]) == (last["operation"], last["place"])
