/** A runner over batches that a test makes, with time that passes when the test says so. */
import type { Task, Work } from '../../../src/client/group/work.ts';
import { ConsumedBatch, type ConsumedRecord } from '../../../src/client/records.ts';
import { handsOf } from '../../../src/client/run/hands.ts';
import { checkRunOptions, type RunOptions } from '../../../src/client/run/run-options.ts';
import { HandlerRunner } from '../../../src/client/run/runner.ts';
import type { RunReport } from '../../../src/client/run/setup.ts';
import { serdes } from '../../../src/client/serde.ts';
import { plainTopic } from '../../../src/client/topic.ts';
import type { Dispatcher } from '../../../src/dispatch/dispatcher.ts';
import { stampBatch } from '../../../src/record/batch-layout.ts';
import { BatchWriter } from '../../../src/record/batch-write.ts';
import { seededRandom } from '../../../src/world/random.ts';
import { settlePromises, VirtualClock } from '../../sim/virtual-clock.ts';

type Key = string | Uint8Array;
export type TestRecord = ConsumedRecord<Key, string, unknown>;
export type TestBatch = ConsumedBatch<Key, string, unknown>;

/** A batch of `partition` whose records have these keys (null: none) and the values 'v<offset>'. */
export function batchOf(partition: number, firstOffset: number, keys: readonly (string | null)[]): TestBatch {
  const writer = new BatchWriter({ bytesMax: 1 << 20, compression: 0 });
  keys.forEach((key, i) => {
    writer.append(1000 + i, key === null ? null : Buffer.from(key), Buffer.from(`v${firstOffset + i}`), null);
  });
  const bytes = Buffer.from(writer.seal({ producerId: -1, producerEpoch: -1, baseSequence: -1 }));
  stampBatch(bytes, 0, firstOffset, 0);
  const nextOffset = firstOffset + keys.length;
  const chunk = { topic: 't', partition, offset: firstOffset, nextOffset, highWatermark: nextOffset, bytes };
  return new ConsumedBatch<Key, string, unknown>(plainTopic('t', serdes.textOrBytes as never, serdes.string) as never, chunk);
}

/** A handler of records that ends when the test says so. */
export class Gate {
  /** 'partition:offset' of those that run, in the order in which they began. */
  readonly running: string[] = [];
  readonly begun: string[] = [];
  readonly #ends = new Map<string, (error?: Error) => void>();

  readonly handle = ({ partition, offset }: { partition: number; offset: number }): Promise<void> => {
    const name = `${partition}:${offset}`;
    this.running.push(name);
    this.begun.push(name);
    return new Promise((resolve, reject) => {
      this.#ends.set(name, (error) => {
        this.running.splice(this.running.indexOf(name), 1);
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  };

  end(...names: string[]): void {
    for (const name of names) this.#ends.get(name)?.();
  }

  fail(name: string, error: Error): void {
    this.#ends.get(name)?.(error);
  }
}

export class Rig {
  readonly clock = new VirtualClock();
  /** 'partition:nextOffset', in order. */
  readonly finished: string[] = [];
  readonly held = new Set<number>();
  readonly runner: HandlerRunner<Key, string, unknown>;
  closing = false;
  readonly #work: Work<Key, string, unknown>;
  readonly #tasks: Task<Key, string, unknown>[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #tenures = new Map<number, number>();

  constructor(options: RunOptions<Key, string, unknown>) {
    const checked = checkRunOptions(options);
    const dispatcher = { clock: this.clock, random: seededRandom(1) } as unknown as Dispatcher;
    const isClosing = (): boolean => this.closing;
    const work: Work<Key, string, unknown> = {
      take: () => {
        const at = this.#tasks.findIndex(({ batch }) => !this.held.has(batch.partition));
        return at < 0 ? null : this.#tasks.splice(at, 1)[0];
      },
      more: () => new Promise((resolve) => this.#waiting.push(resolve)),
      get closing() {
        return isClosing();
      },
      finished: (_topic, partition, nextOffset, tenure) => {
        if (tenure !== this.#tenure(partition)) return false;
        this.finished.push(`${partition}:${nextOffset}`);
        return true;
      },
      holds: (_topic, partition, tenure) => tenure === this.#tenure(partition),
      hold: (_topic, partition) => void this.held.add(partition),
      release: (_topic, partition) => {
        this.held.delete(partition);
        this.#wake();
      },
      commit: () => Promise.resolve(),
      end: () => {},
    };
    const hands = handsOf(options, checked.order === 'key');
    this.#work = work;
    this.runner = new HandlerRunner({ dispatcher, hands, options: checked, deadLetter: null, groupId: 'g' });
  }

  run(): Promise<RunReport> {
    return this.runner.run(this.#work);
  }

  give(...batches: TestBatch[]): void {
    for (const batch of batches) this.#tasks.push({ batch, tenure: this.#tenure(batch.partition) });
    this.#wake();
  }

  /** The partition was sought elsewhere, or came back. */
  renew(partition: number): void {
    this.#tenures.set(partition, this.#tenure(partition) + 1);
  }

  /** Lets promises go on, and so much time pass. */
  async pass(ms = 0): Promise<void> {
    let over = false;
    this.clock.after(ms, () => {
      over = true;
    });
    await settlePromises();
    while (!over && this.clock.step()) await settlePromises();
    await settlePromises();
  }

  #tenure(partition: number): number {
    return this.#tenures.get(partition) ?? 1;
  }

  #wake(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}
