/** The panel beside the picture: everything known of the picked stage or dataset, with links to its neighbours. */

import { describeDataset } from './describe.js';
import { KEEPS_ITS_KEYS, button, element } from './dom.js';
import { formatBytes, formatCount, formatSeconds } from './format.js';
import { stateIcon } from './icons.js';
import {
  FLOWS,
  describeFlow,
  describeState,
  describeTasks,
  duration,
  flow,
  skewRemark,
  timeRange
} from './measures.js';
import type { Dataset, Run, Stage } from './model.js';
import type { Picked, Selection } from './selection.js';
import { factList } from './tooltip.js';

/** The panel; hidden while nothing is picked. */
export function detailsPanel(run: Run, selection: Selection): HTMLElement {
  const panel = element('aside', {
    class: 'spk-details',
    'aria-live': 'polite'
  });
  panel.addEventListener('keydown', event => {
    if (event.key === 'Escape') {
      selection.set(null);
    }
  });
  selection.follow(picked => {
    const content = picked && contentFor(picked, run, selection);
    panel.hidden = !content;
    panel.replaceChildren(...(content ?? []));
  });
  return panel;
}

function contentFor(picked: NonNullable<Picked>, run: Run, selection: Selection): Node[] | null {
  const close = button('Close details', '×', () => selection.set(null));
  const stage = picked.kind === 'stage' ? run.stages.find(known => known.stageId === picked.id) : undefined;
  const dataset = picked.kind === 'dataset' ? run.nodes.find(known => known.nodeId === picked.id) : undefined;
  const content = stage
    ? stageContent(stage, run, selection)
    : dataset && datasetContent(dataset, run, selection);
  return content ? [...content, close] : null;
}

function stageContent(stage: Stage, run: Run, selection: Selection): Node[] {
  const datasets = stage.nodeIds.flatMap(id => run.nodes.filter(node => node.nodeId === id));
  const readers = run.stages.filter(other => other.parents.includes(stage.stageId));
  const remark = skewRemark(stage);
  return [
    heading(`Stage ${stage.stageId}`, stateIcon(stage.state)),
    element('p', { class: 'spk-details-place' }, stage.name),
    stage.message ? element('p', { class: 'spk-message', 'data-state': stage.state }, stage.message) : '',
    factList(timing(stage, run)),
    taskTimes(stage),
    remark ? element('p', { class: 'spk-warning' }, remark) : '',
    section('Data', factList(movement(stage))),
    links(
      'Reads from',
      stage.parents.map(id => stageLink(id, selection))
    ),
    links(
      'Read by',
      readers.map(reader => stageLink(reader.stageId, selection))
    ),
    links(
      'Datasets',
      datasets.map(dataset => datasetLink(dataset, selection))
    )
  ].map(asNode);
}

function datasetContent(dataset: Dataset, run: Run, selection: Selection): Node[] {
  const said = describeDataset(dataset);
  const neighbours = (from: 'parent' | 'child', to: 'parent' | 'child') =>
    run.edges
      .filter(edge => edge[from] === dataset.nodeId)
      .flatMap(edge => run.nodes.filter(node => node.nodeId === edge[to]));
  return [
    heading(said.heading),
    element('p', { class: 'spk-details-place' }, said.place),
    factList(said.facts.filter(([name]) => !name.startsWith('Stage'))),
    links(
      'Made from',
      neighbours('child', 'parent').map(node => datasetLink(node, selection))
    ),
    links(
      'Used by',
      neighbours('parent', 'child').map(node => datasetLink(node, selection))
    ),
    links(
      'Computed in',
      dataset.stageIds.map(id => stageLink(id, selection))
    )
  ].map(asNode);
}

function timing(stage: Stage, run: Run): [string, string][] {
  const took = duration(stage);
  const range = timeRange(run);
  const facts: [string, string][] = [['State', describeState(stage.state)]];
  if (stage.barrier) {
    facts.push(['Barrier', 'its tasks run all at the same time, or not at all']);
  }
  if (stage.attempt > 0) {
    const reason = stage.barrier
      ? 'after a task of the barrier stage was lost or failed'
      : 'after lost map outputs';
    facts.push(['Attempt', `${stage.attempt + 1}, ${reason}`]);
  }
  if (stage.state === 'skipped' || stage.state === 'planned') {
    return [...facts, ['Tasks', formatCount(stage.tasks.total)]];
  }
  facts.push(['Tasks', describeTasks(stage)]);
  if (range && stage.started !== null) {
    facts.push(['Began', `${formatSeconds(stage.started - range.start)} into the run`]);
  }
  if (took !== null) {
    facts.push(['Took', formatSeconds(took)]);
  }
  if (stage.metrics.run_seconds) {
    facts.push(['Work', `${formatSeconds(stage.metrics.run_seconds)} of task time`]);
  }
  return facts;
}

function movement(stage: Stage): [string, string][] {
  const facts = FLOWS.map((name): [string, string] => {
    const amount = flow([stage], name);
    return [amount.label, describeFlow(amount, true)];
  });
  const remote = stage.metrics.shuffle_remote_bytes_read ?? 0;
  facts.push(
    ['From other nodes', remote ? formatBytes(remote) : ''],
    ['To the driver', stage.metrics.result_bytes ? formatBytes(stage.metrics.result_bytes) : ''],
    ['Peak memory', stage.metrics.peak_memory_bytes ? formatBytes(stage.metrics.peak_memory_bytes) : '']
  );
  return facts.filter(([, value]) => value);
}

/** Shortest, median and longest task on one scale. */
function taskTimes(stage: Stage): Node | string {
  const seconds = stage.taskSeconds;
  if (!seconds) {
    return '';
  }
  const at = (value: number) => `${seconds.max > 0 ? (100 * value) / seconds.max : 0}%`;
  const spread = element(
    'div',
    { class: 'spk-spread', 'aria-hidden': 'true' },
    element('span', {
      class: 'spk-spread-range',
      style: `left: ${at(seconds.min)}; width: calc(100% - ${at(seconds.min)})`
    }),
    element('span', { class: 'spk-spread-median', style: `left: ${at(seconds.median)}` })
  );
  return section(
    'Task time',
    spread,
    factList([
      ['Shortest', formatSeconds(seconds.min)],
      ['Median', formatSeconds(seconds.median)],
      ['Longest', formatSeconds(seconds.max)]
    ])
  );
}

function heading(text: string, icon?: Node): Node {
  return element('h4', { class: 'spk-details-heading' }, icon, text);
}

function section(title: string, ...content: Node[]): Node | string {
  if (!content.some(part => part.hasChildNodes())) {
    return '';
  }
  return element('section', {}, element('h5', {}, title), ...content);
}

function links(title: string, items: Node[]): Node | string {
  const unique = items.length ? [element('div', { class: 'spk-links' }, ...items)] : [];
  return section(title, ...unique);
}

function stageLink(id: number, selection: Selection): Node {
  return link(`Stage ${id}`, '', () => selection.set({ kind: 'stage', id }));
}

function datasetLink(dataset: Dataset, selection: Selection): Node {
  const name = dataset.name ? `${dataset.name}: ${dataset.operation}` : dataset.operation;
  return link(name, dataset.place, () => selection.set({ kind: 'dataset', id: dataset.nodeId }));
}

function link(name: string, place: string, action: () => void): Node {
  const made = element(
    'button',
    { type: 'button', class: 'spk-link', ...KEEPS_ITS_KEYS },
    element('span', {}, name),
    place ? element('span', { class: 'spk-faint' }, place) : null
  );
  made.addEventListener('click', action);
  return made;
}

function asNode(part: Node | string): Node {
  return typeof part === 'string' ? document.createTextNode(part) : part;
}
