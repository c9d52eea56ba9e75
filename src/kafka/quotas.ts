/**
 * Quotas and pressure as clients on the wire feel them: what a client id sends and fetches is counted, the answer says how long it is
 * throttled (KIP-219), and for as long no further request of its connection begins. A delay, never an error.
 */
import { limits } from '../base/limits.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { Flow, Gate } from '../dispatch/throttles.ts';
import type { Call, CallConnection } from './handler.ts';

/** What a producer waits after each request while the bus is throttled: as long as the governor takes to look twice. */
const THROTTLED_MS = 100;
const THROTTLE = 2;
const PAUSE = 3;

type Passes = Partial<Record<Flow, Gate>>;

/** The gates that a connection has entered, each the one of the client id that it named last. */
const ofConnections = new WeakMap<CallConnection, Passes>();

/** The gate of a request's client id, of which no more counts than a quota may name; null: the connection is gone. */
export function gateOf(flow: Flow, { broker, connection, clientId: told }: Call): Gate | null {
  const clientId = told.slice(0, limits.clientIdMax);
  let passes = ofConnections.get(connection);
  if (passes === undefined) {
    const made: Passes = {};
    passes = made;
    ofConnections.set(connection, made);
    connection.whenClosed(() => {
      for (const one of ['produce', 'fetch'] as const) leave(broker.dispatcher, one, made);
    });
  }
  if (passes[flow]?.clientId !== clientId) {
    leave(broker.dispatcher, flow, passes);
    if (!connection.closed) passes[flow] = broker.dispatcher.throttles.enter(flow, clientId);
  }
  return passes[flow] ?? null;
}

function leave({ throttles }: Dispatcher, flow: Flow, passes: Passes): void {
  const gate = passes[flow];
  if (gate !== undefined) throttles.leave(flow, gate);
  delete passes[flow];
}

/** Calls `then` with what a client is to wait for its quota: at once while it is within it, else when the coordinator has heard of it. */
export function whenKnown({ throttles }: Dispatcher, gate: Gate | null, then: (delayMs: number) => void): void {
  if (gate === null || (gate.isOpen && gate.isKnown)) then(0);
  else throttles.whenTold(gate, () => then(gate.delayMs));
}

/** What a producer waits because the bus is throttled. */
export function pressureMs({ level }: Dispatcher): number {
  return level >= THROTTLE ? THROTTLED_MS : 0;
}

/** Nothing may be appended now. */
export function isPaused({ level }: Dispatcher): boolean {
  return level >= PAUSE;
}

/** Calls `release` when the client has waited for as long as it was told, and its quota allows the next request. */
export function mute({ broker, connection }: Call, gate: Gate | null, delayMs: number, release: () => void): void {
  const goOn = (): void => {
    if (gate === null || gate.isOpen || connection.closed) release();
    else gate.wait(goOn);
  };
  if (delayMs === 0) goOn();
  else broker.dispatcher.clock.after(delayMs, goOn);
}
