/** The table of stages: progress, when each ran, how evenly its tasks went, and what it moved. */

import { KEEPS_ITS_KEYS, element } from './dom.js';
import { formatCount, formatSeconds } from './format.js';
import { stateIcon } from './icons.js';
import { FLOWS, describeFlow, describeTasks, duration, flow, skewRemark, timeRange } from './measures.js';
import type { Job, Run, Stage } from './model.js';
import type { Selection } from './selection.js';

/** A column: its heading, and what stands in it for a stage. */
interface Column {
  heading: string;
  cell: (stage: Stage, run: Run) => Node | string | null;
}

/** The table of `run`'s stages, or null when it has none. */
export function stageTable(run: Run, selection: Selection): HTMLElement | null {
  if (!run.stages.length) {
    return null;
  }
  const columns = columnsOf(run);
  const rows = jobsOf(run).flatMap(({ job, stages }) => [
    job && run.jobs.length > 1 ? jobRow(job, columns.length + 1) : null,
    ...stages.map(stage => stageRow(stage, run, columns, selection))
  ]);
  const headings = ['Stage', ...columns.map(({ heading }) => heading)];
  const table = element(
    'table',
    { class: 'spk-stages' },
    element('caption', { class: 'spk-unseen' }, `Stages of ${run.title}`),
    element(
      'thead',
      {},
      element('tr', {}, ...headings.map(heading => element('th', { scope: 'col' }, heading)))
    ),
    element('tbody', {}, ...rows)
  );
  return element('div', { class: 'spk-stages-scroller' }, table);
}

/** The columns after the stage's name. One that would be empty all the way down is left out. */
function columnsOf(run: Run): Column[] {
  const moved = FLOWS.map((name): Column => {
    const text = (stage: Stage) => describeFlow(flow([stage], name));
    return { heading: flow([], name).label, cell: stage => text(stage) };
  });
  const columns: Column[] = [
    { heading: 'Tasks', cell: progress },
    { heading: 'When', cell: whenBar },
    { heading: 'Task time', cell: taskTime },
    ...moved
  ];
  return columns.filter(({ cell }) => run.stages.some(stage => cell(stage, run)));
}

/** Stages under the first job that names them; those that no job names come last. */
function jobsOf(run: Run): { job: Job | null; stages: Stage[] }[] {
  const left = new Map(run.stages.map(stage => [stage.stageId, stage]));
  const groups = run.jobs.map(job => ({
    job: job as Job | null,
    stages: job.stages.flatMap(id => {
      const stage = left.get(id);
      left.delete(id);
      return stage ? [stage] : [];
    })
  }));
  return [...groups, { job: null, stages: [...left.values()] }];
}

function jobRow(job: Job, columns: number): HTMLElement {
  const took = duration(job);
  return element(
    'tr',
    { class: 'spk-job' },
    element(
      'th',
      { colspan: columns, scope: 'rowgroup' },
      stateIcon(job.outcome),
      element('span', {}, `Job ${job.jobId}`),
      element('span', { class: 'spk-faint' }, [job.name, job.place].filter(Boolean).join(' at ')),
      took === null ? null : element('span', { class: 'spk-faint' }, formatSeconds(took)),
      job.message ? element('span', { class: 'spk-faint' }, job.message) : null
    )
  );
}

function stageRow(stage: Stage, run: Run, columns: readonly Column[], selection: Selection): HTMLElement {
  const picked = { kind: 'stage' as const, id: stage.stageId };
  const opener = element(
    'button',
    { type: 'button', class: 'spk-stage-name', ...KEEPS_ITS_KEYS },
    stateIcon(stage.state),
    element('span', { class: 'spk-stage-number' }, String(stage.stageId)),
    element('span', { class: 'spk-stage-what' }, stage.name)
  );
  const row = element(
    'tr',
    { class: 'spk-stage-row', 'data-state': stage.state, 'data-stage': stage.stageId },
    element('th', { scope: 'row' }, opener),
    ...columns.map(({ heading, cell }) =>
      element('td', { class: heading === 'When' ? 'spk-when' : null }, cell(stage, run))
    )
  );
  row.addEventListener('click', () => selection.toggle(picked));
  selection.follow(() => {
    row.classList.toggle('spk-picked', selection.holds(picked));
    opener.setAttribute('aria-expanded', String(selection.holds(picked)));
  });
  return row;
}

/** A bar of done, failed and running tasks, with the count beside it. */
function progress(stage: Stage): HTMLElement {
  const { total, succeeded, failed, running } = stage.tasks;
  if (stage.state === 'skipped' || stage.state === 'planned') {
    return element('span', { class: 'spk-faint' }, `${formatCount(total)} ${stage.state}`);
  }
  const share = (amount: number) => `width: ${total ? Math.min(100, (100 * amount) / total) : 0}%`;
  return element(
    'div',
    { class: 'spk-progress', role: 'img', 'aria-label': describeTasks(stage), title: describeTasks(stage) },
    element(
      'span',
      { class: 'spk-progress-bar' },
      element('span', { 'data-state': 'succeeded', style: share(succeeded) }),
      element('span', { 'data-state': 'failed', style: share(stage.state === 'failed' ? failed : 0) }),
      element('span', { 'data-state': 'running', style: share(running) })
    ),
    element('span', { class: 'spk-number' }, `${formatCount(succeeded)}/${formatCount(total)}`)
  );
}

/** Where the stage lies in the time of the whole run. */
function whenBar(stage: Stage, run: Run): HTMLElement | null {
  const range = timeRange(run);
  if (!range || stage.started === null || range.end <= range.start) {
    return null;
  }
  const whole = range.end - range.start;
  const took = (stage.ended ?? range.end) - stage.started;
  const left = Math.min(99, (100 * (stage.started - range.start)) / whole);
  const width = Math.min(100 - left, Math.max(1, (100 * took) / whole));
  return element(
    'div',
    { class: 'spk-timeline', title: `Began ${formatSeconds(stage.started - range.start)} into the run` },
    element(
      'span',
      { class: 'spk-timeline-track' },
      element('span', { 'data-state': stage.state, style: `left: ${left}%; width: ${width}%` })
    ),
    element('span', { class: 'spk-number' }, formatSeconds(took))
  );
}

function taskTime(stage: Stage): HTMLElement | null {
  const seconds = stage.taskSeconds;
  if (!seconds) {
    return null;
  }
  const remark = skewRemark(stage);
  return element(
    'span',
    { class: 'spk-number', title: remark || 'Median, and the slowest task' },
    `${formatSeconds(seconds.median)} `,
    element('span', { class: remark ? 'spk-warning' : 'spk-faint' }, `max ${formatSeconds(seconds.max)}`)
  );
}
