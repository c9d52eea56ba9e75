/** What administration is asked for, checked and put into the protocol's shape. What a name or a config may be, the coordinator knows. */
import { BusError } from '../base/errors.ts';
import type { ConfigOp, NewTopic } from '../coordinator/protocol.ts';
import { checkFlag, checkInteger, checkList, checkNames, checkNumber, checkObject, checkOneOf, checkText, shown } from './check.ts';

/** Every own field of a declaration may be there too: `createTopics([orders])`. */
const newTopicFields = ['name', 'partitions', 'replicationFactor', 'configs', 'key', 'value', 'headers', 'schema', 'validate'];

/** Throws BusError INVALID_ARGUMENT. */
export function checkNewTopics(topics: unknown): NewTopic[] {
  return checkList('what createTopics takes', topics).map((topic) => {
    checkNames('a new topic', topic, newTopicFields);
    const { name, partitions, replicationFactor, configs } = topic as Record<string, unknown>;
    return {
      name: checkText('the name of a topic', name),
      partitions: checkNumber('partitions', partitions ?? -1),
      replicationFactor: checkNumber('replicationFactor', replicationFactor ?? -1),
      configs: configs === undefined || configs === null ? {} : checkConfigs(configs),
    };
  });
}

function checkConfigs(configs: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(checkObject('configs', configs)).map(([key, value]) => [key, checkValue(key, value)]));
}

/** Configs are text; numbers, true and false have only one. */
export function checkValue(key: string, value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new BusError('INVALID_ARGUMENT', `"${key}" is given ${shown(value)}; a value is text, a number, true or false`, {
    details: { key },
  });
}

/** Throws BusError INVALID_ARGUMENT. */
export function checkConfigOps(ops: unknown): ConfigOp[] {
  return checkList('what alterConfigs takes', ops).map((one) => {
    checkNames('a change of a config', one, ['key', 'op', 'value']);
    const { key, op, value } = one as Record<string, unknown>;
    const checked = {
      key: checkText('the key of a config', key),
      op: checkOneOf('op', op, ['set', 'delete', 'append', 'subtract'] as const),
    };
    return { ...checked, value: checked.op === 'delete' ? '' : checkValue(checked.key, value) };
  });
}

/** Throws BusError INVALID_ARGUMENT: above all for a single name, which is a list of letters. */
export function checkTopicNames(what: string, names: unknown): string[] {
  return checkList(`what ${what} takes`, names).map((name) => checkText('the name of a topic', name));
}

/** By partition: the offset before which records go. Throws BusError INVALID_ARGUMENT. */
export function checkOffsets(before: unknown): [partition: number, beforeOffset: number][] {
  return Object.entries(checkObject('what deleteRecords takes', before)).map(([key, offset]) => {
    if (!/^(0|[1-9]\d{0,9})$/.test(key))
      throw new BusError('INVALID_ARGUMENT', `deleteRecords takes offsets by partition, not by ${shown(key)}`);
    return [Number(key), checkInteger(`the offset of partition ${key}`, offset, -1, Number.MAX_SAFE_INTEGER)];
  });
}

/** Throws BusError INVALID_ARGUMENT. */
export function checkValidateOnly(what: string, options: unknown): boolean {
  checkNames(what, options, ['validateOnly']);
  return checkFlag('validateOnly', (options as { validateOnly?: unknown }).validateOnly ?? false);
}
