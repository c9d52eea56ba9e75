/** A place on a bus, as it is passed to another thread: made there where the bus was opened, taken up here as a dispatcher. */
import { MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { BusError, type ErrorName } from '../base/errors.ts';
import type { CoordinatorAnswer, CoordinatorPost } from '../coordinator/protocol.ts';
import type { HostAnswer, HostPost } from '../partition/protocol.ts';
import { Arena, type ArenaHandle } from '../world/arena.ts';
import { realClock } from '../world/clock.ts';
import { realDisk } from '../world/disk.ts';
import { processMemory } from '../world/memory.ts';
import { threadPort } from '../world/port.ts';
import { realRandom } from '../world/random.ts';
import { Dispatcher } from './dispatcher.ts';

/** What a worker of the user's needs to take part; pass it in `workerData` or a message, with its `transferList`. */
export interface BusHandle {
  readonly index: number;
  readonly arena: ArenaHandle;
  readonly outbox: SharedArrayBuffer;
  /** Brings the ports of the coordinator and the hosts, now and when one is restarted. */
  readonly control: MessagePort;
  readonly hosts: number;
  readonly transferList: readonly MessagePort[];
}

/** What the bus posts to the control port of a handle. */
export type HandlePost =
  | { kind: 'coordinator'; port: MessagePort }
  | { kind: 'host'; host: number; port: MessagePort }
  /** No coordinator will follow the last one. */
  | { kind: 'lost'; code: ErrorName; message: string };

/** The dispatcher of this thread, and the port that brings it ports. Throws BusError INVALID_ARGUMENT, as `attach` says. */
export function takeUpHandle(handle: BusHandle): { dispatcher: Dispatcher; control: MessagePort } {
  checkHandle(handle);
  const control = takeUp(handle.control);
  const dispatcher = new Dispatcher({
    index: handle.index,
    clock: realClock,
    random: realRandom,
    disk: realDisk,
    arena: new Arena(handle.arena),
    outbox: handle.outbox,
    memory: processMemory,
    keepAlive: (alive) => (alive ? control.ref() : control.unref()),
  });
  const heard = (post: HandlePost): void => {
    if (post.kind === 'host') dispatcher.hostUp(post.host, threadPort<HostPost, HostAnswer>(post.port));
    else if (post.kind === 'coordinator') dispatcher.coordinatorUp(threadPort<CoordinatorPost, CoordinatorAnswer>(post.port));
    else dispatcher.lose(new BusError(post.code, post.message));
  };
  // What waits already is there for the first call.
  for (let waiting = receiveMessageOnPort(control); waiting !== undefined; waiting = receiveMessageOnPort(control)) heard(waiting.message);
  control.on('message', heard);
  // A bus that was closed has said so to the coordinator's port before.
  control.on('close', () => dispatcher.abandon());
  control.unref();
  return { dispatcher, control };
}

function checkHandle(handle: unknown): void {
  const { index, arena, outbox, control } = (handle ?? {}) as Partial<BusHandle>;
  const isWhole = typeof index === 'number' && arena?.shared instanceof SharedArrayBuffer && outbox instanceof SharedArrayBuffer;
  if (isWhole && control instanceof MessagePort) return;
  throw new BusError('INVALID_ARGUMENT', 'attach() takes what bus.handle() made, passed to the worker with its transferList');
}

/**
 * Moves a port to where it is: two that listen at one port would take each other's answers, and to read from one that was passed on
 * crashes the process (Node 24). Moving it fails for both, and leaves the handle used up.
 */
function takeUp(port: MessagePort): MessagePort {
  try {
    return structuredClone(port, { transfer: [port] });
  } catch (cause) {
    const what = 'the handle was taken up or passed on before, or its bus is closed: call bus.handle() for each worker';
    throw new BusError('INVALID_ARGUMENT', what, { cause });
  }
}
