/** What JupyterLab and Notebook load: a renderer for the mime type of a run. The only file that knows of them. */

import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Widget } from '@lumino/widgets';

import { Card } from './card.js';
import { MIME_TYPE } from './model.js';

/** An output that shows one run. */
export class RunCardWidget extends Widget implements IRenderMime.IRenderer {
  private card: Card | null = null;

  constructor() {
    super();
    this.addClass('spk-output');
  }

  /** Show the run in `model`; called again when the kernel updates the output. */
  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const card = new Card(model.data[MIME_TYPE], this.card?.picked);
    this.card?.dispose();
    this.card = card;
    this.node.replaceChildren(card.element);
    if (this.isVisible) {
      card.fit();
    }
    return Promise.resolve();
  }

  override dispose(): void {
    this.card?.dispose();
    this.card = null;
    super.dispose();
  }

  protected override onAfterShow(): void {
    this.card?.fit();
  }

  protected override onAfterAttach(): void {
    this.card?.fit();
  }

  protected override onBeforeHide(): void {
    this.card?.hide();
  }

  protected override onBeforeDetach(): void {
    this.card?.hide();
  }
}

const extension: IRenderMime.IExtension = {
  id: 'spark-kernel:run-card',
  description: 'Draws the run cards of Spark cells.',
  rendererFactory: {
    // Nothing of the JSON reaches the page as markup (see svg.ts and dom.ts), so untrusted notebooks show it too.
    safe: true,
    mimeTypes: [MIME_TYPE],
    createRenderer: () => new RunCardWidget()
  },
  // Before text/html (50); without a rank it would be 100.
  rank: 0,
  dataType: 'json'
};

export default extension;
