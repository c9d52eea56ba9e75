/**
 * One actor at the other end of a port: numbers the asks, posts them together once per turn, and gives each reply to the one who
 * asked. When the actor is gone, every ask in flight is refused with one retriable code. Callbacks only; promises begin above.
 */
import { limits } from '../base/limits.ts';
import type { Clock } from '../world/clock.ts';
import type { Port } from '../world/port.ts';

interface AnyAsk {
  id: number;
}

interface AnyReply {
  id: number;
  error: number;
}

interface Post<Ask> {
  asks: Ask[];
}

interface Answer<Reply, Notice> {
  replies: Reply[];
  notices: Notice[];
}

/** `reply` is null when the actor is gone: `error` then says so. */
export type Done<Reply> = (error: number, reply: Reply | null) => void;

export interface LinkEvents<Notice> {
  notice(notice: Notice): void;
  closed(): void;
  /** After the replies of one post were given out. */
  turned(): void;
}

export class Link<Ask extends AnyAsk, Reply extends AnyReply, Notice> {
  readonly #port: Port<Post<Ask>, Answer<Reply, Notice>>;
  readonly #clock: Clock;
  readonly #events: LinkEvents<Notice>;
  readonly #goneError: () => number;
  readonly #waiting = new Map<number, Done<Reply>>();
  #out: Ask[] = [];
  #held: Ask[] = [];
  #nextId = 1;
  #scheduled = false;
  #open = true;
  readonly #post = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  constructor(port: Port<Post<Ask>, Answer<Reply, Notice>>, clock: Clock, goneError: () => number, events: LinkEvents<Notice>) {
    this.#port = port;
    this.#clock = clock;
    this.#goneError = goneError;
    this.#events = events;
    port.listen(
      () => this.receive(),
      () => this.#gone(),
    );
  }

  get inFlight(): number {
    return this.#waiting.size;
  }

  /** Sends an ask with the other asks of this turn; `done` is called once, never within this call. */
  ask(ask: Omit<Ask, 'id'>, done: Done<Reply>): void {
    if (!this.#open) return this.#clock.next(() => done(this.#goneError(), null));
    const id = this.#nextId++;
    const numbered = ask as Ask;
    numbered.id = id;
    this.#waiting.set(id, done);
    if (this.#waiting.size === 1) this.#port.ref(true);
    if (this.#waiting.size > limits.asksInFlightMax) {
      this.#held.push(numbered);
      return;
    }
    this.#out.push(numbered);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.next(this.#post);
  }

  /** Posts what was asked so far without waiting for the end of the turn. */
  flush(): void {
    if (this.#out.length === 0 || !this.#open) return;
    const asks = this.#out;
    this.#out = [];
    this.#port.post({ asks });
  }

  /** Gives out the replies that wait at the port now. */
  receive(): void {
    for (;;) {
      const answer = this.#port.take();
      if (answer === undefined) break;
      for (const notice of answer.notices) this.#events.notice(notice);
      for (const reply of answer.replies) {
        const done = this.#waiting.get(reply.id);
        if (done === undefined) continue;
        this.#waiting.delete(reply.id);
        done(reply.error, reply);
      }
    }
    if (this.#held.length > 0) this.#release();
    if (this.#waiting.size === 0 && this.#open) this.#port.ref(false);
    this.#events.turned();
  }

  close(): void {
    if (!this.#open) return;
    this.#gone();
    this.#port.close();
  }

  #release(): void {
    const room = limits.asksInFlightMax - (this.#waiting.size - this.#held.length);
    if (room <= 0) return;
    for (const ask of this.#held.splice(0, room)) this.#out.push(ask);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.next(this.#post);
  }

  #gone(): void {
    if (!this.#open) return;
    // Replies that were posted before the end still count.
    this.receive();
    this.#open = false;
    this.#out = [];
    this.#held = [];
    const refused = [...this.#waiting.values()];
    this.#waiting.clear();
    const error = this.#goneError();
    for (const done of refused) done(error, null);
    this.#events.closed();
  }
}
