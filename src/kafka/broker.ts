/** What all connections of a listener share: the way into the bus, what is known of topics, fetch sessions, and how the broker is called. */
import { errorName, errors } from '../base/errors.ts';
import type { Dispatcher, Subscriber } from '../dispatch/dispatcher.ts';
import type { Clock } from '../world/clock.ts';
import type { Logger } from '../world/logger.ts';
import { FetchSessions } from './fetch-sessions.ts';
import type { Handler } from './handler.ts';
import { Landing } from './landing.ts';
import { ReadBuffers } from './read-buffers.ts';
import { ReadManner } from './read-manner.ts';
import { Topics } from './topics.ts';

export interface BrokerSetup {
  dispatcher: Dispatcher;
  handlers: readonly Handler[];
  /** 22 characters of base64, as Kafka's cluster ids. */
  clusterId: string;
  /** Where partitions lie, as DescribeLogDirs tells it. */
  folder: string | null;
  log: Logger;
}

/** How often is looked whether there is room for what waits. */
const LOOK_MS = 50;

/** The one broker's number. */
export const NODE_ID = 1;

export class Broker implements Subscriber {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly handlers: readonly Handler[];
  readonly clusterId: string;
  readonly folder: string | null;
  readonly log: Logger;
  readonly topics: Topics;
  readonly sessions: FetchSessions;
  readonly landing: Landing;
  readonly readBuffers = new ReadBuffers();
  readonly readManner = new ReadManner();
  /** What clients are told to connect to; known when the listener listens. */
  advertised = { host: '', port: 0 };
  /** Called when the bus is gone: nothing can be answered any more. */
  whenGone: () => void = () => {};
  /** Appends that wait for the bus to take more, in order. */
  readonly #waiting: { attempt: () => boolean; needsRoom: boolean }[] = [];
  #tries = false;
  #looks = false;
  readonly #byKey: ReadonlyMap<number, Handler>;

  constructor(setup: BrokerSetup) {
    this.dispatcher = setup.dispatcher;
    this.clock = setup.dispatcher.clock;
    this.handlers = setup.handlers;
    this.clusterId = setup.clusterId;
    this.folder = setup.folder;
    this.log = setup.log;
    this.topics = new Topics(setup.dispatcher);
    this.sessions = new FetchSessions(setup.dispatcher);
    this.landing = new Landing(setup.dispatcher);
    this.#byKey = new Map(setup.handlers.map((handler) => [handler.api.key, handler]));
    this.dispatcher.subscribe(this);
  }

  handlerOf(key: number): Handler | undefined {
    return this.#byKey.get(key);
  }

  /**
   * Calls `attempt` whenever the bus may take more again, until it says that it is done. Of those that need room in the outbox, those that
   * asked first come first; those that lie there already wait for none of them.
   */
  whenRoom(attempt: () => boolean, needsRoom = true): void {
    if ((!needsRoom || this.#waiting.length === 0) && attempt()) return;
    this.#waiting.push({ attempt, needsRoom });
    this.#lookAgain();
  }

  /** Whether somebody waits for the bus to take more. */
  get isFull(): boolean {
    return this.#waiting.length > 0;
  }

  /** Somebody has given up, or the bus has room again. */
  roomMade(): void {
    if (this.#tries) return;
    this.#tries = true;
    let left = 0;
    let isBlocked = false;
    // What an attempt lets go may come to wait here in its turn, at the end.
    for (let i = 0; i < this.#waiting.length; i++) {
      const one = this.#waiting[i];
      if (!(isBlocked && one.needsRoom) && one.attempt()) continue;
      isBlocked ||= one.needsRoom;
      this.#waiting[left++] = one;
    }
    this.#waiting.length = left;
    this.#tries = false;
  }

  /** What makes room is not always told: a level of pressure that falls, a connection that ends. */
  #lookAgain(): void {
    if (this.#looks || this.#waiting.length === 0) return;
    this.#looks = true;
    this.clock.after(LOOK_MS, () => {
      this.#looks = false;
      this.roomMade();
      this.#lookAgain();
    });
  }

  turned(): void {
    this.roomMade();
  }

  pressure(): void {
    this.roomMade();
  }

  topicsChanged(): void {
    this.topics.topicsChanged();
  }

  /** The bus is gone. */
  closed(): void {
    this.whenGone();
  }

  hostUp(host: number): void {
    this.sessions.hostUp(host);
  }
}

/** The code that a Kafka client is told. */
export function kafkaCode(code: number): number {
  return errors[errorName(code)].kafkaCode;
}
