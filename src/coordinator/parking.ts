/** Replies that wait for hosts. Each leaves once: when its errands are done, when it has waited too long, or when the bus closes. */
import { errors } from '../base/errors.ts';
import type { Errand } from './hosts.ts';
import type { CoordinatorReply } from './protocol.ts';

/** A reply waits this long; what was asked is stored and will be carried out, and the asker hears that it has not been yet. */
const PARKED_MS_MAX = 30_000;

export interface Failure {
  topic: string;
  error: number;
  message: string;
}

interface Parked {
  reply: CoordinatorReply;
  left: number;
  failures: Failure[];
  deadlineMs: number;
  send(reply: CoordinatorReply): void;
}

export class Parking {
  readonly #parked = new Set<Parked>();

  get size(): number {
    return this.#parked.size;
  }

  /** Sends `reply` when all errands are done, with what went wrong written into it. */
  park(
    reply: CoordinatorReply,
    errands: readonly Errand[],
    options: { nowMs: number; failuresOf(errand: Errand): Failure[]; send(reply: CoordinatorReply): void },
  ): void {
    const parked: Parked = { reply, left: errands.length, failures: [], deadlineMs: options.nowMs + PARKED_MS_MAX, send: options.send };
    this.#parked.add(parked);
    for (const errand of errands) {
      errand.whenDone(() => {
        parked.failures.push(...options.failuresOf(errand));
        if (--parked.left === 0) this.#leave(parked, withFailures(parked.reply, parked.failures));
      });
    }
  }

  /** Lets go what has waited too long. */
  expire(nowMs: number): void {
    for (const parked of this.#parked) {
      if (nowMs < parked.deadlineMs) continue;
      const message = `the partitions’ hosts have not answered for ${PARKED_MS_MAX / 1000} s; what was asked is kept and will be carried out`;
      this.#leave(parked, refused(parked.reply, errors.REQUEST_TIMED_OUT.code, message));
    }
  }

  /** Refuses all that waits. */
  close(): void {
    const message = 'the bus closed before the partitions’ hosts had answered; what was asked is kept if the bus has a folder';
    for (const parked of this.#parked) this.#leave(parked, refused(parked.reply, errors.CLOSED.code, message));
  }

  #leave(parked: Parked, reply: CoordinatorReply): void {
    if (this.#parked.delete(parked)) parked.send(reply);
  }
}

/** Writes failures into the rows of the topics that they befell; a row that failed before keeps its error. */
function withFailures(reply: CoordinatorReply, failures: readonly Failure[]): CoordinatorReply {
  if (failures.length === 0) return reply;
  const byTopic = new Map(failures.map((failure) => [failure.topic, failure]));
  switch (reply.verb) {
    case 'createTopics':
    case 'deleteTopics':
      return { ...reply, topics: reply.topics.map((row) => (row.error === 0 ? { ...row, ...pick(byTopic.get(row.name)) } : row)) };
    case 'createPartitions':
    case 'alterConfigs':
      return { ...reply, error: failures[0].error, message: failures[0].message };
    case 'metadata':
      return { ...reply, topics: reply.topics.map((row) => ({ ...row, error: row.error || (byTopic.get(row.name)?.error ?? 0) })) };
    default:
      return reply;
  }
}

function refused(reply: CoordinatorReply, error: number, message: string): CoordinatorReply {
  switch (reply.verb) {
    case 'createTopics':
    case 'deleteTopics':
      return { ...reply, topics: reply.topics.map((row) => (row.error === 0 ? { ...row, error, message } : row)) };
    case 'createPartitions':
    case 'alterConfigs':
      return { ...reply, error, message };
    default:
      return { ...reply, error };
  }
}

function pick(failure: Failure | undefined): { error: number; message: string } | object {
  return failure === undefined ? {} : { error: failure.error, message: failure.message };
}
