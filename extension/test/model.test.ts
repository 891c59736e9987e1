import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readRun } from '../src/model.js';
import { exampleRun } from './page.js';

test('the saved run is read as it was written', () => {
  const run = readRun(exampleRun());
  assert.equal(run?.stages.length, exampleRun().stages.length);
  assert.equal(run?.nodes[0]?.operation, exampleRun().nodes[0].operation);
  assert.deepEqual(
    run?.edges.map(edge => [edge.parent, edge.child]),
    exampleRun().edges.map((edge: Record<string, number>) => [edge.parent, edge.child])
  );
});

test('what is no JSON object is no run', () => {
  for (const data of [undefined, null, 3, 'text', [], [exampleRun()]]) {
    assert.equal(readRun(data), null);
  }
});

test('an empty object is a run of which nothing is known', () => {
  const run = readRun({});
  assert.deepEqual([run?.title, run?.stages, run?.svg, run?.started], ['Spark run', [], null, null]);
});

test('fields of the wrong type become their defaults', () => {
  const run = readRun({
    title: { toString: 'x' },
    outcome: '__proto__',
    stages: [
      7,
      null,
      { stage_id: 'one', tasks: [], metrics: { bytes_read: '9', records_read: 3 }, parents: ['a', 1] }
    ],
    nodes: { length: 2 },
    edges: [{ parent: 1, child: 2, kind: 'javascript:' }]
  });
  const [stage] = run?.stages ?? [];
  assert.equal(run?.outcome, 'succeeded');
  assert.equal(run?.stages.length, 1);
  assert.deepEqual([stage?.stageId, stage?.tasks.total, stage?.parents], [0, 0, [1]]);
  assert.deepEqual(stage?.metrics, { records_read: 3 });
  assert.deepEqual([run?.nodes, run?.edges[0]?.kind], [[], 'narrow']);
});
