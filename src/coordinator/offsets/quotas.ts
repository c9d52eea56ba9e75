/** The pure core of quotas (Kafka: producer_byte_rate and consumer_byte_rate of a client id, and of all that have none of their own). */
import { errors } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import type { Fact } from '../facts.ts';
import type { ClientQuota } from '../groups/protocol.ts';
import type { CoordinatorAskOf, CoordinatorReplyOf } from '../protocol.ts';
import type { State } from '../state.ts';
import type { QuotaFact } from './facts.ts';

const keys = { producer_byte_rate: 'producerByteRate', consumer_byte_rate: 'consumerByteRate' } as const;

export function describeQuotas(state: State, ask: CoordinatorAskOf<'describeQuotas'>): CoordinatorReplyOf<'describeQuotas'> {
  const quotas = [...state.quotas.values()].map(({ clientId, producerByteRate, consumerByteRate }) => ({
    clientId,
    producerByteRate,
    consumerByteRate,
  }));
  return { verb: 'describeQuotas', id: ask.id, error: 0, quotas };
}

export function alterQuotas(
  state: State,
  ask: CoordinatorAskOf<'alterQuotas'>,
): { facts: Fact[]; reply: CoordinatorReplyOf<'alterQuotas'> } {
  const { clientId, ops, validateOnly, id } = ask;
  const before = state.quotas.get(clientId);
  const after: QuotaFact = {
    fact: 'quotaSet',
    clientId,
    producerByteRate: before?.producerByteRate ?? null,
    consumerByteRate: before?.consumerByteRate ?? null,
  };
  const message = wrongClient(state, clientId) ?? change(after, ops);
  if (message !== null) return { facts: [], reply: { verb: 'alterQuotas', id, error: errors.INVALID_REQUEST.code, message } };
  const isSame =
    after.producerByteRate === (before?.producerByteRate ?? null) && after.consumerByteRate === (before?.consumerByteRate ?? null);
  return { facts: validateOnly || isSame ? [] : [after], reply: { verb: 'alterQuotas', id, error: 0, message: '' } };
}

/** The quota that holds for a client id: its own, else the default, each of the two rates by itself. */
export function quotaOf(quotas: ReadonlyMap<string | null, ClientQuota>, clientId: string): Omit<ClientQuota, 'clientId'> {
  const own = quotas.get(clientId);
  const common = quotas.get(null);
  return {
    producerByteRate: own?.producerByteRate ?? common?.producerByteRate ?? null,
    consumerByteRate: own?.consumerByteRate ?? common?.consumerByteRate ?? null,
  };
}

function wrongClient(state: State, clientId: string | null): string | null {
  if (clientId === null || state.quotas.has(clientId)) return null;
  if (clientId.length > limits.clientIdMax) return `a client id has at most ${limits.clientIdMax} characters`;
  if (state.quotas.size >= limits.quotasMax) return `there are quotas for ${limits.quotasMax} client ids already: remove some first`;
  return null;
}

/** Changes `quota`; null when every change is right, else what is wrong. */
function change(quota: QuotaFact, ops: CoordinatorAskOf<'alterQuotas'>['ops']): string | null {
  const seen = new Set<string>();
  for (const { key, value } of ops) {
    if (value === null && !Object.hasOwn(keys, key)) continue;
    if (!Object.hasOwn(keys, key)) return `"${key}" is no quota: there are ${Object.keys(keys).join(' and ')}`;
    if (seen.has(key)) return `"${key}" is named twice`;
    seen.add(key);
    if (value !== null && (!Number.isFinite(value) || value < 1 || value > Number.MAX_SAFE_INTEGER)) {
      return `${key} is a number of bytes per second from 1, or null for none, not ${value}`;
    }
    quota[keys[key as keyof typeof keys]] = value === null ? null : Math.floor(value);
  }
  return null;
}
