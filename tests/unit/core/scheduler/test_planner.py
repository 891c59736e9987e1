"""Where lineage is cut, and what can be skipped."""

from __future__ import annotations

from spark_kernel.core.scheduler.planner import missing_parents, outline, stages_to_run
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


def test_a_finished_shuffle_hides_everything_above_it():
    graph = Graph()
    first = graph.shuffle(graph.source(), "first")
    final = graph.shuffle(first, "second")
    stages = outline(final)
    assert names(stages_to_run(stages, nothing, {1}.__contains__)) == [["second"]]
    assert names(stages_to_run(stages, nothing, {0}.__contains__)) == [["first"], ["second"]]


def test_a_cached_dataset_hides_the_shuffle_that_made_it():
    graph = Graph()
    reduced = graph.shuffle(graph.source())
    cached = graph.map(reduced, "cached")
    final = graph.map(cached)
    stages = outline(final)
    assert stages_to_run(stages, lambda node: node is cached, nothing) == (stages[-1],)


def test_a_shuffle_beside_a_cached_dataset_is_still_needed():
    graph = Graph()
    cached = graph.map(graph.shuffle(graph.source("l"), "left"), "cached")
    final = graph.zip(cached, graph.shuffle(graph.source("r"), "right"))
    stages = outline(final)
    assert missing_parents(stages[-1], lambda node: node is cached, nothing) == (1,)
    assert names(stages_to_run(stages, lambda node: node is cached, nothing)) == [
        ["r"],
        ["left", "cached", "right", "zip"],
    ]


def test_thousands_of_steps_and_shuffles_need_no_recursion():
    graph = Graph()
    node = graph.source()
    for _ in range(2000):
        node = graph.shuffle(graph.map(graph.map(node)))
    assert len(outline(node)) == 2001
