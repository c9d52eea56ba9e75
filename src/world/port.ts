/**
 * A mailbox between two actors: messages arrive in the order in which they were posted, once each. A port leads to a thread
 * (MessagePort) or to a function on the same thread (loopback); the actor cannot tell.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Clock } from './clock.ts';

export interface Port<Out, In> {
  /** Sends a message. ArrayBuffers in `transfer` move to the receiver and are gone here. After close it is dropped. */
  post(message: Out, transfer?: readonly ArrayBuffer[]): void;
  /** Takes the next waiting message, or undefined. */
  take(): In | undefined;
  /** Calls `wake` when messages wait; the actor then takes until none is left. `closed` is called once when the other end is gone. */
  listen(wake: () => void, closed: () => void): void;
  /** Whether this port keeps the process alive (default: it does not until `ref`). */
  ref(keepAlive: boolean): void;
  close(): void;
}

export function threadPort<Out, In>(port: MessagePort): Port<Out, In> {
  // The messages that woke us were taken out of the queue by their events, so they are the first that take() gives. There may be several:
  // an actor that has its fill leaves one for its next turn, and another event may come before that.
  const first: In[] = [];
  let open = true;
  return {
    post(message, transfer) {
      if (open) port.postMessage(message, transfer as ArrayBuffer[] | undefined);
    },
    take() {
      if (first.length > 0) return first.shift();
      // Asked within its own close event, a port crashes the process (Node 24). All messages came before that event.
      if (!open) return undefined;
      return receiveMessageOnPort(port)?.message as In | undefined;
    },
    listen(wake, closed) {
      port.on('message', (message: In) => {
        first.push(message);
        wake();
      });
      port.on('close', () => {
        if (!open) return;
        open = false;
        closed();
      });
      port.unref();
    },
    ref(keepAlive) {
      if (keepAlive) port.ref();
      else port.unref();
    },
    close() {
      open = false;
      port.close();
    },
  };
}

/** Two ends on one thread. Messages are handed over by reference, after the running turn. */
export function loopback<A, B>(clock: Clock): [Port<A, B>, Port<B, A>] {
  const left = new LoopbackEnd<A, B>(clock);
  const right = new LoopbackEnd<B, A>(clock);
  left.other = right;
  right.other = left;
  return [left, right];
}

class LoopbackEnd<Out, In> implements Port<Out, In> {
  other: LoopbackEnd<In, Out> | undefined;
  readonly #clock: Clock;
  readonly #waiting: In[] = [];
  #head = 0;
  #wake: (() => void) | undefined;
  #closed: (() => void) | undefined;
  #scheduled = false;
  #open = true;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  post(message: Out): void {
    if (this.#open) this.other?.deliver(message);
  }

  deliver(message: In): void {
    if (!this.#open) return;
    this.#waiting.push(message);
    this.#schedule();
  }

  take(): In | undefined {
    if (this.#head === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#head = 0;
      return undefined;
    }
    return this.#waiting[this.#head++];
  }

  listen(wake: () => void, closed: () => void): void {
    this.#wake = wake;
    this.#closed = closed;
    if (this.#waiting.length > 0) this.#schedule();
  }

  ref(): void {}

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#clock.soon(() => this.other?.otherClosed());
  }

  otherClosed(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#closed?.();
  }

  #schedule(): void {
    if (this.#scheduled || this.#wake === undefined) return;
    this.#scheduled = true;
    this.#clock.soon(() => {
      this.#scheduled = false;
      if (this.#head < this.#waiting.length) this.#wake?.();
    });
  }
}
