/** What the two Node clients have in common as witnesses: a command per line of standard input, an answer per line. Told in ../witness.ts. */
import { createInterface } from 'node:readline';
import type { Offsets, Polled, Read, Taken, Verb, Verbs } from '../witness.ts';

export type Handlers = { [V in Exclude<Verb, 'hello'>]?: (asked: Verbs[V]['asks'] & { withinMs: number }) => Promise<Verbs[V]['answers']> };

export interface Client {
  client: string;
  version: string;
  handlers: Handlers;
  /** Kafka's number of what went wrong, where the client tells it. */
  codeOf(error: unknown): number | null;
}

/** Until standard input ends. */
export async function serve({ client, version, handlers, codeOf }: Client): Promise<void> {
  const verbs = new Map<string, (asked: never) => Promise<unknown>>(Object.entries(handlers));
  verbs.set('hello', async () => ({ client, version, verbs: [...verbs.keys()] }));
  const carryOut = async (asked: { id: number; do: string }): Promise<void> => {
    try {
      const verb = verbs.get(asked.do);
      if (verb === undefined) throw new Error(`no such verb: ${asked.do}`);
      say({ id: asked.id, ok: await verb(asked as never) });
    } catch (error) {
      say({ id: asked.id, error: String(error), code: codeOf(error) ?? undefined });
    }
  };
  for await (const line of createInterface({ input: process.stdin })) void carryOut(JSON.parse(line));
  // Clients keep timers and connections that nobody waits for any more.
  process.exit(0);
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

export function bytesOf(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, 'base64');
}

export function textOf(bytes: Uint8Array | null | undefined): string | null {
  return bytes == null ? null : Buffer.from(bytes).toString('base64');
}

/** Of offsets by partition. */
export function entriesOf(offsets: Offsets): { partition: number; offset: number }[] {
  return Object.entries(offsets).map(([partition, offset]) => ({ partition: Number(partition), offset }));
}

/** What a member of a group has taken, told and forgotten when it is polled. */
export class Notes {
  #taken: Taken[] = [];
  #errors: string[] = [];

  take(one: Taken): void {
    this.#taken.push(one);
  }

  fail(error: unknown): void {
    if (this.#errors.length < 100) this.#errors.push(String(error));
  }

  poll(owned: Record<string, readonly number[]>): Polled {
    const sorted = Object.entries(owned).map(([topic, partitions]) => [topic, partitions.toSorted((a, b) => a - b)]);
    const told = { owned: Object.fromEntries(sorted), taken: this.#taken, errors: this.#errors };
    this.#taken = [];
    this.#errors = [];
    return told;
  }
}

/** How far a reader has come in each partition. */
export class Progress {
  readonly #until: Offsets;
  readonly #next: Map<number, number>;
  readonly #records: Read[] = [];
  readonly #done = Promise.withResolvers<void>();
  readonly #withinMs: number;

  constructor({ from, until, withinMs }: { from: Offsets; until: Offsets; withinMs: number }) {
    this.#until = until;
    this.#next = new Map(entriesOf(from).map(({ partition, offset }) => [partition, offset]));
    this.#withinMs = withinMs;
    this.#check();
  }

  add(record: Read): void {
    const { partition, offset } = record;
    // What was fetched before a seek, and what comes after the end that was asked for.
    if (offset !== this.#next.get(partition) || offset >= this.#until[partition]) return;
    this.#next.set(partition, offset + 1);
    this.#records.push(record);
    this.#check();
  }

  #check(): void {
    if (entriesOf(this.#until).every(({ partition, offset }) => (this.#next.get(partition) ?? 0) >= offset)) this.#done.resolve();
  }

  async records(): Promise<Read[]> {
    const late = () => {
      const came = JSON.stringify(Object.fromEntries(this.#next));
      this.#done.reject(new Error(`read ${this.#records.length} records and came to ${came} of ${JSON.stringify(this.#until)}`));
    };
    const timer = setTimeout(late, this.#withinMs);
    await this.#done.promise.finally(() => clearTimeout(timer));
    return this.#records;
  }
}
