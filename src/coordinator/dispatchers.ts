/** The coordinator's end of the dispatchers: what they ask, and the one post each gets back per turn, with replies and notices. */
import { limits } from '../base/limits.ts';
import type { Port } from '../world/port.ts';
import type { CoordinatorAnswer, CoordinatorAsk, CoordinatorNotice, CoordinatorPost, CoordinatorReply } from './protocol.ts';

export type DispatcherPort = Port<CoordinatorAnswer, CoordinatorPost>;

export interface Dispatcher {
  readonly number: number;
  readonly port: DispatcherPort;
  /** Of this turn. */
  replies: CoordinatorReply[];
  /** Replies that wait for hosts. */
  parked: number;
}

export class Dispatchers {
  readonly #present = new Map<number, Dispatcher>();
  readonly #events: { wake(): void; gone(number: number): void };
  /** Of this turn, for everyone. */
  #notices: CoordinatorNotice[] = [];
  #kept: CoordinatorNotice[] = [];

  constructor(events: { wake(): void; gone(number: number): void }) {
    this.#events = events;
  }

  /** Takes up a dispatcher, or a new one under an old number; false when there are too many. `first` is told to it alone. */
  up(number: number, port: DispatcherPort, first: readonly CoordinatorNotice[]): boolean {
    const before = this.#present.get(number);
    if (before === undefined && this.#present.size >= limits.dispatchersMax) {
      port.close();
      return false;
    }
    before?.port.close();
    const dispatcher: Dispatcher = { number, port, replies: [], parked: 0 };
    this.#present.set(number, dispatcher);
    port.listen(
      () => this.#events.wake(),
      () => {
        if (this.#present.get(number) !== dispatcher) return;
        this.#present.delete(number);
        this.#events.gone(number);
      },
    );
    const notices = [...this.#kept, ...first];
    this.#kept = [];
    if (notices.length > 0) port.post({ replies: [], notices });
    return true;
  }

  /** Takes everything that was asked, in the order of each dispatcher. */
  drain(take: (dispatcher: Dispatcher, ask: CoordinatorAsk) => void): void {
    for (const dispatcher of this.#present.values()) {
      for (let post = dispatcher.port.take(); post !== undefined; post = dispatcher.port.take()) {
        for (const ask of post.asks) take(dispatcher, ask);
      }
    }
  }

  /** Tells every dispatcher, with the replies of this turn. */
  tell(notice: CoordinatorNotice): void {
    this.#notices.push(notice);
  }

  /** One post to each that has something to hear. */
  flush(): void {
    const notices = this.#notices;
    this.#notices = [];
    if (this.#present.size === 0) this.#keep(notices);
    for (const dispatcher of this.#present.values()) {
      if (dispatcher.replies.length === 0 && notices.length === 0) continue;
      dispatcher.port.post({ replies: dispatcher.replies, notices });
      dispatcher.replies = [];
    }
  }

  close(): void {
    for (const { port } of this.#present.values()) port.close();
    this.#present.clear();
  }

  /** For the first dispatcher that comes. Levels and metadata are asked for anew by whoever comes; only events would be lost. */
  #keep(notices: readonly CoordinatorNotice[]): void {
    for (const notice of notices) if (notice.notice === 'event' && this.#kept.length < limits.eventsKeptMax) this.#kept.push(notice);
  }
}
