/**
 * The run card: header, picture, details and table of one run, built once from the saved JSON.
 *
 * Needs no kernel. Calls nothing of JupyterLab; index.ts puts it into an output.
 */

import { detailsPanel } from './details.js';
import { element } from './dom.js';
import { header, outcomeWord } from './header.js';
import { readRun } from './model.js';
import type { Run } from './model.js';
import { Picture } from './picture.js';
import { Selection } from './selection.js';
import type { Picked } from './selection.js';
import { readDrawing } from './svg.js';
import { stageTable } from './table.js';
import { Tooltip } from './tooltip.js';

export class Card {
  readonly element: HTMLElement;
  private readonly selection: Selection;
  private readonly tooltip = new Tooltip();
  private picture: Picture | null = null;

  /** `data` is the JSON of the output, unchecked; `picked` is what was picked before it was updated. */
  constructor(data: unknown, picked: Picked = null) {
    this.selection = new Selection(picked);
    const run = readRun(data);
    this.element = run ? this.build(run) : unreadable();
  }

  get picked(): Picked {
    return this.selection.picked;
  }

  /** Call when the card is in the page and has a width. */
  fit(): void {
    this.picture?.fit();
  }

  /** Call when the card is no longer seen. */
  hide(): void {
    this.tooltip.hide();
  }

  dispose(): void {
    this.tooltip.dispose();
    this.picture?.dispose();
    this.element.remove();
  }

  private build(run: Run): HTMLElement {
    const drawing = run.svg === null ? null : readDrawing(run.svg);
    this.picture = drawing && new Picture(run, drawing, this.selection, this.tooltip);
    return element(
      'section',
      {
        class: 'spk-card',
        'data-outcome': run.outcome,
        'aria-label': `${run.title}: ${outcomeWord(run.outcome)}`
      },
      header(run),
      element('div', { class: 'spk-body' }, this.picture?.element, detailsPanel(run, this.selection)),
      ...run.leftOut.map(sentence => element('p', { class: 'spk-left-out' }, sentence)),
      stageTable(run, this.selection)
    );
  }
}

function unreadable(): HTMLElement {
  return element(
    'section',
    { class: 'spk-card' },
    element(
      'p',
      { class: 'spk-message', 'data-state': 'failed' },
      'This run card holds no JSON object, so there is nothing to draw. Run the cell again to make a new one.'
    )
  );
}
