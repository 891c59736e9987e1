/**
 * What a saved run says, as types, and the reader that makes them out of untrusted JSON.
 *
 * The JSON is written by `spark_kernel/notebook/card`. A notebook may have been saved by an older or a newer
 * version, or by somebody who means harm, so nothing is taken on trust: a field that is missing or of another
 * type becomes its default. Everything else in this extension works on the types below and checks nothing.
 */

export const MIME_TYPE = 'application/vnd.spark-kernel.run.v1+json';

export type State = 'waiting' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'skipped' | 'planned';

export interface Tasks {
  total: number;
  waiting: number;
  running: number;
  succeeded: number;
  failed: number;
  retried: number;
}

/** Wall time of the tasks of a stage on the executors, in seconds. */
export interface TaskSeconds {
  min: number;
  median: number;
  max: number;
}

export interface Stage {
  stageId: number;
  kind: string;
  name: string;
  state: State;
  attempt: number;
  /** Whether its tasks all run at the same time. */
  barrier: boolean;
  tasks: Tasks;
  parents: number[];
  nodeIds: number[];
  /** Sums over the tasks, under the names of the engine's task metrics; bytes, records or seconds. */
  metrics: Record<string, number>;
  /** Seconds since the epoch, or null while it has not happened. */
  started: number | null;
  ended: number | null;
  message: string;
  taskSeconds: TaskSeconds | null;
}

export interface Job {
  jobId: number;
  name: string;
  place: string;
  outcome: State;
  message: string;
  stages: number[];
  started: number | null;
  ended: number | null;
}

export interface Dataset {
  nodeId: number;
  operation: string;
  /** The variable it was assigned to. */
  name: string;
  /** The user's line that made it, such as "cell [3], line 2". */
  place: string;
  partitions: number | null;
  storageLevel: string;
  cachedPartitions: number;
  estimatedBytes: number | null;
  stageIds: number[];
}

export interface Edge {
  parent: number;
  child: number;
  kind: 'narrow' | 'shuffle';
}

/** One box of the picture. A dataset that was computed or reused by several stages is drawn once. */
export interface Box {
  /** The stage that gives the drawn element its id. */
  stageId: number;
  /** Every stage that it stands for. */
  stageIds: number[];
}

export interface Run {
  runId: string;
  title: string;
  cell: number | null;
  outcome: State;
  message: string;
  started: number | null;
  ended: number | null;
  jobs: Job[];
  stages: Stage[];
  nodes: Dataset[];
  edges: Edge[];
  /** The picture as markup that nobody has checked yet; see svg.ts. */
  svg: string | null;
  boxes: Box[];
  /** Sentences about what the card does not show because the run is large. */
  leftOut: string[];
}

type Fields = Record<string, unknown>;

const STATES: readonly State[] = [
  'waiting',
  'running',
  'succeeded',
  'failed',
  'cancelled',
  'skipped',
  'planned'
];

/** The run that `data` describes, or null when it is not a JSON object at all. */
export function readRun(data: unknown): Run | null {
  if (!isFields(data)) {
    return null;
  }
  return {
    runId: text(data.run_id),
    title: text(data.title) || 'Spark run',
    cell: number(data.cell),
    outcome: state(data.outcome, 'succeeded'),
    message: text(data.message),
    started: number(data.started),
    ended: number(data.ended),
    jobs: records(data.jobs).map(readJob),
    stages: records(data.stages).map(readStage),
    nodes: records(data.nodes).map(readDataset),
    edges: records(data.edges).map(readEdge),
    svg: text(data.svg) || null,
    boxes: records(data.boxes).map(readBox),
    leftOut: list(data.left_out).map(text).filter(Boolean)
  };
}

function readBox(box: Fields): Box {
  return { stageId: count(box.stage_id), stageIds: numbers(box.stage_ids) };
}

function readJob(job: Fields): Job {
  return {
    jobId: count(job.job_id),
    name: text(job.name),
    place: text(job.place),
    outcome: state(job.outcome, 'running'),
    message: text(job.message),
    stages: numbers(job.stages),
    started: number(job.started),
    ended: number(job.ended)
  };
}

function readStage(stage: Fields): Stage {
  return {
    stageId: count(stage.stage_id),
    kind: text(stage.kind),
    name: text(stage.name),
    state: state(stage.state, 'waiting'),
    attempt: count(stage.attempt),
    barrier: stage.barrier === true,
    tasks: readTasks(stage.tasks),
    parents: numbers(stage.parents),
    nodeIds: numbers(stage.node_ids),
    metrics: readMetrics(stage.metrics),
    started: number(stage.started),
    ended: number(stage.ended),
    message: text(stage.message),
    taskSeconds: readTaskSeconds(stage.task_seconds)
  };
}

function readTasks(value: unknown): Tasks {
  const tasks = isFields(value) ? value : {};
  return {
    total: count(tasks.total),
    waiting: count(tasks.waiting),
    running: count(tasks.running),
    succeeded: count(tasks.succeeded),
    failed: count(tasks.failed),
    retried: count(tasks.retried)
  };
}

function readMetrics(value: unknown): Record<string, number> {
  const metrics: Record<string, number> = {};
  for (const [name, amount] of Object.entries(isFields(value) ? value : {})) {
    const known = number(amount);
    if (known !== null) {
      metrics[name] = known;
    }
  }
  return metrics;
}

function readTaskSeconds(value: unknown): TaskSeconds | null {
  if (!isFields(value)) {
    return null;
  }
  const [min, median, max] = [number(value.min), number(value.median), number(value.max)];
  return min === null || median === null || max === null ? null : { min, median, max };
}

function readDataset(node: Fields): Dataset {
  return {
    nodeId: count(node.node_id),
    operation: text(node.operation) || 'dataset',
    name: text(node.name),
    place: text(node.place),
    partitions: number(node.partitions),
    storageLevel: text(node.storage_level),
    cachedPartitions: count(node.cached_partitions),
    estimatedBytes: number(node.estimated_bytes),
    stageIds: numbers(node.stage_ids)
  };
}

function readEdge(edge: Fields): Edge {
  return {
    parent: count(edge.parent),
    child: count(edge.child),
    kind: edge.kind === 'shuffle' ? 'shuffle' : 'narrow'
  };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function count(value: unknown): number {
  return Math.max(0, number(value) ?? 0);
}

function numbers(value: unknown): number[] {
  return list(value).filter((item): item is number => number(item) !== null);
}

function records(value: unknown): Fields[] {
  return list(value).filter(isFields);
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function state(value: unknown, otherwise: State): State {
  return STATES.find(known => known === value) ?? otherwise;
}
