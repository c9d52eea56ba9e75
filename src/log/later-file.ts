/**
 * A small file that is replaced off the turn: written beside it at once, synced off the thread, then renamed over it. For facts that
 * a start can find again, so that what fails is only tried again the next time.
 */
import { type Disk, writeAll } from '../world/disk.ts';
import { tolerant } from './index-file.ts';

export const NEXT = '.next';

export interface LaterSave {
  disk: Disk;
  path: string;
  /** Asked when it is written. */
  content(): Uint8Array;
  /** The log was closed meanwhile: nothing is touched any more. */
  isClosed(): boolean;
  failed(): void;
}

export class LaterFile {
  #generation = 0;
  #runs = false;
  #again = false;

  /** Whether a replacement is on its way. */
  get runs(): boolean {
    return this.#runs;
  }

  /** Drops a replacement that is on its way: the file was written otherwise, and is newer. */
  supersede(): void {
    this.#generation++;
  }

  save(save: LaterSave): void {
    if (this.#runs) {
      this.#again = true;
      return;
    }
    const generation = ++this.#generation;
    const next = save.path + NEXT;
    const begun = tolerant(() => {
      save.disk.remove(next);
      const file = save.disk.open(next, 'create');
      try {
        writeAll(file, [save.content()], 0);
        this.#runs = true;
        file.syncLater((error) => {
          this.#runs = false;
          if (save.isClosed()) return;
          if (generation === this.#generation && (error !== null || !tolerant(() => save.disk.rename(next, save.path)))) save.failed();
          if (!this.#again) return;
          this.#again = false;
          this.save(save);
        });
      } finally {
        file.close();
      }
    });
    if (!begun) {
      this.#runs = false;
      save.failed();
    }
  }
}
