/** Where a verb finds its bus: in a data folder, or with brokers that listen. One of the two, and who says which. */
import type { Disk } from '../world/disk.ts';
import { UsageError } from './exit.ts';

/** Names brokers where the command line names neither these nor a folder. */
export const bootstrapVariable = 'SPILLWAY_BOOTSTRAP';

export interface Whereabouts {
  dir: string | undefined;
  bootstrap: string | undefined;
  environment: Readonly<Record<string, string | undefined>>;
  /** Why the verb has no use for brokers; undefined when it has. */
  folderOnly: string | undefined;
  verb: string;
}

/** The brokers to connect to; null: the folder it is. Throws UsageError. */
export function brokersOf({ dir, bootstrap, environment, folderOnly, verb }: Whereabouts): string[] | null {
  if (bootstrap !== undefined && folderOnly !== undefined) throw new UsageError(`--bootstrap is not for ${verb}: ${folderOnly}`, verb);
  if (bootstrap !== undefined && dir !== undefined)
    throw new UsageError('--dir and --bootstrap say different things: a folder of this machine, or brokers that listen', verb);
  const isVariable = bootstrap === undefined;
  const text = bootstrap ?? (dir === undefined && folderOnly === undefined ? environment[bootstrapVariable] : undefined);
  if (text === undefined || (isVariable && text === '')) return null;
  return parseBrokers(text, isVariable ? `the variable ${bootstrapVariable}` : '--bootstrap', verb);
}

const form = 'HOST:PORT[,HOST:PORT…], or unix:PATH';

/** 'a:9092,b:9092' → a list. Throws UsageError. */
export function parseBrokers(text: string, option: string, verb: string): string[] {
  const brokers = text.split(',').map((one) => one.trim());
  const wrong = brokers.find((one) => !isBroker(one));
  if (wrong === undefined) return brokers;
  const port = /^[\w.-]+$/.test(wrong) ? `; did you mean "${wrong}:9092"?` : '';
  throw new UsageError(`${option} takes ${form}, not "${wrong}"${port}`, verb);
}

function isBroker(text: string): boolean {
  const port = /^(?:\[[0-9a-f:.]+\]|[^\s:/[\]]+):(\d{1,5})$/i.exec(text)?.[1];
  return /^unix:.+$/.test(text) || (Number(port) >= 1 && Number(port) <= 65_535);
}

/** Whether a text that may name either is meant as brokers: it has their form, and there is no such folder. */
export function isBrokers(text: string, disk: Disk): boolean {
  return text.split(',').every((one) => isBroker(one.trim())) && disk.stat(text) === null;
}
