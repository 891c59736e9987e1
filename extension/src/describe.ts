/** What is said of a dataset, a stage or an edge: in its tooltip, to a screen reader, in the details. */

import { formatBytes, formatCount, formatSeconds } from './format.js';
import { FLOWS, describeFlow, describeState, describeTasks, duration, flow } from './measures.js';
import type { Dataset, Edge, Run, Stage } from './model.js';
import type { TooltipText } from './tooltip.js';

type Facts = [string, string][];

/** A dataset: what made it, where, and how it is kept. */
export function describeDataset(dataset: Dataset): TooltipText {
  return {
    heading: dataset.name ? `${dataset.name}: ${dataset.operation}` : dataset.operation,
    place: dataset.place,
    facts: datasetFacts(dataset)
  };
}

/** A stage: its state, its tasks, and what it moved. */
export function describeStage(stage: Stage): TooltipText {
  return { heading: `Stage ${stage.stageId}`, place: stage.name, facts: stageFacts(stage) };
}

/** A dependency; `run` tells what went through a shuffle. */
export function describeEdge(edge: Edge, run: Run): TooltipText {
  const dataset = (id: number) => run.nodes.find(node => node.nodeId === id)?.operation ?? `dataset ${id}`;
  const place = `${dataset(edge.parent)} → ${dataset(edge.child)}`;
  if (edge.kind === 'narrow') {
    return {
      heading: 'Narrow dependency',
      place,
      facts: [['', 'each partition reads its own, in the same task']]
    };
  }
  const writers = run.stages.filter(stage => stage.nodeIds[stage.nodeIds.length - 1] === edge.parent);
  const written = describeFlow(flow(writers, 'shuffle write'), true);
  return { heading: 'Shuffle', place, facts: present([['Moved', written]]) };
}

/** One line for a screen reader. */
export function spoken(text: TooltipText): string {
  const facts = text.facts.map(([name, value]) => (name ? `${name}: ${value}` : value));
  return [text.heading, text.place, ...facts].filter(Boolean).join(', ');
}

function datasetFacts(dataset: Dataset): Facts {
  const { partitions, storageLevel, cachedPartitions, estimatedBytes, stageIds } = dataset;
  return present([
    ['Partitions', partitions === null ? '' : formatCount(partitions)],
    ['Persisted', storageLevel],
    [
      'In the cache',
      cachedPartitions > 0 ? `${formatCount(cachedPartitions)} of ${formatCount(partitions ?? 0)}` : ''
    ],
    ['Input size', estimatedBytes === null ? '' : formatBytes(estimatedBytes)],
    [stageIds.length === 1 ? 'Stage' : 'Stages', stageIds.join(', ')]
  ]);
}

function stageFacts(stage: Stage): Facts {
  const took = duration(stage);
  const seconds = stage.taskSeconds;
  const ran = stage.state !== 'skipped' && stage.state !== 'planned';
  return present([
    ['State', describeState(stage.state)],
    ['Tasks', ran ? describeTasks(stage) : formatCount(stage.tasks.total)],
    ['Took', took === null ? '' : formatSeconds(took)],
    [
      'Task time',
      seconds ? `${formatSeconds(seconds.median)} median, ${formatSeconds(seconds.max)} longest` : ''
    ],
    ...FLOWS.map((name): [string, string] => {
      const amount = flow([stage], name);
      return [amount.label, describeFlow(amount, true)];
    }),
    ['Message', stage.message]
  ]);
}

function present(facts: Facts): Facts {
  return facts.filter(([, value]) => value !== '');
}
