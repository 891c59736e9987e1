/** What the metrics of a run add up to. Pure functions from the model to numbers and sentences. */

import { formatBytes, formatCount, formatSeconds } from './format.js';
import type { Run, Stage, State } from './model.js';

/** Data that moved one way: how many bytes, how many records. */
export interface Flow {
  label: string;
  bytes: number;
  records: number;
}

/** Names of the ways that data moves, in the order of a stage's life. */
export const FLOWS = ['read', 'shuffle read', 'shuffle write', 'spilled', 'written'] as const;
export type FlowName = (typeof FLOWS)[number];

const LABELS: Record<FlowName, string> = {
  read: 'Read',
  'shuffle read': 'Shuffle read',
  'shuffle write': 'Shuffle write',
  spilled: 'Spilled',
  written: 'Written'
};

const SOURCES: Record<FlowName, { bytes: string[]; records: string[] }> = {
  read: { bytes: ['bytes_read'], records: ['records_read'] },
  'shuffle read': {
    bytes: ['shuffle_local_bytes_read', 'shuffle_remote_bytes_read'],
    records: ['shuffle_records_read']
  },
  'shuffle write': { bytes: ['shuffle_bytes_written'], records: ['shuffle_records_written'] },
  spilled: { bytes: ['spilled_bytes'], records: [] },
  written: { bytes: ['bytes_written'], records: ['records_written'] }
};

/** How much `stages` together moved in the way called `name`. */
export function flow(stages: readonly Stage[], name: FlowName): Flow {
  const sum = (fields: string[]) =>
    stages.reduce(
      (total, stage) => fields.reduce((part, field) => part + (stage.metrics[field] ?? 0), total),
      0
    );
  return { label: LABELS[name], bytes: sum(SOURCES[name].bytes), records: sum(SOURCES[name].records) };
}

/** "1.5 MB", "1.5 MB, 20,000 rows", or "" when nothing moved. */
export function describeFlow(amount: Flow, withRecords = false): string {
  const bytes = amount.bytes > 0 ? formatBytes(amount.bytes) : '';
  const records = amount.records > 0 ? formatCount(amount.records, 'row') : '';
  return withRecords ? [bytes, records].filter(Boolean).join(', ') : bytes || records;
}

/** Seconds between two moments, or null while one of them is missing. */
export function duration(span: { started: number | null; ended: number | null }): number | null {
  return span.started === null || span.ended === null ? null : Math.max(0, span.ended - span.started);
}

/** First and last moment of a run, by its own account and its stages'; null when nothing has started. */
export function timeRange(run: Run): { start: number; end: number } | null {
  const spans = [run, ...run.stages];
  const moments = spans.flatMap(span => [span.started, span.ended]).filter((at): at is number => at !== null);
  return moments.length ? { start: Math.min(...moments), end: Math.max(...moments) } : null;
}

/** Seconds that the run took, or has taken as far as the saved state tells; null when it does not tell. */
export function elapsed(run: Run): number | null {
  const range = timeRange(run);
  return duration(run) ?? (range && range.end > range.start ? range.end - range.start : null);
}

/** A remark on task times that a person should act on, or "". */
export function skewRemark(stage: Stage): string {
  const seconds = stage.taskSeconds;
  // Below a second or with a handful of tasks an uneven share costs nobody anything.
  if (!seconds || stage.tasks.total < 4 || seconds.max < 1 || seconds.max < 3 * seconds.median) {
    return '';
  }
  const times = seconds.median > 0 ? `${formatCount(seconds.max / seconds.median)} times` : 'far more than';
  return (
    `The slowest task took ${formatSeconds(seconds.max)}, ${times} the median: ` +
    'one partition may hold much more data than the others.'
  );
}

/** "12 of 40 tasks done, 2 running, 1 retried". */
export function describeTasks(stage: Stage): string {
  const { total, succeeded, running, failed, retried } = stage.tasks;
  const parts = [`${formatCount(succeeded)} of ${formatCount(total, 'task')} done`];
  for (const [amount, word] of [
    [running, 'running'],
    [failed, 'failed'],
    [retried, 'retried']
  ] as const) {
    if (amount > 0) {
      parts.push(`${formatCount(amount)} ${word}`);
    }
  }
  return parts.join(', ');
}

/** The first state that some stage of a box is in is the state of the box, as in `card/box_status.py`. */
const MOST_URGENT: readonly State[] = [
  'running',
  'waiting',
  'failed',
  'cancelled',
  'succeeded',
  'planned',
  'skipped'
];

/** The stage that a box of the picture speaks for. */
export function chiefStage(stages: readonly Stage[]): Stage | undefined {
  const urgency = (stage: Stage) => MOST_URGENT.indexOf(stage.state);
  return [...stages].sort((one, other) => urgency(one) - urgency(other))[0];
}

/** What a state is called in a sentence. */
export function describeState(state: State): string {
  const longer: Partial<Record<State, string>> = {
    skipped: 'skipped: its output was already there',
    planned: 'planned, not run'
  };
  return longer[state] ?? state;
}
