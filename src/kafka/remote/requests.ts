/**
 * Sends requests to the brokers of a cluster: to a node, to the coordinator of a group, to the controller, to any. It holds the
 * connections (one per node and purpose), connects again with growing pauses, and knows who coordinates which group. What a response says
 * is the asker's business.
 */
import { errors } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';
import type { Address } from '../../world/net.ts';
import type { Random } from '../../world/random.ts';
import { findCoordinator } from '../api/10-find-coordinator.ts';
import type { Api, Decoded, Encodable, Shape } from '../schema.ts';
import { Writer } from '../writer.ts';
import type { BrokerConnection } from './connection.ts';
import { FrameMemory } from './frame-memory.ts';
import { Peer, type Purpose } from './peer.ts';

/** Where a request goes. 'controller': whoever the cluster names; 'any': a broker that can be reached. */
export type Target = { readonly node: number } | { readonly group: string } | 'any' | 'controller';

/**
 * Called once, later. error 0: the response, its own error fields untouched. Else nothing was answered: HOST_DOWN was not sent (nobody
 * could be reached), NETWORK_EXCEPTION and REQUEST_TIMED_OUT may have been carried out, UNSUPPORTED_VERSION: the broker lacks this API or
 * every version of it that is spoken here, CLOSED, and what FindCoordinator was refused with (COORDINATOR_NOT_AVAILABLE …): not sent either.
 */
export type Done<P extends Shape> = (error: number, response: Decoded<P> | null) => void;

export interface SendOptions {
  /** Until the answer, connecting included (default: requestTimeoutMs). */
  timeoutMs?: number;
  /** On a connection of its own, for what the broker lets wait: JoinGroup, SyncGroup. */
  own?: boolean;
  /** Whose request it is, where that is not the client as a whole: brokers show it with a member of a group. */
  clientId?: string;
}

export interface RequestsSetup {
  /** Where the cluster is met for the first time. */
  readonly brokers: readonly Address[];
  readonly clientId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** A connection that nothing was asked on for so long is closed. */
  readonly idleMs: number;
  /** Why a broker cannot be reached, or was lost, in words. */
  lost?(peer: Peer, reason: string): void;
}

export class Requests {
  readonly #setup: RequestsSetup;
  readonly #writer = new Writer();
  readonly #memory = new FrameMemory();
  readonly #bootstrap: Peer[];
  readonly #nodes = new Map<number, Peer>();
  readonly #coordinators = new Map<string, number>();
  #controller = -1;
  /** Who was asked last of all brokers, and is while he can be: another one may not have heard yet of what this one has shown. */
  #any: Peer | null = null;
  #nextBootstrap: number;
  #closed = false;

  constructor(setup: RequestsSetup) {
    this.#setup = setup;
    this.#bootstrap = setup.brokers.map((address) => this.#peer(-1, address));
    this.#nextBootstrap = setup.random.below(this.#bootstrap.length);
    this.#sweep();
  }

  get clock(): Clock {
    return this.#setup.clock;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Why each broker that was tried could not be reached, in words. */
  get failures(): string[] {
    return [...this.#bootstrap, ...this.#nodes.values()]
      .filter(({ failure }) => failure !== '')
      .map((peer) => `${peer.name}: ${peer.failure}`);
  }

  /** Why a node does not answer, in words. */
  wordsOf(node: number): string {
    const peer = this.#nodes.get(node);
    if (peer === undefined) return `the cluster has no broker ${node} now`;
    return peer.failure === '' ? `the connection to ${peer.name} was lost` : `${peer.name}: ${peer.failure}`;
  }

  /** Sends one request; see Done. */
  send<Q extends Shape, P extends Shape>(
    to: Target,
    api: Api<Q, P>,
    request: Encodable<Q>,
    done: Done<P>,
    options: SendOptions = {},
  ): void {
    const { clock, requestTimeoutMs } = this.#setup;
    const endMs = clock.monotonicMs() + (options.timeoutMs ?? requestTimeoutMs);
    const purpose: Purpose = options.own === true ? 'own' : typeof to === 'object' && 'group' in to ? 'group' : 'ask';
    const post = (peer: Peer, refused: Done<P>): void => {
      const connection = peer.take(purpose);
      const timeoutMs = Math.max(0, endMs - clock.monotonicMs());
      connection.send(api, request, { timeoutMs, clientId: options.clientId }, (error, response) => {
        if (options.own === true) peer.give(connection);
        if (error === errors.HOST_DOWN.code) refused(error, null);
        else done(error, response);
      });
    };
    this.#to(to, endMs, done, post);
  }

  /**
   * Finds the peer and posts to it. What was not sent is tried elsewhere, as far as the target allows: a group's coordinator is looked for
   * anew, any broker may be another.
   */
  #to<P extends Shape>(to: Target, endMs: number, done: Done<P>, post: (peer: Peer, refused: Done<P>) => void): void {
    const { clock, random } = this.#setup;
    const again = (error: number): void => {
      if (this.#closed || clock.monotonicMs() >= endMs) return done(this.#closed ? errors.CLOSED.code : error, null);
      // Peers pause between attempts by themselves; this one is for refusals that come at once.
      clock.after(RETRY_MS + random.below(RETRY_MS), () => this.#to(to, endMs, done, post), true);
    };
    if (this.#closed) return clock.next(() => done(errors.CLOSED.code, null));
    if (typeof to === 'object' && 'node' in to) {
      const peer = this.#nodes.get(to.node);
      return peer === undefined ? clock.next(() => done(errors.HOST_DOWN.code, null)) : post(peer, done);
    }
    if (typeof to === 'object') {
      return this.#coordinatorOf(to.group, endMs, (error, peer) => {
        if (peer === null) return error === errors.COORDINATOR_NOT_AVAILABLE.code ? again(error) : done(error, null);
        post(peer, (refusal) => {
          this.forgetCoordinator(to.group);
          again(refusal);
        });
      });
    }
    const controller = to === 'controller' ? this.#nodes.get(this.#controller) : undefined;
    post(controller !== undefined && !controller.isPausing ? controller : this.#anyPeer(), again);
  }

  /** The highest version of an API that this node and we speak; −1: none, or it was not met yet. */
  versionOf(node: number, api: Api): number {
    return this.#nodes.get(node)?.versionOf(api) ?? -1;
  }

  /** A connection for large responses, which its asker alone uses, and closes; null: the node is not known. */
  connectionTo(node: number): BrokerConnection | null {
    return this.#nodes.get(node)?.open(this.#memory) ?? null;
  }

  /** The connection of a node on which batches are sent: made when it is missing. Null: the node is not known. */
  produceConnection(node: number): BrokerConnection | null {
    return this.#nodes.get(node)?.take('produce') ?? null;
  }

  /** The group's coordinator is another one (NOT_COORDINATOR), or does not answer: it is looked for with the next request. */
  forgetCoordinator(group: string): void {
    this.#coordinators.delete(group);
  }

  /** What Metadata says of the brokers. Those that it does not name any more are left. */
  setNodes(brokers: readonly { nodeId: number; host: string; port: number }[], controller: number): void {
    const named = new Set<number>();
    for (const { nodeId, host, port } of brokers) {
      named.add(nodeId);
      this.#learn(nodeId, host, port);
    }
    for (const [nodeId, peer] of this.#nodes) {
      if (named.has(nodeId)) continue;
      this.#nodes.delete(nodeId);
      peer.close('the cluster does not name it any more');
    }
    this.#controller = controller;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const peer of [...this.#bootstrap, ...this.#nodes.values()]) peer.close('');
  }

  #learn(nodeId: number, host: string, port: number): Peer {
    const known = this.#nodes.get(nodeId);
    const address = addressOf(host, port);
    if (known?.isAt(address)) return known;
    known?.close('it has another address now');
    const peer = this.#peer(nodeId, address);
    this.#nodes.set(nodeId, peer);
    return peer;
  }

  #peer(nodeId: number, address: Address): Peer {
    const { clock, random, clientId, connectTimeoutMs, lost } = this.#setup;
    const writer = this.#writer;
    return new Peer({ nodeId, address, clock, random, clientId, connectTimeoutMs, writer, lost: lost ?? (() => {}) });
  }

  #anyPeer(): Peer {
    if (this.#any?.isReady !== true) this.#any = this.#anotherPeer();
    return this.#any;
  }

  /** One that can be written to, else one that did not fail last, else the next in turn; nodes that are known go before the bootstrap list. */
  #anotherPeer(): Peer {
    const nodes = [...this.#nodes.values()];
    const open = nodes.find((peer) => peer.isReady) ?? this.#bootstrap.find((peer) => peer.isReady);
    if (open !== undefined) return open;
    const peers = [...nodes, ...this.#bootstrap];
    for (let i = 0; i < peers.length; i++) {
      const peer = peers[(this.#nextBootstrap + i) % peers.length];
      if (peer.isPausing) continue;
      this.#nextBootstrap = (this.#nextBootstrap + i + 1) % peers.length;
      return peer;
    }
    this.#nextBootstrap = (this.#nextBootstrap + 1) % peers.length;
    return peers[this.#nextBootstrap];
  }

  #coordinatorOf(group: string, endMs: number, done: (error: number, peer: Peer | null) => void): void {
    const known = this.#nodes.get(this.#coordinators.get(group) ?? -1);
    if (known !== undefined) return done(0, known);
    const timeoutMs = Math.max(0, endMs - this.#setup.clock.monotonicMs());
    const asked = { key: group, coordinatorKeys: [group] };
    this.send(
      'any',
      findCoordinator,
      asked,
      (error, response) => {
        if (response === null) return done(isUnsent(error) ? error : errors.COORDINATOR_NOT_AVAILABLE.code, null);
        const found = response.coordinators[0] ?? response;
        if (found.errorCode !== 0) return done(found.errorCode, null);
        if (this.#coordinators.size >= limits.groupsMax) this.#coordinators.clear();
        this.#coordinators.set(group, found.nodeId);
        done(0, this.#learn(found.nodeId, found.host, found.port));
      },
      { timeoutMs },
    );
  }

  /** Connections that nobody uses are closed. */
  #sweep(): void {
    const { clock, idleMs } = this.#setup;
    clock.after(Math.min(idleMs, SWEEP_MS), () => {
      if (this.#closed) return;
      for (const peer of [...this.#bootstrap, ...this.#nodes.values()]) peer.sweep(clock.monotonicMs() - idleMs);
      this.#sweep();
    });
  }
}

/** A path where a host would be, and no port, is a Unix socket: so Spillway tells its own. */
export function addressOf(host: string, port: number): Address {
  return host.startsWith('/') ? { path: host } : { host, port };
}

/** Nothing was carried out. */
function isUnsent(error: number): boolean {
  return error === errors.HOST_DOWN.code || error === errors.UNSUPPORTED_VERSION.code || error === errors.CLOSED.code;
}

const RETRY_MS = 50;
const SWEEP_MS = 10_000;
