/** The window onto the picture: fit to width, zoom, drag. Knows nothing of what the picture shows. */

import { button, element } from './dom.js';

const STEP = 1.25;
const SMALLEST = 0.1;
const LARGEST = 4;
/** Below this the text can't be read; a picture that is still too wide scrolls until somebody asks for all of it. */
const READABLE = 0.6;
/** A pointer that moves less than this between down and up has clicked. */
const DRAG_THRESHOLD = 4;

export class Viewport {
  readonly element: HTMLElement;
  readonly toolbar: HTMLElement;
  private readonly level = element('span', { class: 'spk-zoom', 'aria-live': 'polite' });
  private readonly observer: ResizeObserver | null;
  private scale = 1;
  private fitted = true;
  private dragged = false;

  /**
   * `width` is the picture's width in pixels at scale 1, where its text has the size of other text on the page.
   */
  constructor(
    private readonly svg: SVGSVGElement,
    private readonly width: number
  ) {
    this.element = element('div', { class: 'spk-viewport' }, svg);
    this.toolbar = element(
      'div',
      { class: 'spk-toolbar', role: 'toolbar', 'aria-label': 'Zoom' },
      button('Zoom out', '−', () => this.zoom(1 / STEP)),
      this.level,
      button('Zoom in', '+', () => this.zoom(STEP)),
      button('Show the whole width', 'Fit', () => this.fit(SMALLEST))
    );
    this.listen();
    this.observer = typeof ResizeObserver === 'undefined' ? null : new ResizeObserver(() => this.refit());
    this.observer?.observe(this.element);
    this.apply(1);
  }

  /** Whether the pointer's last press moved the picture; then its click means nothing else. */
  get wasDragged(): boolean {
    return this.dragged;
  }

  /** Make the whole width visible, unless that takes a scale below `smallest`. */
  fit(smallest = READABLE): void {
    this.fitted = true;
    const { paddingLeft, paddingRight } = getComputedStyle(this.element);
    const padding = (Number.parseFloat(paddingLeft) || 0) + (Number.parseFloat(paddingRight) || 0);
    const room = this.element.clientWidth - padding;
    this.apply(room > 0 ? Math.max(smallest, Math.min(1, room / this.width)) : 1);
  }

  /** Multiply the scale by `factor` around the point (`x`, `y`) of the window, or around the middle. */
  zoom(factor: number, x?: number, y?: number): void {
    this.fitted = false;
    const frame = this.element.getBoundingClientRect();
    const [left, top] = [
      (x ?? frame.left + frame.width / 2) - frame.left,
      (y ?? frame.top + frame.height / 2) - frame.top
    ];
    const before = this.scale;
    this.apply(this.scale * factor);
    const grown = this.scale / before;
    this.element.scrollLeft = (this.element.scrollLeft + left) * grown - left;
    this.element.scrollTop = (this.element.scrollTop + top) * grown - top;
  }

  dispose(): void {
    this.observer?.disconnect();
  }

  private refit(): void {
    if (this.fitted) {
      this.fit();
    }
  }

  private apply(scale: number): void {
    this.scale = Math.min(LARGEST, Math.max(SMALLEST, scale));
    this.svg.style.width = `${this.width * this.scale}px`;
    this.level.textContent = `${Math.round(this.scale * 100)}%`;
  }

  private listen(): void {
    this.element.addEventListener(
      'wheel',
      event => {
        // A plain wheel scrolls the notebook; only with Ctrl (or a pinch, which says the same) it is meant for us.
        if (event.ctrlKey || event.metaKey) {
          event.preventDefault();
          this.zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1, event.clientX, event.clientY);
        }
      },
      { passive: false }
    );
    this.element.addEventListener('pointerdown', event => this.drag(event));
  }

  private drag(down: PointerEvent): void {
    this.dragged = false;
    if (down.button !== 0 || down.pointerType === 'touch') {
      return;
    }
    const [left, top] = [this.element.scrollLeft, this.element.scrollTop];
    const move = (event: PointerEvent) => {
      const [dx, dy] = [event.clientX - down.clientX, event.clientY - down.clientY];
      if (this.dragged || Math.hypot(dx, dy) >= DRAG_THRESHOLD) {
        this.dragged = true;
        this.element.classList.add('spk-dragging');
        this.element.scrollLeft = left - dx;
        this.element.scrollTop = top - dy;
      }
    };
    const end = () => {
      window.removeEventListener('pointermove', move);
      window.removeEventListener('pointerup', end);
      window.removeEventListener('pointercancel', end);
      this.element.classList.remove('spk-dragging');
    };
    window.addEventListener('pointermove', move);
    window.addEventListener('pointerup', end);
    window.addEventListener('pointercancel', end);
  }
}
