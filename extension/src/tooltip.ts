/**
 * The box that follows the pointer over the picture. One per card; it lives in the page's body, because outputs
 * clip what sticks out of them.
 */

import { element } from './dom.js';

/** What a tooltip says: a heading, a line below it, and pairs of name and value. */
export interface TooltipText {
  heading: string;
  place: string;
  facts: [string, string][];
}

const GAP = 14;

export class Tooltip {
  private readonly box = element('div', { class: 'spk-tooltip', role: 'tooltip', hidden: true });

  /** Show `text` beside the point (`x`, `y`) of the window. */
  show(text: TooltipText, x: number, y: number): void {
    this.box.replaceChildren(
      element('div', { class: 'spk-tooltip-heading' }, text.heading),
      text.place ? element('div', { class: 'spk-tooltip-place' }, text.place) : '',
      factList(text.facts)
    );
    if (!this.box.isConnected) {
      document.body.append(this.box);
    }
    this.box.hidden = false;
    this.move(x, y);
  }

  /** Follow the pointer, on whichever side of it there is room. */
  move(x: number, y: number): void {
    const { offsetWidth: width, offsetHeight: height } = this.box;
    const { innerWidth, innerHeight } = window;
    const left = x + GAP + width > innerWidth ? x - GAP - width : x + GAP;
    const top = y + GAP + height > innerHeight ? y - GAP - height : y + GAP;
    this.box.style.left = `${Math.max(4, left)}px`;
    this.box.style.top = `${Math.max(4, top)}px`;
  }

  hide(): void {
    this.box.hidden = true;
  }

  /** Leave the page. */
  dispose(): void {
    this.box.remove();
  }
}

/** Pairs of name and value, as a list of descriptions. */
export function factList(facts: readonly [string, string][]): HTMLElement {
  return element(
    'dl',
    { class: 'spk-facts' },
    ...facts.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)])
  );
}
