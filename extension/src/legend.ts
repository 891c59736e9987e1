/** What the lines, boxes and colours of the picture mean; only those that occur in it. */

import { element } from './dom.js';
import { duration } from './measures.js';
import type { Run, State } from './model.js';

/** The legend of `run`'s picture, in which `drawn` are the states of the boxes. */
export function legend(run: Run, drawn: ReadonlySet<State>): HTMLElement {
  const kept = run.nodes.filter(node => node.storageLevel !== '');
  const entries: [string, string, boolean][] = [
    ['narrow', 'narrow', run.edges.some(edge => edge.kind === 'narrow')],
    ['shuffle', 'shuffle', run.edges.some(edge => edge.kind === 'shuffle')],
    ['cached', 'in the cache', kept.some(node => node.cachedPartitions > 0)],
    ['persisted', 'to be cached', kept.some(node => node.cachedPartitions === 0)],
    ['skipped', 'skipped', drawn.has('skipped')],
    ['share', 'share of the time', run.stages.some(stage => duration(stage) !== null)]
  ];
  return element(
    'ul',
    { class: 'spk-legend', 'aria-label': 'Legend' },
    ...entries
      .filter(([, , occurs]) => occurs)
      .map(([kind, meaning]) =>
        element('li', {}, element('span', { class: 'spk-sample', 'data-kind': kind }), meaning)
      )
  );
}
