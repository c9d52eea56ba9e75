/**
 * Who gets which partition, so that nobody has two more than another who could take one, and as little as possible moves.
 * Balance comes before stickiness. Pure, over numbers: 100 members and 1,000 partitions take well under a millisecond.
 */

export interface Balance {
  /** Topics that each member reads, as indices into `owners`. */
  readonly reads: readonly (readonly number[])[];
  /** Per topic and partition the member that has it, or −1; changed in place. */
  readonly owners: readonly Int32Array[];
}

/** Owners that do not read their topic (any more) must be −1 already. */
export function balance({ reads, owners }: Balance): void {
  if (reads.length === 0) return;
  const loads = new Int32Array(reads.length);
  for (const topic of owners) for (const owner of topic) if (owner !== -1) loads[owner]++;
  if (reads.every((topics) => sameNumbers(topics, reads[0]))) return fill(reads[0], owners, loads);
  const readers: number[][] = owners.map(() => []);
  reads.forEach((topics, member) => {
    for (const topic of topics) readers[topic].push(member);
  });
  const before = owners.map((owner) => owner.slice());
  assignFree(owners, readers, loads);
  level({ reads, owners }, before, readers, loads);
}

/** All read the same: everybody has `least` partitions or one more, and who has most already keeps the one more. */
function fill(topics: readonly number[], owners: readonly Int32Array[], loads: Int32Array): void {
  let total = 0;
  for (const topic of topics) total += owners[topic].length;
  const least = Math.floor(total / loads.length);
  let extras = total % loads.length;
  const quotas = new Int32Array(loads.length).fill(least);
  const byLoad = Array.from(loads, (_, member) => member).sort((a, b) => loads[b] - loads[a] || a - b);
  for (const member of byLoad) {
    if (extras === 0) break;
    quotas[member]++;
    extras--;
  }
  // What is too much is given up from the end, so that what stays is together.
  for (let i = topics.length - 1; i >= 0; i--) {
    const owner = owners[topics[i]];
    for (let partition = owner.length - 1; partition >= 0; partition--) {
      const member = owner[partition];
      if (member === -1 || loads[member] <= quotas[member]) continue;
      loads[member]--;
      owner[partition] = -1;
    }
  }
  let member = 0;
  for (const topic of topics) {
    const owner = owners[topic];
    for (let partition = 0; partition < owner.length; partition++) {
      if (owner[partition] !== -1) continue;
      while (loads[member] >= quotas[member]) member++;
      owner[partition] = member;
      loads[member]++;
    }
  }
}

/** Partitions without an owner go to whoever has least, those first that fewest can take. */
function assignFree(owners: readonly Int32Array[], readers: readonly number[][], loads: Int32Array): void {
  const order = owners.map((_, topic) => topic).sort((a, b) => readers[a].length - readers[b].length || a - b);
  for (const topic of order) {
    if (readers[topic].length === 0) continue;
    const owner = owners[topic];
    for (let partition = 0; partition < owner.length; partition++) {
      if (owner[partition] !== -1) continue;
      let least = readers[topic][0];
      for (const member of readers[topic]) if (loads[member] < loads[least]) least = member;
      owner[partition] = least;
      loads[least]++;
    }
  }
}

/**
 * Moves partitions along chains (a gives one to b, b one to c) for as long as a chain's end has two fewer than its beginning; when
 * none is left, no assignment is more even.
 */
function level({ reads, owners }: Balance, before: readonly Int32Array[], readers: readonly number[][], loads: Int32Array): void {
  const held: Map<number, number[]>[] = reads.map(() => new Map());
  owners.forEach((owner, topic) => {
    owner.forEach((member, partition) => {
      if (member === -1) return;
      const known = held[member].get(topic);
      if (known === undefined) held[member].set(topic, [partition]);
      else known.push(partition);
    });
  });
  const isSettled = new Uint8Array(loads.length);
  for (;;) {
    let most = -1;
    for (let member = 0; member < loads.length; member++) {
      if (isSettled[member] === 0 && (most === -1 || loads[member] > loads[most])) most = member;
    }
    if (most === -1) return;
    // What somebody has only just got is moved first.
    const isFresh = (from: number, topic: number): boolean =>
      held[from].get(topic)?.some((partition) => before[topic][partition] !== from) === true;
    const chain = findChain(most, held, readers, loads, isFresh) ?? findChain(most, held, readers, loads, () => true);
    if (chain === null) {
      isSettled[most] = 1;
      continue;
    }
    for (const { from, to, topic } of chain) {
      const partition = takeOne(held[from].get(topic) ?? [], before[topic], from, to);
      if (held[from].get(topic)?.length === 0) held[from].delete(topic);
      held[to].set(topic, [...(held[to].get(topic) ?? []), partition]);
      owners[topic][partition] = to;
    }
    loads[most]--;
    loads[chain[chain.length - 1].to]++;
  }
}

/** The partition that is missed least: what was the taker's before, else what the giver has only just got, else its last. */
function takeOne(partitions: number[], before: Int32Array, from: number, to: number): number {
  let at = partitions.findIndex((partition) => before[partition] === to);
  if (at === -1) at = partitions.findIndex((partition) => before[partition] !== from);
  return partitions.splice(at === -1 ? partitions.length - 1 : at, 1)[0];
}

interface Step {
  from: number;
  to: number;
  topic: number;
}

/** The shortest chain from a member to the one that has least of all that can be reached. */
function findChain(
  start: number,
  held: readonly Map<number, number[]>[],
  readers: readonly number[][],
  loads: Int32Array,
  mayMove: (from: number, topic: number) => boolean,
): Step[] | null {
  const steps = new Map<number, Step | null>([[start, null]]);
  const seenTopics = new Set<number>();
  const queue = [start];
  let least = start;
  for (let at = 0; at < queue.length; at++) {
    const from = queue[at];
    if (loads[from] < loads[least]) least = from;
    for (const topic of held[from].keys()) {
      if (seenTopics.has(topic) || !mayMove(from, topic)) continue;
      seenTopics.add(topic);
      for (const to of readers[topic]) {
        if (steps.has(to)) continue;
        steps.set(to, { from, to, topic });
        queue.push(to);
      }
    }
  }
  if (loads[least] > loads[start] - 2) return null;
  const chain: Step[] = [];
  for (let step = steps.get(least); step != null; step = steps.get(step.from)) chain.unshift(step);
  return chain;
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((value, i) => value === b[i]));
}
