/**
 * The edge of a membership: asks, timers and callbacks around a pure machine (membership.ts, classic.ts). Heartbeats are its own timer's
 * business and never the user's handler's; it watches that the user reads on, and tells the coordinator what each partition waits for.
 */
import { type BusError, errorName } from '../../base/errors.ts';
import type { PartitionProgress } from '../../coordinator/groups/protocol.ts';
import type { Dispatcher, Subscriber } from '../../dispatch/dispatcher.ts';
import type { Timer } from '../../world/clock.ts';
import { publish } from '../events.ts';
import { refusalOf } from './asks.ts';
import type { Ownership } from './ownership.ts';
import type { Decision, Effect, Happening, MemberAsk, MemberReply, MemberSetup, Standing } from './steps.ts';

/** A machine and its state. */
export interface Machine {
  readonly standing: Standing;
  decide(happening: Happening, nowMs: number): readonly Effect[];
}

/** Holds the state of a pure machine. */
export function machineOf<S extends Standing>(begin: S, decide: (state: S, happening: Happening, nowMs: number) => Decision<S>): Machine {
  let state = begin;
  return {
    get standing() {
      return state;
    },
    decide(happening, nowMs) {
      const decision = decide(state, happening, nowMs);
      state = decision.state;
      return decision.effects;
    },
  };
}

export interface MemberEvents {
  /** Steps that the user has taken, and whether he is asking for more; of handlers that are run for him, since when the longest runs. */
  activity(): { steps: number; asking: boolean; busySinceMs: number | null };
  progress(): PartitionProgress[];
  /** No read can succeed any more. */
  failed(error: BusError): void;
  /** Of a classic member that leads. */
  assign(effect: Extract<Effect, { do: 'assign' }>): void;
}

export interface MemberOptions extends MemberSetup {
  maxPollIntervalMs: number;
}

export class Member<K, V, H> implements Subscriber {
  readonly #dispatcher: Dispatcher;
  readonly #options: MemberOptions;
  readonly #machine: Machine;
  readonly #ownership: Ownership<K, V, H>;
  readonly #events: MemberEvents;
  #due: Timer | null = null;
  #dueMs = Number.POSITIVE_INFINITY;
  #look: Timer | null = null;
  #seen = { steps: -1, sinceMs: 0 };
  #reportMs = 0;
  #reporting = false;
  #left: (() => void) | null = null;
  /** What the coordinator was asked last and has not answered, since when; and why it has refused what it answered last. */
  #asked: { verb: string; sinceMs: number } | null = null;
  #refusal = '';
  #closed = false;

  constructor(dispatcher: Dispatcher, options: MemberOptions, machine: Machine, ownership: Ownership<K, V, H>, events: MemberEvents) {
    this.#dispatcher = dispatcher;
    this.#options = options;
    this.#machine = machine;
    this.#ownership = ownership;
    this.#events = events;
    dispatcher.subscribe(this);
  }

  get standing(): Standing {
    return this.#machine.standing;
  }

  /** The user reads. */
  wanted(): void {
    const { phase } = this.#machine.standing;
    if (phase === 'member' || phase === 'joining' || phase === 'ended' || this.#closed) return;
    this.happen({ event: 'wanted' });
    if (this.#look === null) this.#watch();
  }

  happen(happening: Happening): void {
    const before = this.#machine.standing;
    for (const effect of this.#machine.decide(happening, this.#dispatcher.clock.monotonicMs())) this.#carryOut(effect, before);
    this.#setTimer();
  }

  /** Gives up and leaves within the time. Resolves with what was not finished, in words. */
  async close(deadlineMs: number): Promise<string[]> {
    if (this.#closed) return [];
    this.#closed = true;
    this.#look?.cancel();
    const { clock } = this.#dispatcher;
    const endMs = clock.monotonicMs() + deadlineMs;
    // A part of the time is kept for saying goodbye.
    const unfinished = await this.#ownership.release(deadlineMs * 0.8);
    const late = await new Promise<boolean>((resolve) => {
      const timer = clock.after(Math.max(0, endMs - clock.monotonicMs()), () => resolve(true), true);
      this.#left = () => {
        timer.cancel();
        resolve(false);
      };
      if (this.#dispatcher.closed) this.#left();
      else this.happen({ event: 'closing' });
    });
    this.#due?.cancel();
    this.#dispatcher.unsubscribe(this);
    const { groupId, sessionTimeoutMs } = this.#options;
    if (late)
      unfinished.push(`the coordinator did not hear that a member left group "${groupId}"; it will notice within ${sessionTimeoutMs} ms`);
    return unfinished;
  }

  /** Where it stands, and what it waits for, in words. */
  explain(): string {
    const { phase, memberId, epoch, dueMs } = this.#machine.standing;
    const nowMs = this.#dispatcher.clock.monotonicMs();
    const stands = {
      out: 'is no member until it is read',
      joining: 'joins',
      member: `is in epoch ${epoch}`,
      leaving: 'leaves',
      ended: 'has ended',
    };
    const waits: string[] = [stands[phase]];
    if (this.#asked !== null)
      waits.push(`${this.#asked.verb} was asked ${Math.round(nowMs - this.#asked.sinceMs)} ms ago and is not answered`);
    else if (dueMs < Number.POSITIVE_INFINITY) waits.push(`the coordinator is asked in ${Math.max(0, Math.round(dueMs - nowMs))} ms`);
    waits.push(...[this.#refusal, this.#ownership.doing].filter((text) => text !== ''));
    return `group "${this.#options.groupId}": ${memberId === '' ? 'the consumer' : memberId} ${waits.join('; ')}`;
  }

  // What the dispatcher tells.

  groupsChanged(groupIds: readonly string[]): void {
    if (groupIds.includes(this.#options.groupId)) this.happen({ event: 'nudged' });
  }

  /** Another coordinator: it hears at once that this member lives. */
  coordinatorUp(): void {
    this.happen({ event: 'nudged' });
  }

  closed(): void {
    this.#due?.cancel();
    this.#look?.cancel();
    this.#left?.();
  }

  // What follows.

  #carryOut(effect: Effect, before: Standing): void {
    switch (effect.do) {
      case 'ask':
        return this.#ask(effect.seq, effect.ask);
      case 'reconcile':
        return this.#ownership.reconcile(effect.revoke, effect.assign, () => this.happen({ event: 'reconciled' }));
      case 'lose':
        this.#tell('lost', before, effect.message === '' ? errorName(effect.error) : effect.message);
        return this.#ownership.lose();
      case 'assign':
        return this.#events.assign(effect);
      case 'joined':
        return this.#tell('joined', this.#machine.standing, '');
      case 'fail':
        this.#tell('failed', before, effect.message === '' ? errorName(effect.error) : effect.message);
        return this.#events.failed(refusalOf('joining the group', effect.error, effect.message, { groupId: this.#options.groupId }));
      case 'left':
        this.#tell('left', before, '');
        return this.#left?.();
    }
  }

  #ask(seq: number, { verb, fields }: MemberAsk): void {
    const asked = { verb, sinceMs: this.#dispatcher.clock.monotonicMs() };
    this.#asked = asked;
    this.#dispatcher.askCoordinator(verb, fields, (error, reply) => {
      if (this.#asked === asked) this.#asked = null;
      this.#refusal = error === 0 ? '' : `${verb} was refused last: ${errorName(error)} ${reply?.message ?? ''}`.trim();
      // The bus is gone: `closed` has been told, or will be.
      if (this.#dispatcher.closed) return;
      const message = reply?.message ?? '';
      this.happen({ event: 'answered', seq, error, message, reply: reply as MemberReply | null });
    });
  }

  #tell(state: 'joined' | 'lost' | 'left' | 'failed', { memberId, epoch }: Standing, reason: string): void {
    publish('member', { groupId: this.#options.groupId, memberId, state, epoch, reason });
  }

  // Time.

  #setTimer(): void {
    const { dueMs } = this.#machine.standing;
    if (dueMs === this.#dueMs) return;
    this.#due?.cancel();
    this.#due = null;
    this.#dueMs = dueMs;
    if (dueMs === Number.POSITIVE_INFINITY || this.#dispatcher.closed) return;
    const { clock } = this.#dispatcher;
    this.#due = clock.after(
      Math.max(0, dueMs - clock.monotonicMs()),
      () => {
        this.#dueMs = Number.POSITIVE_INFINITY;
        this.happen({ event: 'due' });
      },
      true,
    );
  }

  /** Looks now and then whether the user goes on, and reports what his partitions wait for. */
  #watch(): void {
    const { heartbeatIntervalMs, maxPollIntervalMs } = this.#options;
    const everyMs = Math.max(5, Math.min(heartbeatIntervalMs, maxPollIntervalMs / 4));
    this.#look = this.#dispatcher.clock.after(everyMs, () => {
      if (this.#closed || this.#dispatcher.closed) return;
      this.#checkPoll();
      this.#report();
      this.#watch();
    });
  }

  #checkPoll(): void {
    const nowMs = this.#dispatcher.clock.monotonicMs();
    const { steps, asking, busySinceMs } = this.#events.activity();
    if (asking || steps !== this.#seen.steps) this.#seen = { steps, sinceMs: nowMs };
    const sinceMs = busySinceMs ?? this.#seen.sinceMs;
    const { maxPollIntervalMs } = this.#options;
    if (nowMs - sinceMs <= maxPollIntervalMs) return;
    const { phase } = this.#machine.standing;
    if (phase !== 'member' && phase !== 'joining') return;
    const message = `nothing more was asked for within maxPollIntervalMs=${maxPollIntervalMs}; the member has left until it reads again`;
    this.happen({ event: 'stalled', message });
  }

  #report(): void {
    const { clock } = this.#dispatcher;
    const { phase, memberId } = this.#machine.standing;
    const nowMs = clock.monotonicMs();
    if (phase !== 'member' || this.#reporting || nowMs - this.#reportMs < this.#options.heartbeatIntervalMs * 0.9) return;
    const partitions = this.#events.progress();
    if (partitions.length === 0) return;
    this.#reportMs = nowMs;
    this.#reporting = true;
    this.#dispatcher.askCoordinator('reportProgress', { groupId: this.#options.groupId, memberId, partitions }, () => {
      this.#reporting = false;
    });
  }
}
