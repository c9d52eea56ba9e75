/** Checks of options and arguments at the public edge: a wrong one is named, with what it may be. */
import { BusError } from '../base/errors.ts';
import { limits } from '../base/limits.ts';

/** An integer within [min, max]. Throws BusError INVALID_ARGUMENT. */
export function checkInteger(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new BusError('INVALID_ARGUMENT', `${name} is a whole number from ${min} to ${max}, not ${shown(value)}`, {
    details: { option: name, value, min, max },
  });
}

/** A number, whatever it is: who knows its bounds refuses it with a code of its own. Throws BusError INVALID_ARGUMENT. */
export function checkNumber(name: string, value: unknown): number {
  if (typeof value === 'number') return value;
  throw wrong(name, 'a number', value);
}

/** One of the values listed. Throws BusError INVALID_ARGUMENT. */
export function checkOneOf<T extends string | number>(name: string, value: unknown, allowed: readonly T[]): T {
  if (allowed.includes(value as T)) return value as T;
  throw new BusError('INVALID_ARGUMENT', `${name} is one of ${allowed.map(shown).join(', ')}, not ${shown(value)}`, {
    details: { option: name, value, allowed },
  });
}

/** True or false. Throws BusError INVALID_ARGUMENT. */
export function checkFlag(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw wrong(name, 'true or false', value);
}

/** Throws BusError INVALID_ARGUMENT for anything but a function. */
export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw wrong(name, 'a function', value);
}

/** A text. Throws BusError INVALID_ARGUMENT. */
export function checkText(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw wrong(name, 'a text', value);
}

/** Who somebody is, for quotas. Throws BusError INVALID_ARGUMENT. */
export function checkClientId(name: string, value: unknown): void {
  const { length } = checkText(name, value);
  if (length <= limits.clientIdMax) return;
  throw new BusError('INVALID_ARGUMENT', `${name} has at most ${limits.clientIdMax} characters, not ${length}`, {
    details: { option: name },
  });
}

/** A list. Throws BusError INVALID_ARGUMENT. */
export function checkList(name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw wrong(name, 'a list', value);
}

/** An object that is no list. Throws BusError INVALID_ARGUMENT. */
export function checkObject(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw wrong(name, 'an object', value);
}

/** Options are an object with no name that nobody knows: a mistyped option must not be silently ignored. */
export function checkNames(what: string, options: unknown, allowed: readonly string[]): void {
  if (options === null || typeof options !== 'object' || Array.isArray(options))
    throw new BusError('INVALID_ARGUMENT', `${what} takes an object of options, not ${shown(options)}`);
  for (const name of Object.keys(options)) {
    if (allowed.includes(name)) continue;
    throw new BusError('INVALID_ARGUMENT', `${what} has no option "${name}"; it has ${allowed.join(', ')}`, {
      details: { option: name, allowed },
    });
  }
}

/** Any value in a few words, for messages. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length <= 100 ? value : `${value.slice(0, 100)}…`);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  // What a stranger's toString does is not our business.
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

function wrong(name: string, what: string, value: unknown): BusError {
  return new BusError('INVALID_ARGUMENT', `${name} is ${what}, not ${shown(value)}`, { details: { option: name, value } });
}
