"""Where lineage is cut, and what can be skipped."""

from __future__ import annotations

from spark_kernel.core.scheduler.planner import MOST_HIDDEN, missing_parents, outline
from tests.support.lineages import Graph


def names(stages):
    return [[node.operation for node in stage.nodes] for stage in stages]


def nothing(_):
    return False


def test_a_lineage_without_shuffles_is_one_stage():
    graph = Graph()
    final = graph.map(graph.map(graph.source(), "a"), "b")
    assert names(outline(final)) == [["source", "a", "b"]]


def test_a_stage_ends_at_each_shuffle_and_parents_come_first():
    """source ─ map ═ reduceByKey ─ map ═ sortByKey"""
    graph = Graph()
    reduced = graph.shuffle(graph.map(graph.source()), "reduceByKey")
    final = graph.shuffle(graph.map(reduced, "swap"), "sortByKey")
    stages = outline(final)
    assert names(stages) == [["source", "map"], ["reduceByKey", "swap"], ["sortByKey"]]
    assert [stage.parents for stage in stages] == [(), (0,), (1,)]
    assert [stage.shuffle and stage.shuffle.shuffle_id for stage in stages] == [0, 1, None]


def test_a_shuffle_that_is_read_twice_is_one_stage():
    """
    source ═ reduceByKey ─ a ┐
                         └ b ┴ zip
    """
    graph = Graph()
    reduced = graph.shuffle(graph.source())
    final = graph.zip(graph.map(reduced, "a"), graph.map(reduced, "b"))
    assert names(outline(final)) == [["source"], ["reduceByKey", "a", "b", "zip"]]


def test_a_diamond_of_shuffles_keeps_parents_before_children():
    """
    source ═ s0 ─┬═ s1 ┐
                 └═ s2 ┴ union
    """
    graph = Graph()
    s0 = graph.shuffle(graph.source(), "s0")
    final = graph.union(graph.shuffle(s0, "s1"), graph.shuffle(s0, "s2"))
    stages = outline(final)
    assert names(stages) == [["source"], ["s0"], ["s0"], ["s1", "s2", "union"]]
    assert stages[-1].parents == (1, 2)


def needed(stages):
    return [names([stage])[0] for stage in stages if stage.is_needed]


def test_a_finished_shuffle_hides_everything_above_it():
    graph = Graph()
    first = graph.shuffle(graph.source(), "first")
    final = graph.shuffle(first, "second")
    assert needed(outline(final, nothing, lambda link: link.shuffle_id == 1)) == [["second"]]
    assert needed(outline(final, nothing, lambda link: link.shuffle_id == 0)) == [["first"], ["second"]]
    assert names(outline(final, nothing, lambda link: link.shuffle_id == 1)) == [["source"], ["first"], ["second"]]


def test_a_cached_dataset_hides_the_shuffle_that_made_it():
    graph = Graph()
    reduced = graph.shuffle(graph.source())
    cached = graph.map(reduced, "cached")
    final = graph.map(cached)
    stages = outline(final, lambda node: node is cached)
    assert needed(stages) == [["reduceByKey", "cached", "map"]]
    assert names(stages) == [["source"], ["reduceByKey", "cached", "map"]]


def test_a_shuffle_beside_a_cached_dataset_is_still_needed():
    graph = Graph()
    cached = graph.map(graph.shuffle(graph.source("l"), "left"), "cached")
    final = graph.zip(cached, graph.shuffle(graph.source("r"), "right"))
    missing = missing_parents(final, lambda node: node is cached, nothing)
    assert [link.shuffle_id for link in missing] == [1]
    stages = outline(final, lambda node: node is cached)
    assert needed(stages) == [["r"], ["left", "cached", "right", "zip"]]


def test_only_the_nearest_of_what_is_hidden_is_listed():
    graph = Graph()
    node = graph.source()
    for _ in range(2000):
        node = graph.shuffle(node)
    stages = outline(graph.map(node), nothing, lambda link: True, most_hidden=3)
    assert [stage.final.node_id for stage in stages] == [1997, 1998, 1999, 2001]
    assert [stage.parents for stage in stages] == [(), (1997,), (1998,), (1999,)]
    assert needed(stages) == [["reduceByKey", "map"]]


def test_planning_looks_at_what_has_to_run_and_a_little_more_however_long_the_lineage_is():
    graph = Graph()
    node = graph.source()
    looked_at = []

    def is_shuffled(link):
        looked_at.append(link)
        return True

    def is_cached(node):
        looked_at.append(node)
        return node.operation == "cached"

    work = []
    for _ in range(500):
        node = graph.map(graph.shuffle(node), "cached")
        looked_at.clear()
        stages = outline(graph.map(node), is_cached, is_shuffled)
        assert missing_parents(graph.map(node), is_cached, is_shuffled) == ()
        work.append(len(looked_at) + sum(len(stage.nodes) for stage in stages))
    assert max(work[MOST_HIDDEN:]) == min(work[MOST_HIDDEN:])


def test_thousands_of_steps_and_shuffles_need_no_recursion():
    graph = Graph()
    node = graph.source()
    for _ in range(2000):
        node = graph.shuffle(graph.map(graph.map(node)))
    assert len(outline(node)) == 2001
