/**
 * The lineage graph: a checked drawing made alive. Marks each element with what it stands for and its state,
 * lights up the lineage of what the pointer is on, and passes picks on.
 */

import { describeDataset, describeEdge, describeStage, spoken } from './describe.js';
import { KEEPS_ITS_KEYS, element, setAttributes, svgElement } from './dom.js';
import { outlineBox } from './geometry.js';
import { legend } from './legend.js';
import { chiefStage, duration, elapsed } from './measures.js';
import type { Box, Dataset, Edge, Run, Stage, State } from './model.js';
import type { Picked, Selection } from './selection.js';
import type { DrawnEdge, Drawing } from './svg.js';
import type { Tooltip, TooltipText } from './tooltip.js';
import { Viewport } from './viewport.js';

/** Pixels for a unit of the picture at 100%: its text is then as large as the text around it. */
const UNIT = 1.1;

/** Something to tab to and to pick. */
interface Stop {
  group: SVGElement;
  picked: NonNullable<Picked>;
  /** Ids of its kind for which it counts as picked. */
  ids: readonly number[];
}

export class Picture {
  readonly element: HTMLElement;
  private readonly viewport: Viewport;
  /** Stages and datasets in the order of the arrow keys. */
  private readonly stops: Stop[] = [];
  private readonly drawnStates = new Set<State>();

  constructor(
    private readonly run: Run,
    private readonly drawing: Drawing,
    private readonly selection: Selection,
    private readonly tooltip: Tooltip
  ) {
    this.viewport = new Viewport(drawing.svg, drawing.width * UNIT);
    drawing.svg.setAttribute('role', 'group');
    drawing.svg.setAttribute('aria-label', this.summary());
    boxesOf(run).forEach(box => this.markBox(box));
    run.nodes.forEach(node => this.markDataset(node));
    drawing.edges.forEach(edge => this.markEdge(edge));
    this.element = element(
      'figure',
      { class: 'spk-picture' },
      this.viewport.element,
      element(
        'figcaption',
        { class: 'spk-picture-foot' },
        legend(run, this.drawnStates),
        this.viewport.toolbar
      )
    );
    this.stops.forEach(({ group }, index) => group.setAttribute('tabindex', index ? '-1' : '0'));
    drawing.svg.addEventListener('keydown', event => this.onKey(event));
    this.viewport.element.addEventListener('scroll', () => tooltip.hide());
    selection.follow(() => this.showPicked());
  }

  /** Fit the picture to the width it was given; call when it has been put into the page. */
  fit(): void {
    this.viewport.fit();
  }

  dispose(): void {
    this.viewport.dispose();
  }

  private summary(): string {
    const { nodes, stages } = this.run;
    return `Lineage graph of ${this.run.title}: ${nodes.length} datasets in ${stages.length} stages. Arrow keys move between them.`;
  }

  private markBox(box: Box): void {
    const group = this.drawing.stages.get(box.stageId);
    const stage = chiefStage(this.run.stages.filter(({ stageId }) => box.stageIds.includes(stageId)));
    if (group && stage) {
      group.classList.add('spk-drawn-stage');
      group.setAttribute('data-state', stage.state);
      this.drawnStates.add(stage.state);
      group.setAttribute('data-stage', String(stage.stageId));
      group.style.setProperty('--spk-done', String(stage.tasks.succeeded / (stage.tasks.total || 1)));
      addShare(group, stage, this.run);
      const text = describeStage(stage);
      const others = box.stageIds.filter(id => id !== stage.stageId);
      if (others.length) {
        text.facts.push(['Also stands for', `stage ${others.join(', ')}`]);
      }
      this.enliven({ group, picked: { kind: 'stage', id: stage.stageId }, ids: box.stageIds }, text);
    }
  }

  private markDataset(node: Dataset): void {
    const states = node.stageIds.map(id => this.run.stages.find(stage => stage.stageId === id)?.state);
    const skipped = states.length > 0 && states.every(state => state === 'skipped');
    for (const group of this.drawing.nodes.get(node.nodeId) ?? []) {
      group.classList.add('spk-drawn-dataset');
      group.setAttribute('data-dataset', String(node.nodeId));
      group.toggleAttribute('data-persisted', node.storageLevel !== '');
      group.toggleAttribute('data-cached', node.cachedPartitions > 0);
      group.toggleAttribute('data-skipped', skipped);
      this.enliven(
        { group, picked: { kind: 'dataset', id: node.nodeId }, ids: [node.nodeId] },
        describeDataset(node)
      );
      group.addEventListener('pointerenter', () => this.lightLineage(node.nodeId));
      group.addEventListener('pointerleave', () => this.lightLineage(null));
    }
  }

  private markEdge({ parent, child, element: group }: DrawnEdge): void {
    const edge: Edge = this.run.edges.find(known => known.parent === parent && known.child === child) ?? {
      parent,
      child,
      kind: 'narrow'
    };
    group.classList.add('spk-drawn-edge');
    group.setAttribute('data-kind', edge.kind);
    const line = group.querySelector('path');
    if (line) {
      // The line is thin; a wide invisible one over it is easier to point at.
      const handle = svgElement('path', { class: 'spk-edge-handle', d: line.getAttribute('d') });
      group.append(handle);
    }
    this.hover(group, describeEdge(edge, this.run));
  }

  /** Make something to point at, to tab to and to pick. */
  private enliven(stop: Stop, text: TooltipText): void {
    const { group, picked } = stop;
    setAttributes(group, { role: 'button', ...KEEPS_ITS_KEYS });
    group.setAttribute('aria-label', spoken(text));
    group.addEventListener('click', () => {
      if (!this.viewport.wasDragged) {
        this.selection.toggle(picked);
      }
    });
    group.addEventListener('focus', () => {
      const box = group.getBoundingClientRect();
      if (group.matches(':focus-visible')) {
        this.tooltip.show(text, box.right, box.top);
      }
    });
    group.addEventListener('blur', () => this.tooltip.hide());
    this.stops.push(stop);
    this.hover(group, text);
  }

  private hover(group: SVGElement, text: TooltipText): void {
    group.addEventListener('pointerenter', event => this.tooltip.show(text, event.clientX, event.clientY));
    group.addEventListener('pointermove', event => this.tooltip.move(event.clientX, event.clientY));
    group.addEventListener('pointerleave', () => this.tooltip.hide());
  }

  private onKey(event: KeyboardEvent): void {
    const here = this.stops.findIndex(stop => stop.group === event.target);
    const stop = this.stops[here];
    const steps: Record<string, number> = {
      ArrowRight: here + 1,
      ArrowDown: here + 1,
      ArrowLeft: here - 1,
      ArrowUp: here - 1,
      Home: 0,
      End: this.stops.length - 1
    };
    const next = steps[event.key];
    if (!stop) {
      return;
    } else if (next !== undefined) {
      this.moveFocus(stop.group, this.stops[next]?.group);
    } else if (event.key === 'Enter' || event.key === ' ') {
      this.selection.toggle(stop.picked);
    } else if (event.key === 'Escape') {
      this.selection.set(null);
      this.tooltip.hide();
    } else {
      return;
    }
    event.preventDefault();
  }

  private moveFocus(from: SVGElement, to: SVGElement | undefined): void {
    if (to) {
      from.setAttribute('tabindex', '-1');
      to.setAttribute('tabindex', '0');
      to.focus();
    }
  }

  private showPicked(): void {
    const now = this.selection.picked;
    for (const { picked, ids, group } of this.stops) {
      const shown = now !== null && now.kind === picked.kind && ids.includes(now.id);
      group.classList.toggle('spk-picked', shown);
      group.setAttribute('aria-pressed', String(shown));
    }
  }

  /** Fade everything that dataset `id` neither comes from nor leads to; null brings all back. */
  private lightLineage(id: number | null): void {
    this.drawing.svg.classList.toggle('spk-tracing', id !== null);
    const related = id === null ? new Set<number>() : relatives(id, this.run.edges);
    this.drawing.nodes.forEach((groups, node) =>
      groups.forEach(group => group.classList.toggle('spk-related', related.has(node)))
    );
    this.drawing.edges.forEach(({ parent, child, element: group }) =>
      group.classList.toggle('spk-related', related.has(parent) && related.has(child))
    );
  }
}

/** What the drawn stages stand for; without any word of it, each stands for itself. */
function boxesOf(run: Run): readonly Box[] {
  return run.boxes.length ? run.boxes : run.stages.map(({ stageId }) => ({ stageId, stageIds: [stageId] }));
}

/** `id`, all it is made from, and all that is made from it. */
export function relatives(id: number, edges: readonly Edge[]): Set<number> {
  const found = new Set<number>();
  for (const [from, to] of [
    ['child', 'parent'],
    ['parent', 'child']
  ] as const) {
    const waiting = [id];
    const seen = new Set(waiting);
    for (let here = waiting.pop(); here !== undefined; here = waiting.pop()) {
      found.add(here);
      for (const edge of edges) {
        if (edge[from] === here && !seen.has(edge[to])) {
          seen.add(edge[to]);
          waiting.push(edge[to]);
        }
      }
    }
  }
  return found;
}

/** A bar along the stage's lower edge, as long as its share of the run's time: the slow stage shows at once. */
function addShare(group: SVGElement, stage: Stage, run: Run): void {
  const [box, whole, took] = [outlineBox(group), elapsed(run), duration(stage)];
  if (box && whole && took !== null) {
    const share = Math.min(1, took / whole);
    group.append(
      svgElement('rect', {
        class: 'spk-share',
        x: box.x + 6,
        y: box.y + box.height - 4,
        width: (box.width - 12) * share,
        height: 2.5,
        rx: 1.25
      })
    );
  }
}
