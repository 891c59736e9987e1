import assert from 'node:assert/strict';
import { test } from 'node:test';

import { describeFlow, elapsed, flow, skewRemark, timeRange } from '../src/measures.js';
import { readRun } from '../src/model.js';
import { relatives } from '../src/picture.js';

function stage(fields: object) {
  return readRun({ stages: [fields] })!.stages[0]!;
}

test('local and remote shuffle bytes add up', () => {
  const stages = [
    stage({
      metrics: { shuffle_local_bytes_read: 1000, shuffle_remote_bytes_read: 24, shuffle_records_read: 3 }
    })
  ];
  assert.deepEqual(flow(stages, 'shuffle read'), { label: 'Shuffle read', bytes: 1024, records: 3 });
  assert.equal(describeFlow(flow(stages, 'shuffle read'), true), '1.0 kB, 3 rows');
  assert.equal(describeFlow(flow(stages, 'written'), true), '');
});

test('a run without its own times takes those of its stages', () => {
  const run = readRun({ stages: [{ started: 10, ended: 12 }, { started: 11, ended: 15.5 }, {}] })!;
  assert.deepEqual(timeRange(run), { start: 10, end: 15.5 });
  assert.equal(elapsed(run), 5.5);
  assert.equal(elapsed(readRun({})!), null);
});

test('an uneven stage is remarked on, a quick or even one is not', () => {
  const tasks = { total: 8 };
  assert.match(
    skewRemark(stage({ tasks, task_seconds: { min: 0.1, median: 0.2, max: 2 } })),
    /10 times the median/
  );
  assert.equal(skewRemark(stage({ tasks, task_seconds: { min: 0.001, median: 0.002, max: 0.02 } })), '');
  assert.equal(skewRemark(stage({ tasks, task_seconds: { min: 1, median: 1.5, max: 2 } })), '');
  assert.equal(skewRemark(stage({ tasks })), '');
});

test('the lineage of a dataset is all it comes from and all that comes from it', () => {
  // 1 -> 2 -> 4 <- 3, and 5 beside 4
  const run = readRun({
    edges: [
      [1, 2],
      [2, 4],
      [3, 4],
      [2, 5]
    ].map(([parent, child]) => ({ parent, child }))
  })!;
  assert.deepEqual([...relatives(2, run.edges)].sort(), [1, 2, 4, 5]);
  assert.deepEqual([...relatives(3, run.edges)].sort(), [3, 4]);
});

test('a lineage that goes round in a circle ends', () => {
  const run = readRun({
    edges: [
      { parent: 1, child: 2 },
      { parent: 2, child: 1 }
    ]
  })!;
  assert.deepEqual([...relatives(1, run.edges)].sort(), [1, 2]);
});
