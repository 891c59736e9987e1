/** One small drawn sign per state, so that no state is told by colour alone. */

import { svgElement } from './dom.js';
import type { State } from './model.js';

/** In a square of 16; the same signs as in the picture (`card/svg.py`). */
const SIGNS: Record<State, string> = {
  succeeded: 'M4.6 8.4 7 10.8 11.4 5.6',
  failed: 'M5.4 5.4 10.6 10.6 M10.6 5.4 5.4 10.6',
  cancelled: 'M11.4 8a3.4 3.4 0 1 1-6.8 0a3.4 3.4 0 1 1 6.8 0Z M5.7 10.3 10.3 5.7',
  running: 'M6.4 5 11 8 6.4 11Z',
  waiting: 'M10.8 8a2.8 2.8 0 1 1-5.6 0a2.8 2.8 0 1 1 5.6 0Z',
  skipped: 'M4.6 10C5.4 5.6 9.6 5.2 10.8 8.8 M11.2 6V9.4H7.9',
  planned: 'M8 4.6 11.4 8 8 11.4 4.6 8Z'
};

/** The sign of `state`, 16 by 16; hidden from screen readers, which are told in words. */
export function stateIcon(state: State): SVGSVGElement {
  return svgElement(
    'svg',
    { class: 'spk-icon', viewBox: '0 0 16 16', 'data-state': state, 'aria-hidden': 'true' },
    svgElement('circle', { class: 'spk-icon-disc', cx: 8, cy: 8, r: 7 }),
    svgElement('path', { class: 'spk-icon-sign', d: SIGNS[state] })
  );
}
