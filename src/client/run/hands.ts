/** Calls the user's handler, wherever it is: here it is a function of this thread; module-hands.ts has threads of their own. */
import type { BatchContext, HandlerContext, RunOptions } from './run-options.ts';
import type { Order, Unit, UnitItem } from './share.ts';

export interface Hands<K, V, H> {
  readonly order: Order;
  /** What fails when a handler throws: the whole rest of its batch, or its first record. */
  readonly fails: 'all' | 'first';
  /**
   * Handles the item from `item.offset` on; what is thrown, or rejected with, is its failure. `finished` is told of parts that are done: all
   * before that offset.
   */
  handle(item: UnitItem<K, V, H>, finished: (nextOffset: number) => void): unknown;
  /** Ends what it has begun. */
  close(): Promise<void>;
}

export function handsOf<K, V, H>({ eachRecord, eachBatch }: RunOptions<K, V, H>, keyed: boolean): Hands<K, V, H> {
  const close = (): Promise<void> => Promise.resolve();
  if (eachBatch !== undefined) {
    const handle = (item: UnitItem<K, V, H>, finished: (nextOffset: number) => void): unknown => {
      const { batch } = item.payload;
      if (batch === null) return undefined;
      // Always one that holds no memory: what its handler releases must still be here when it fails.
      return eachBatch(batch.from(item.offset), new Context(item, finished));
    };
    return { order: { unit: 'batch', keyed: false }, fails: 'all', handle, close };
  }
  const handle = (item: UnitItem<K, V, H>): unknown => {
    const { record } = item.payload;
    return record === null ? undefined : eachRecord?.(record, new Context(item, () => {}));
  };
  return { order: { unit: 'record', keyed }, fails: 'first', handle, close };
}

/** What a handler is told. One object a record: its signal is made when it is asked for. */
class Context<K, V, H> implements BatchContext, HandlerContext {
  readonly attempt: number;
  readonly #unit: Unit<K, V, H>;
  readonly #finished: (nextOffset: number) => void;

  constructor({ attempts, payload }: UnitItem<K, V, H>, finished: (nextOffset: number) => void) {
    this.attempt = attempts;
    this.#unit = payload;
    this.#finished = finished;
  }

  get signal(): AbortSignal {
    return this.#unit.share.signal;
  }

  finished(offset: number): void {
    this.#finished(offset + 1);
  }
}
