/** A coordinator on one thread: virtual time, loopback ports, hosts that answer when they are told to. */
import { Coordinator } from '../../src/coordinator/coordinator.ts';
import type { Store } from '../../src/coordinator/facts.ts';
import type {
  ControlAnswer,
  ControlPost,
  CoordinatorAnswer,
  CoordinatorAsk,
  CoordinatorNotice,
  CoordinatorPost,
  CoordinatorReply,
  TurnStage,
} from '../../src/coordinator/protocol.ts';
import type { HostAnswer, HostAsk, HostNotice, HostPost, OpenResult, PartitionDescription } from '../../src/partition/protocol.ts';
import { Arena } from '../../src/world/arena.ts';
import type { Clock } from '../../src/world/clock.ts';
import type { Disk } from '../../src/world/disk.ts';
import { silentLogger } from '../../src/world/logger.ts';
import { MemoryDisk } from '../../src/world/memory-disk.ts';
import { loopback, type Port } from '../../src/world/port.ts';
import { seededRandom } from '../../src/world/random.ts';

/** Time that passes when it is told to; everything due at once runs in the order in which it was asked for. */
export class VirtualClock implements Clock {
  #nowMs = 1_000_000;
  #soon: (() => void)[] = [];
  #timers: { atMs: number; then: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(ms: number, then: () => void): { cancel(): void } {
    const timer = { atMs: this.#nowMs + ms, then };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((one) => one !== timer);
      },
    };
  }

  soon(then: () => void): void {
    this.#soon.push(then);
  }

  next(then: () => void): void {
    this.#soon.unshift(then);
  }

  /** Runs what is due now. */
  settle(): void {
    for (let then = this.#soon.shift(); then !== undefined; then = this.#soon.shift()) then();
  }

  /** Time that passes in one go: what is due meanwhile happens at its end. */
  leap(ms: number): void {
    this.settle();
    this.#nowMs += ms;
    this.pass(0);
  }

  pass(ms: number): void {
    const endMs = this.#nowMs + ms;
    this.settle();
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.then();
      this.settle();
    }
    this.#nowMs = endMs;
  }
}

type WithoutId<A> = A extends { id: number } ? Omit<A, 'id'> : never;
type AskBody = WithoutId<CoordinatorAsk>;

/** A host that keeps what it is asked until `answer`. */
export class FakeHost {
  readonly asks: HostAsk[] = [];
  /** Slots that it cannot open, and why. */
  readonly broken = new Map<number, { error: number; message: string }>();
  /** Where logs end, by slot. */
  readonly ends = new Map<number, number>();
  /** What it is asked is answered at once. */
  willing = true;
  closed = false;
  readonly #port: Port<HostAnswer, HostPost>;
  #waiting: HostAsk[] = [];

  constructor(port: Port<HostAnswer, HostPost>) {
    this.#port = port;
    port.listen(
      () => {
        for (let post = port.take(); post !== undefined; post = port.take()) {
          this.asks.push(...post.asks);
          this.#waiting.push(...post.asks);
        }
        if (this.willing) this.answer();
      },
      () => {
        this.closed = true;
      },
    );
  }

  answer(): void {
    const asks = this.#waiting;
    this.#waiting = [];
    if (asks.length > 0) this.#port.post({ replies: asks.map((ask) => this.#replyTo(ask)), notices: [] });
  }

  notice(notice: HostNotice): void {
    this.#port.post({ replies: [], notices: [notice] });
  }

  die(): void {
    this.#port.close();
  }

  /** What it was asked, in short. */
  get heard(): string[] {
    return this.asks.map((ask) => {
      if (ask.verb === 'open')
        return `open ${ask.partitions.map((one) => `${one.topic}-${one.partition}@${one.slot}`).join(' ')}${ask.clean ? ' clean' : ''}`;
      if (ask.verb === 'configure') return `configure ${ask.slots.join(' ')} retention=${ask.config.retentionMs}`;
      return ask.verb === 'drop' ? `drop ${ask.slots.join(' ')}` : ask.verb;
    });
  }

  #replyTo(ask: HostAsk): HostAnswer['replies'][number] {
    const { id } = ask;
    if (ask.verb === 'configure' || ask.verb === 'drop') return { verb: ask.verb, id, error: 0 };
    if (ask.verb === 'describe')
      return { verb: 'describe', id, error: 0, partitions: (ask.slots ?? []).map((slot) => this.#describe(slot)) };
    if (ask.verb !== 'open') throw new Error(`a coordinator does not ask a host to ${ask.verb}`);
    const results = ask.partitions.map(
      ({ slot }): OpenResult => ({ slot, startOffset: 0, endOffset: 0, ...(this.broken.get(slot) ?? { error: 0, message: '' }) }),
    );
    return { verb: 'open', id, error: 0, results };
  }

  #describe(slot: number): PartitionDescription {
    const end = this.ends.get(slot) ?? 0;
    const state = 'online' as const;
    const sizes = { logBytes: 0, residentBytes: 0, unwrittenBytes: 0, segments: 1, quarantined: [] };
    return { slot, topic: '', partition: 0, error: 0, state, startOffset: 0, endOffset: end, highWatermark: end, ...sizes };
  }
}

/** A dispatcher's end: asks, and everything that it has heard. */
export class FakeDispatcher {
  readonly replies: CoordinatorReply[] = [];
  readonly notices: CoordinatorNotice[] = [];
  closed = false;
  readonly #port: Port<CoordinatorPost, CoordinatorAnswer>;
  #nextId = 1;

  constructor(port: Port<CoordinatorPost, CoordinatorAnswer>) {
    this.#port = port;
    port.listen(
      () => {
        for (let post = port.take(); post !== undefined; post = port.take()) {
          this.replies.push(...post.replies);
          this.notices.push(...post.notices);
        }
      },
      () => {
        this.closed = true;
      },
    );
  }

  /** Posts these asks as one; answers their ids. */
  ask(...bodies: AskBody[]): number[] {
    const asks = bodies.map((body) => ({ ...body, id: this.#nextId++ }) as CoordinatorAsk);
    this.#port.post({ asks });
    return asks.map(({ id }) => id);
  }

  replyTo<V extends CoordinatorReply['verb']>(verb: V, id: number): Extract<CoordinatorReply, { verb: V }> | undefined {
    return this.replies.find((reply) => reply.id === id && reply.verb === verb) as Extract<CoordinatorReply, { verb: V }> | undefined;
  }

  close(): void {
    this.#port.close();
  }
}

export interface RigOptions {
  hosts?: number;
  defaults?: Record<string, string>;
  store?: Store | null;
  folder?: string | null;
  disk?: Disk;
  arena?: Arena;
  clock?: VirtualClock;
  framesMax?: number;
  seed?: number;
  successor?: boolean;
}

export class Rig {
  readonly clock: VirtualClock;
  readonly arena: Arena;
  readonly disk: Disk;
  readonly said: ControlAnswer[] = [];
  /** What it ended with: absent while it runs, null after a close, an error when it failed. */
  ended: { error: unknown } | null = null;
  readonly #control: Port<ControlPost, ControlAnswer>;
  #dispatchers = 0;

  constructor(options: RigOptions = {}) {
    const { hosts = 2, defaults = {}, store = null, folder = null, framesMax = 64, seed = 1, successor = false } = options;
    this.clock = options.clock ?? new VirtualClock();
    this.arena = options.arena ?? Arena.create({ framesMax, frameBytes: 16 * 1024, slotsMax: 100 });
    this.disk = options.disk ?? new MemoryDisk();
    const [theirs, mine] = loopback<ControlAnswer, ControlPost>(this.clock);
    this.#control = mine;
    mine.listen(
      () => {
        for (let answer = mine.take(); answer !== undefined; answer = mine.take()) this.said.push(answer);
      },
      () => {},
    );
    new Coordinator({
      folder,
      disk: this.disk,
      clock: this.clock,
      random: seededRandom(seed),
      arena: this.arena,
      hosts,
      defaults,
      control: theirs,
      toPort: <Out, In>(raw: unknown) => raw as Port<Out, In>,
      store,
      successor,
      log: silentLogger,
      memoryBytesMax: 2 ** 28,
      closed: (error) => {
        this.ended = { error };
      },
    }).start();
    this.clock.settle();
  }

  host(host: number, { willing = true }: { willing?: boolean } = {}): FakeHost {
    const [theirs, mine] = loopback<HostPost, HostAnswer>(this.clock);
    const fake = new FakeHost(mine);
    fake.willing = willing;
    this.#control.post({ control: 'hostUp', host, port: theirs });
    this.clock.settle();
    return fake;
  }

  dispatcher(number = this.#dispatchers++): FakeDispatcher {
    const [theirs, mine] = loopback<CoordinatorAnswer, CoordinatorPost>(this.clock);
    const fake = new FakeDispatcher(mine);
    this.#control.post({ control: 'dispatcherUp', dispatcher: number, port: theirs });
    this.clock.settle();
    return fake;
  }

  fail(stage: TurnStage, turns = 0): void {
    this.#control.post({ control: 'fail', stage, turns });
    this.clock.settle();
  }

  /** The supervisor's end goes away. */
  hangUp(): void {
    this.#control.close();
    this.clock.settle();
  }

  get refusal(): { error: number; message: string } | undefined {
    return this.said.find((answer) => answer.control === 'refused');
  }
}
