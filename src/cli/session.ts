/** A bus over the data folder for as long as a verb needs it. Loaded only then: help and checks need none. */
import { KiB, MiB } from '../base/bytes.ts';
import type { BusOptions } from '../bus/options.ts';
import type { Bus } from '../bus.ts';
import { NotFinishedError, NotFoundError, UsageError } from './exit.ts';
import type { OptionTable, OptionValues } from './options.ts';
import type { Call } from './verb.ts';

/** Options of every verb that opens a bus. */
export const busOptions = {
  memory: { type: 'text', value: 'SIZE', about: 'memory of the bus: 256MiB, 1GiB … (default 256MiB)' },
  'log-level': {
    type: 'text',
    value: 'LEVEL',
    about: 'log lines on standard error',
    choices: ['silent', 'error', 'warn', 'info', 'debug'],
  },
} as const satisfies OptionTable;

/** 'make': a folder that does not exist is made. 'must exist': it is not. */
export type FolderNeed = 'make' | 'must exist';

export async function withBus<T>(call: Call<typeof busOptions>, need: FolderNeed, work: (bus: Bus) => Promise<T>): Promise<T> {
  const { folder, values, disk, notice } = call;
  if (need === 'must exist' && disk.stat(folder)?.isDirectory !== true) throw noFolder(folder);
  const { Bus } = await import('../bus.ts');
  const bus = await Bus.open({ dir: folder, autoCreateTopics: false, ...busOptionsOf(values) });
  let done: T;
  try {
    done = await work(bus);
  } catch (error) {
    // What went wrong first is what matters; what could not be finished because of it is only said.
    for (const what of (await bus.close()).unfinished) notice(`spillway: ${what}`);
    throw error;
  }
  const { unfinished } = await bus.close();
  if (unfinished.length > 0) throw new NotFinishedError(unfinished);
  return done;
}

export function noFolder(folder: string): NotFoundError {
  return new NotFoundError(`there is no data folder "${folder}"; name one by --dir, or make one by "spillway topics create" or "produce"`);
}

export function busOptionsOf(values: OptionValues<typeof busOptions>): Partial<BusOptions> {
  return {
    logLevel: (values['log-level'] ?? 'error') as NonNullable<BusOptions['logLevel']>,
    ...(values.memory === undefined ? {} : { memoryBytesMax: parseSize(values.memory, 'memory') }),
  };
}

const units: Record<string, number> = { '': 1, b: 1, k: KiB, kib: KiB, m: MiB, mib: MiB, g: 1024 * MiB, gib: 1024 * MiB };

/** '256MiB' → bytes. Throws UsageError. */
export function parseSize(text: string, option: string): number {
  const size = readSize(text);
  if (size === null) throw new UsageError(`--${option} takes a size such as 64MiB or 1GiB, not "${text}"`);
  return size;
}

/** '256MiB' → bytes; null when the text is no size. */
export function readSize(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text);
  const unit = units[(match?.[2] ?? '?').toLowerCase()];
  return match === null || unit === undefined ? null : Math.round(Number(match[1]) * unit);
}
