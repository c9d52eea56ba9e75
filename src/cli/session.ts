/** A bus for as long as a verb needs it: over the data folder, or with brokers that listen. Loaded only then: help and checks need none. */
import { KiB, MiB } from '../base/bytes.ts';
import { BusError } from '../base/errors.ts';
import { notedAddresses } from '../bus/listening-note.ts';
import type { BusOptions } from '../bus/options.ts';
import type { Client } from '../client/client.ts';
import type { Disk } from '../world/disk.ts';
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

/** What verbs work with, wherever the bus is. */
export type BusSide = Pick<Client, 'admin' | 'producer' | 'consumer'>;

/** One that is this verb's to close. */
export type OpenBus = BusSide & { close(): Promise<{ unfinished: string[] }> };

/** Milliseconds that a broker has to answer before the verb gives up. */
const CONNECT_MS = 5000;

export async function withBus<T>(call: Call<typeof busOptions>, need: FolderNeed, work: (bus: BusSide) => Promise<T>): Promise<T> {
  const { notice, brokers, folder, values } = call;
  if (brokers !== null && values.memory !== undefined) throw new UsageError('--memory is of a bus in a folder; brokers have their own');
  return using(brokers === null ? await openFolder(call, folder, need) : await reach(brokers), work, notice);
}

/** A bus over a folder. Throws NotFoundError, BusError. */
export async function openFolder({ disk, values }: Call<typeof busOptions>, folder: string, need: FolderNeed): Promise<OpenBus> {
  if (need === 'must exist' && disk.stat(folder)?.isDirectory !== true) throw noFolder(folder);
  const { Bus } = await import('../bus.ts');
  try {
    return await Bus.open({ dir: folder, autoCreateTopics: false, ...busOptionsOf(values) });
  } catch (error) {
    throw withAddress(error, disk, folder);
  }
}

/** A bus that listens, or a cluster. Throws BusError. */
export async function reach(brokers: readonly string[]): Promise<OpenBus> {
  const { connect } = await import('../bus/remote.ts');
  return connect({ brokers, openTimeoutMs: CONNECT_MS });
}

/** Works with a bus and closes it. */
export async function using<T>(bus: OpenBus, work: (bus: BusSide) => Promise<T>, notice: (line: string) => void): Promise<T> {
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

/** Whose folder is taken is told where its owner listens. */
function withAddress(error: unknown, disk: Disk, folder: string): unknown {
  if (!(error instanceof BusError) || error.code !== 'FOLDER_LOCKED') return error;
  const { pid } = error.details;
  const addresses = typeof pid === 'number' ? notedAddresses(disk, folder, pid) : [];
  if (addresses.length === 0) return error;
  const message = `the data folder ${folder} is in use by process ${pid}, which serves clients: use --bootstrap ${addresses[0]}`;
  return new BusError('FOLDER_LOCKED', message, { cause: error, details: { ...error.details, addresses } });
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
