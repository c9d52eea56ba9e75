/** What a case is tried with: a client, a broker, and what cases have in common. */
import { expect } from 'vitest';
import type { BrokerUnderTest } from '../../brokers.ts';
import type { ForeignClient } from '../clients.ts';
import type { Offsets, Polled, Taken, Verb, Verbs, Witness } from '../witness.ts';

export interface Trial {
  client: ForeignClient;
  witness: Witness;
  /** Makes topics for those who cannot. */
  director: Witness;
  broker: BrokerUnderTest;
}

/** For names of topics and groups. */
export function wordOf({ client }: Pick<Trial, 'client'>): string {
  return client.name.replaceAll(/[^\w-]/g, '');
}

export const base64 = (text: string): string => Buffer.from(text).toString('base64');
export const textOf = (bytes: string | null): string | null => (bytes === null ? null : Buffer.from(bytes, 'base64').toString());

/** Of the client, or of the director where the client has no such thing. */
export async function ask<V extends Verb>(
  { client, witness, director }: Trial,
  verb: V,
  args: Verbs[V]['asks'],
): Promise<Verbs[V]['answers']> {
  return await (client.lacks[verb] === undefined ? witness : director).ask(verb, args);
}

/** A topic that everybody sees: a broker may tell of it before it serves it. */
export async function makeTopic(trial: Trial, topic: string, partitions: number, configs: Record<string, string> = {}): Promise<void> {
  await ask(trial, 'createTopic', { topic, partitions, configs });
  await eventually(async () => Object.keys((await ask(trial, 'offsetsAt', { topic, timestamp: -1 })).offsets).length === partitions);
}

/** Waits for what is true soon; an error counts as not yet. */
export async function eventually(isTrue: () => Promise<boolean>, withinMs = 15_000): Promise<void> {
  const end = Date.now() + withinMs;
  let error: unknown = new Error(`not so within ${withinMs} ms: ${isTrue}`);
  while (Date.now() < end) {
    try {
      if (await isTrue()) return;
    } catch (caught) {
      error = caught;
    }
    await pause(50);
  }
  throw error;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface Watched {
  owned: number[];
  taken: Taken[];
  errors: string[];
}

/** Polls members of a group on one topic until the condition holds; what they took is kept from call to call. */
export class Watch {
  readonly #witness: Witness;
  readonly #topic: string;
  readonly members = new Map<string, Watched>();

  constructor(witness: Witness, topic: string) {
    this.#witness = witness;
    this.#topic = topic;
  }

  add(member: string): void {
    this.members.set(member, { owned: [], taken: [], errors: [] });
  }

  async until(what: string, isTrue: () => boolean, withinMs = 20_000): Promise<void> {
    const end = Date.now() + withinMs;
    for (;;) {
      for (const member of this.members.keys()) this.take(member, await this.#witness.ask('poll', { member }));
      if (isTrue()) return;
      if (Date.now() > end) throw new Error(`${what}: not within ${withinMs} ms; ${this.#shown()}`);
      await pause(30);
    }
  }

  /** What a poll, or a leave, told of a member. */
  take(member: string, { owned, taken, errors }: Polled): void {
    const seen = this.of(member);
    seen.owned = owned[this.#topic] ?? [];
    seen.taken.push(...taken);
    seen.errors.push(...errors);
  }

  of(member: string): Watched {
    const seen = this.members.get(member);
    if (seen === undefined) throw new Error(`${member} is not watched`);
    return seen;
  }

  owned(): number[] {
    return [...this.members.values()].flatMap(({ owned }) => owned).sort((a, b) => a - b);
  }

  taken(): Taken[] {
    return [...this.members.values()].flatMap(({ taken }) => taken);
  }

  #shown(): string {
    return JSON.stringify([...this.members].map(([member, { owned, taken, errors }]) => ({ member, owned, taken: taken.length, errors })));
  }
}

/** That these are the records up to the ends, each once; at least once where the client may read some again. */
export function expectEachOnce({ mayRepeat }: ForeignClient, taken: readonly Taken[], starts: Offsets, ends: Offsets): void {
  const wanted = Object.entries(ends).flatMap(([partition, end]) => {
    const start = starts[Number(partition)] ?? 0;
    return Array.from({ length: end - start }, (_, i) => `${partition} ${start + i}`);
  });
  const read = taken.map(({ partition, offset }) => `${partition} ${offset}`);
  expect((mayRepeat === null ? read : [...new Set(read)]).sort()).toEqual(wanted.sort());
}

export function sum(offsets: Offsets): number {
  return Object.values(offsets).reduce((total, one) => total + one, 0);
}
