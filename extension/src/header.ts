/** The top of the card: what ran, how it ended, how long it took, how much it moved. */

import { element } from './dom.js';
import { formatCount, formatSeconds } from './format.js';
import { stateIcon } from './icons.js';
import { FLOWS, describeFlow, elapsed, flow } from './measures.js';
import type { Run, State } from './model.js';

const OUTCOMES: Record<State, string> = {
  succeeded: 'Succeeded',
  failed: 'Failed',
  cancelled: 'Cancelled',
  planned: 'Planned',
  // A card that still says so was saved in the middle of the run.
  running: 'Running when saved',
  waiting: 'Waiting when saved',
  skipped: 'Skipped'
};

/** "Succeeded", "Failed" and so on. */
export function outcomeWord(outcome: State): string {
  return OUTCOMES[outcome];
}

/** The header of `run`'s card. */
export function header(run: Run): HTMLElement {
  const seconds = run.outcome === 'planned' ? null : elapsed(run);
  return element(
    'header',
    { class: 'spk-header' },
    element(
      'div',
      { class: 'spk-header-line' },
      element('span', { class: 'spk-title' }, run.title),
      element(
        'span',
        { class: 'spk-outcome', 'data-state': run.outcome },
        stateIcon(run.outcome),
        outcomeWord(run.outcome)
      ),
      element(
        'span',
        { class: 'spk-amounts' },
        seconds === null ? null : element('span', { class: 'spk-elapsed' }, formatSeconds(seconds)),
        ...amounts(run).map(text => element('span', {}, text))
      )
    ),
    moved(run),
    run.message ? element('p', { class: 'spk-message', 'data-state': run.outcome }, run.message) : null
  );
}

function amounts(run: Run): string[] {
  const ran = run.stages.filter(stage => stage.state !== 'skipped');
  const skipped = run.stages.length - ran.length;
  const sum = (key: 'total' | 'failed' | 'retried') =>
    ran.reduce((total, stage) => total + stage.tasks[key], 0);
  return [
    run.jobs.length ? formatCount(run.jobs.length, 'job') : '',
    run.stages.length
      ? formatCount(run.stages.length, 'stage') + (skipped ? ` (${skipped} skipped)` : '')
      : '',
    sum('total') ? formatCount(sum('total'), 'task') : '',
    sum('failed') ? `${formatCount(sum('failed'), 'task')} failed` : '',
    sum('retried') ? `${formatCount(sum('retried'))} retried` : ''
  ].filter(Boolean);
}

function moved(run: Run): HTMLElement | null {
  const flows = FLOWS.map(name => flow(run.stages, name)).filter(amount => describeFlow(amount));
  if (!flows.length) {
    return null;
  }
  return element(
    'dl',
    { class: 'spk-moved' },
    ...flows.map(amount =>
      element('div', {}, element('dt', {}, amount.label), element('dd', {}, describeFlow(amount, true)))
    )
  );
}
