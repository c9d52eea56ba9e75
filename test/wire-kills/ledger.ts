/**
 * What clients told while their broker was killed, and what must hold of it. The n-th record of a partition has the value n and one idempotent
 * producer sends them, so offset and value are the same wherever nothing was lost, doubled or reordered.
 */

export interface Counts {
  acknowledged: number;
  given: number;
  commits: number;
  begins: number;
}

/** Offsets that were given out, as ranges; they come nearly in order. */
interface Given {
  /** All below were given. */
  upTo: number;
  ahead: [first: number, last: number][];
}

export class Ledger {
  readonly problems: string[] = [];
  readonly counts: Counts = { acknowledged: 0, given: 0, commits: 0, begins: 0 };
  /** By topic and partition: the highest number that was acknowledged, and how many were. */
  readonly #acknowledged = new Map<string, { last: number; count: number }>();
  readonly #produced = new Map<string, number>();
  /** By group, topic and partition. */
  readonly #committed = new Map<string, number>();
  readonly #given = new Map<string, Given>();

  /** Takes in a line of a client: see KillClients.java. */
  tell(line: string): void {
    const [word, ...words] = line.split(' ');
    if (word === 'wrong') return this.#wrong(words.join(' '));
    const numbers = words.slice(word === 'ack' || word === 'produced' ? 1 : 2).map(Number);
    if (numbers.length === 0 || !numbers.every(Number.isSafeInteger)) return this.#wrong(`a client says "${line}"`);
    if (word === 'ack') this.#ack(`${words[0]}-${numbers[0]}`, numbers[1], numbers[2]);
    else if (word === 'produced') this.#produced.set(`${words[0]}-${numbers[0]}`, numbers[1]);
    else if (word === 'begin') this.#begin(`${words[0]} ${words[1]}-${numbers[0]}`, numbers[1]);
    else if (word === 'got') this.#got(`${words[0]} ${words[1]}-${numbers[0]}`, numbers[1], numbers[2]);
    else if (word === 'commit') this.#commit(`${words[0]} ${words[1]}-${numbers[0]}`, numbers[1]);
    else this.#wrong(`a client says "${line}"`);
  }

  /** What was acknowledged to a group by now, by place. */
  committed(group: string): Map<string, number> {
    const own = [...this.#committed].filter(([of]) => of.startsWith(`${group} `));
    return new Map(own.map(([of, offset]) => [of.slice(group.length + 1), offset]));
  }

  /** What the broker says that a group has committed, asked after this had been acknowledged. */
  checkCommitted(group: string, place: string, offset: number, acknowledged: ReadonlyMap<string, number>): void {
    const committed = acknowledged.get(place) ?? 0;
    if (committed > 0 && offset < committed) this.#wrong(`${group} has committed ${offset} of ${place}, and ${committed} was acknowledged`);
  }

  /** What a partition holds at the end: the values, by offset. */
  checkLog(place: string, values: readonly string[]): void {
    const wrong = values.findIndex((value, offset) => value !== String(offset));
    if (wrong >= 0) this.#wrong(`${place} holds ${values[wrong]} at ${wrong}`);
    const { last, count } = this.#acknowledged.get(place) ?? { last: -1, count: 0 };
    if (last >= values.length) this.#wrong(`${place} ends at ${values.length}, and ${last} was acknowledged`);
    const produced = this.#produced.get(place) ?? 0;
    if (produced !== values.length || count !== produced) {
      this.#wrong(`${place}: ${produced} were produced, ${count} acknowledged, ${values.length} are there`);
    }
  }

  /** Each group has been given all that was produced to these topics. */
  checkRead(groups: readonly string[], topics: readonly string[]): void {
    for (const [place, count] of this.#produced) {
      if (!topics.some((topic) => place.startsWith(`${topic}-`))) continue;
      for (const group of groups) {
        const upTo = this.#given.get(`${group} ${place}`)?.upTo ?? 0;
        if (upTo < count) this.#wrong(`${group} was not given ${upTo} of ${place}, which has ${count}`);
      }
    }
  }

  #ack(place: string, offset: number, number: number): void {
    this.counts.acknowledged++;
    if (offset !== number) this.#wrong(`${place}: ${number} was acknowledged at ${offset}`);
    const known = this.#acknowledged.get(place) ?? { last: -1, count: 0 };
    if (number !== known.last + 1) this.#wrong(`${place}: ${number} was acknowledged after ${known.last}`);
    this.#acknowledged.set(place, { last: number, count: known.count + 1 });
  }

  #begin(of: string, position: number): void {
    this.counts.begins++;
    const committed = this.#committed.get(of) ?? 0;
    if (position < committed) this.#wrong(`${of} goes on at ${position}, and ${committed} was committed`);
    const upTo = this.#given.get(of)?.upTo ?? 0;
    if (position > upTo) this.#wrong(`${of} goes on at ${position}, and was given none from ${upTo} on`);
  }

  #got(of: string, first: number, last: number): void {
    this.counts.given += last - first + 1;
    const given = this.#given.get(of) ?? { upTo: 0, ahead: [] };
    this.#given.set(of, given);
    given.ahead.push([first, last]);
    given.ahead.sort(([a], [b]) => a - b);
    while (given.ahead.length > 0 && given.ahead[0][0] <= given.upTo)
      given.upTo = Math.max(given.upTo, (given.ahead.shift() as [number, number])[1] + 1);
  }

  #commit(of: string, offset: number): void {
    this.counts.commits++;
    this.#committed.set(of, Math.max(this.#committed.get(of) ?? 0, offset));
  }

  #wrong(problem: string): void {
    if (this.problems.length < 50) this.problems.push(problem);
  }
}
