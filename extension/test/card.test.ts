import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exampleRun, find } from './page.js';

import { Card } from '../src/card.js';

function words(root: Element): string {
  return (root.textContent ?? '').replace(/\s+/g, ' ');
}

test('the header says what ran, how it ended and how long it took', () => {
  const { element } = new Card(exampleRun());
  assert.match(
    words(find(element, '.spk-header')),
    /orders per city ?Succeeded ?3\.8 s ?2 jobs ?6 stages \(1 skipped\) ?17 tasks/
  );
});

test('the table has a row for each stage', () => {
  const { element } = new Card(exampleRun());
  const rows = [...element.querySelectorAll('.spk-stage-row')].map(row => row.getAttribute('data-state'));
  assert.deepEqual(
    rows,
    exampleRun().stages.map((stage: { state: string }) => stage.state)
  );
});

test('a stage clicked in the picture opens in the details and is marked in the table', () => {
  const { element } = new Card(exampleRun());
  const details = find(element, '.spk-details');
  assert.equal(details.hidden, true);
  find(element, '.spk-drawn-stage[data-stage="0"]').dispatchEvent(new MouseEvent('click'));
  assert.equal(details.hidden, false);
  assert.match(words(details), /Stage 0/);
  assert.match(words(details), /Read ?1\.9 MB, 45,000 rows/);
  assert.equal(find(element, '.spk-stage-row.spk-picked').dataset.stage, '0');
  find(details, '.spk-button').click();
  assert.equal(details.hidden, true);
});

test('details lead from a stage to its datasets and back', () => {
  const { element } = new Card(exampleRun());
  find(element, '.spk-stage-row[data-stage="3"] button').click();
  const link = (text: string) =>
    [...element.querySelectorAll<HTMLElement>('.spk-link')].find(
      found => found.firstChild?.textContent === text
    )!;
  link('totals: reduceByKey').click();
  assert.match(words(find(element, '.spk-details')), /totals: reduceByKey ?cell \[3\], line 4/);
  link('Stage 3').click();
  assert.match(words(find(element, '.spk-details-heading')), /Stage 3/);
});

test('details say what a barrier stage is, and why a stage was tried again', () => {
  const run = exampleRun();
  Object.assign(run.stages[0], { attempt: 1 });
  Object.assign(run.stages[1], { attempt: 2, barrier: true });
  const { element } = new Card(run);
  find(element, '.spk-stage-row[data-stage="0"]').click();
  assert.match(words(find(element, '.spk-details')), /Attempt ?2, after lost map outputs/);
  find(element, '.spk-stage-row[data-stage="1"]').click();
  assert.match(
    words(find(element, '.spk-details')),
    /Barrier ?its tasks run all at the same time.*Attempt ?3, after a task/
  );
});

test('the tooltip of a dataset names operation, place, partitions and storage level', () => {
  const card = new Card(exampleRun());
  const dataset = find(card.element, '[data-dataset="1"]');
  dataset.dispatchEvent(new MouseEvent('pointerenter'));
  const tooltip = find(document, '.spk-tooltip');
  assert.equal(tooltip.hidden, false);
  assert.match(words(tooltip), /parsed: map ?cell \[3\], line 3/);
  assert.match(words(tooltip), /Partitions ?6/);
  assert.match(words(tooltip), /Persisted ?Memory 1x/);
  assert.match(words(tooltip), /In the cache ?6 of 6/);
  dataset.dispatchEvent(new MouseEvent('pointerleave'));
  assert.equal(tooltip.hidden, true);
  card.dispose();
  assert.equal(document.querySelector('.spk-tooltip'), null);
});

test('the picture has one tab stop, arrow keys move on, and Enter picks', () => {
  const card = new Card(exampleRun());
  document.body.append(card.element);
  const stops = () => [...card.element.querySelectorAll<SVGElement>('.spk-viewport [tabindex="0"]')];
  const press = (key: string) =>
    stops()[0]!.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  assert.equal(stops().length, 1);
  press('ArrowRight');
  assert.equal(document.activeElement, stops()[0]);
  assert.equal(stops()[0]!.getAttribute('data-stage'), '1');
  press('Enter');
  assert.match(words(find(card.element, '.spk-details')), /Stage 1/);
  press('Escape');
  assert.equal(find(card.element, '.spk-details').hidden, true);
  card.dispose();
});

test('every stage and dataset of the picture tells a screen reader what it is', () => {
  const { element } = new Card(exampleRun());
  const groups = [...element.querySelectorAll('.spk-drawn-stage, .spk-drawn-dataset')];
  // `totals` is computed, and so drawn, twice; what `join` made on one line is drawn once.
  const [again, together] = [1, 1];
  assert.equal(groups.length, exampleRun().boxes.length + exampleRun().nodes.length + again - together);
  assert.ok(
    groups.every(group => group.getAttribute('role') === 'button' && group.getAttribute('aria-label'))
  );
  assert.match(
    groups[0]!.getAttribute('aria-label')!,
    /^Stage 0, map at cell \[3\], line 3, State: succeeded/
  );
});

test('everything that can have the focus keeps its keys from JupyterLab', () => {
  const { element } = new Card(exampleRun());
  find(element, '.spk-stage-row').click();
  const focusable = [...element.querySelectorAll('button, [tabindex]')];
  assert.ok(focusable.length > 20);
  assert.ok(focusable.every(each => each.hasAttribute('data-lm-suppress-shortcuts')));
});

test('without a picture the table and the details are there', () => {
  for (const svg of [null, undefined, 'no picture', '<svg/>']) {
    const { element } = new Card({ ...exampleRun(), svg });
    assert.equal(element.querySelector('.spk-picture'), null);
    find(element, '.spk-stage-row[data-stage="3"]').click();
    assert.match(words(find(element, '.spk-details')), /Stage 3/);
  }
});

test('an older card, without fields, is shown as far as it goes', () => {
  const run = exampleRun();
  for (const stage of run.stages) {
    delete stage.metrics;
    delete stage.task_seconds;
    delete stage.tasks;
  }
  delete run.jobs;
  delete run.edges;
  const { element } = new Card(run);
  assert.equal(element.querySelectorAll('.spk-stage-row').length, run.stages.length);
});

test('what is no run says so', () => {
  assert.match(words(new Card('text').element), /nothing to draw/);
});

test('every string of the JSON reaches the page as text', () => {
  const hostile = '<img src=x onerror=hurt()>';
  const poison = (value: unknown): unknown => {
    if (typeof value === 'string') {
      return hostile;
    } else if (Array.isArray(value)) {
      return value.map(poison);
    } else if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, poison(inner)]));
    }
    return value;
  };
  const card = new Card({ ...(poison(exampleRun()) as object), svg: exampleRun().svg });
  document.body.append(card.element);
  for (const group of card.element.querySelectorAll('.spk-drawn-stage, .spk-drawn-dataset')) {
    group.dispatchEvent(new MouseEvent('pointerenter'));
    group.dispatchEvent(new MouseEvent('click'));
    assert.equal(document.querySelector('img, script, [onerror]'), null);
  }
  assert.ok(words(card.element).includes(hostile));
  card.dispose();
});

test('a card that is updated keeps what was picked', () => {
  const before = new Card(exampleRun());
  find(before.element, '.spk-stage-row[data-stage="2"]').click();
  const after = new Card(exampleRun(), before.picked);
  assert.match(words(find(after.element, '.spk-details-heading')), /Stage 2/);
});

test('a box that stands for several stages opens the one that ran, and is marked for each', () => {
  const { element } = new Card(exampleRun());
  const box = find<SVGElement>(element, '.spk-drawn-stage[data-stage="0"]');
  assert.equal(box.getAttribute('data-state'), 'succeeded');
  assert.match(box.getAttribute('aria-label')!, /Also stands for: stage 2/);
  find(element, '.spk-stage-row[data-stage="2"]').click();
  assert.ok(box.classList.contains('spk-picked'));
});

test('the legend names what occurs in the picture', () => {
  const legend = (run: object) => words(find(new Card(run).element, '.spk-legend'));
  assert.match(legend(exampleRun()), /narrow ?shuffle ?in the cache ?share of the time/);
  const run = exampleRun();
  run.stages.forEach((stage: { state: string }) => (stage.state = 'skipped'));
  assert.match(legend(run), /skipped/);
});

test('what the card leaves out is said', () => {
  const { element } = new Card({ ...exampleRun(), left_out: ['Only stages are drawn.', 7] });
  assert.deepEqual(
    [...element.querySelectorAll('.spk-left-out')].map(said => said.textContent),
    ['Only stages are drawn.']
  );
});
