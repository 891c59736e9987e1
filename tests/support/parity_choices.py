"""Programs about random choices: the same numbers of the same generator."""

from __future__ import annotations

from tests.support.parity import program


@program
def sample_without_replacement(sc):
    rdd = sc.parallelize(range(200), 4)
    return [
        rdd.sample(False, fraction, seed).glom().collect() for fraction in (0, 0.1, 0.5, 1, 1.5) for seed in (1, 42)
    ]


@program
def sample_with_replacement(sc):
    rdd = sc.parallelize(range(60), 3)
    return [rdd.sample(True, fraction, 7).glom().collect() for fraction in (0.1, 1.0, 2.5, 25.0)]


@program
def random_split(sc):
    rdd = sc.parallelize(range(100), 4)
    return [part.glom().collect() for part in rdd.randomSplit([1, 2.5, 0, 3], 17)]


@program
def sample_by_key(sc):
    rdd = sc.parallelize([(i % 4, i) for i in range(100)], 3)
    fractions = {0: 0.1, 1: 0.5, 2: 1.0, 3: 0}
    return [rdd.sampleByKey(replace, fractions, 5).glom().collect() for replace in (False, True)]


@program
def take_sample(sc):
    rdd = sc.parallelize(range(100), 4)
    return [rdd.takeSample(replace, number, 3) for replace in (False, True) for number in (0, 1, 5, 30, 100, 130)]


@program
def sample_of_a_sample(sc):
    return sc.parallelize(range(300), 3).sample(False, 0.5, 1).map(lambda x: x * 2).sample(False, 0.5, 1).collect()
