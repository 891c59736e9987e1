/** What the reader of the card has picked. Picture, table and details all show it and all can change it. */

export type Picked = { kind: 'stage' | 'dataset'; id: number } | null;

export class Selection {
  private listeners: ((picked: Picked) => void)[] = [];

  constructor(private current: Picked = null) {}

  get picked(): Picked {
    return this.current;
  }

  /** Pick something; picking the same thing again lets go of it. */
  toggle(picked: NonNullable<Picked>): void {
    this.set(this.holds(picked) ? null : picked);
  }

  set(picked: Picked): void {
    this.current = picked;
    this.listeners.forEach(listener => listener(picked));
  }

  holds(other: NonNullable<Picked>): boolean {
    return this.current?.kind === other.kind && this.current.id === other.id;
  }

  /** Call `listener` now and after each change. */
  follow(listener: (picked: Picked) => void): void {
    this.listeners.push(listener);
    listener(this.current);
  }
}
