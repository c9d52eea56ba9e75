/** Checks of options at the public edge: a wrong one is named, with what it may be. */
import { BusError } from '../base/errors.ts';

/** An integer within [min, max]. Throws BusError INVALID_ARGUMENT. */
export function checkInteger(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new BusError('INVALID_ARGUMENT', `${name} is a whole number from ${min} to ${max}, not ${shown(value)}`, {
    details: { option: name, value, min, max },
  });
}

/** One of the values listed. Throws BusError INVALID_ARGUMENT. */
export function checkOneOf<T extends string | number>(name: string, value: unknown, allowed: readonly T[]): T {
  if (allowed.includes(value as T)) return value as T;
  throw new BusError('INVALID_ARGUMENT', `${name} is ${allowed.join(', ')}, not ${shown(value)}`, {
    details: { option: name, value, allowed },
  });
}

/** Options are an object with no name that nobody knows: a mistyped option must not be silently ignored. */
export function checkNames(what: string, options: object, allowed: readonly string[]): void {
  if (options === null || typeof options !== 'object')
    throw new BusError('INVALID_ARGUMENT', `${what} takes an object of options, not ${shown(options)}`);
  for (const name of Object.keys(options)) {
    if (allowed.includes(name)) continue;
    throw new BusError('INVALID_ARGUMENT', `${what} has no option "${name}"; it has ${allowed.join(', ')}`, {
      details: { option: name, allowed },
    });
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
