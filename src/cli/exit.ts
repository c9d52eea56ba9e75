/** How the program ends: its exit codes, and which error leads to which. */
import { BusError } from '../base/errors.ts';
import { DiskError } from '../world/disk.ts';

export const exitCodes = {
  /** Done. Also when the reader of standard output has gone away: `| head` is no failure. */
  ok: 0,
  /** It did not work; standard error says why. */
  failure: 1,
  /** The command line is wrong. */
  usage: 2,
  /** `check` found damage, mended or not. */
  damage: 3,
  /** The topic, partition, offset, group, file or folder does not exist. */
  notFound: 4,
  /** Another process owns the data folder. */
  locked: 5,
  /** Ended by Ctrl-C, after draining. */
  interrupted: 130,
  /** Ended by SIGTERM, after draining. */
  terminated: 143,
} as const;

/** A command line that cannot be meant. `verb` is the one whose help to show, '' for the program's. */
export class UsageError extends Error {
  override name = 'UsageError';
  readonly verb: string;
  constructor(message: string, verb = '') {
    super(message);
    this.verb = verb;
  }
}

/** Input that is not what it was said to be: which file, where, and what is wrong with it. */
export class InputError extends Error {
  override name = 'InputError';
  constructor(source: string, place: string, what: string) {
    super(`${source}, ${place}: ${what}`);
  }
}

/** Something that the command line names does not exist. */
export class NotFoundError extends Error {
  override name = 'NotFoundError';
}

/** Work that was given up because closing took too long, or failed. */
export class NotFinishedError extends Error {
  override name = 'NotFinishedError';
  constructor(unfinished: readonly string[]) {
    super(`the bus could not finish its work while it closed: ${unfinished.join('; ')}`);
  }
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage;
  if (error instanceof NotFoundError) return exitCodes.notFound;
  if (error instanceof DiskError) return error.code === 'ENOENT' ? exitCodes.notFound : exitCodes.failure;
  if (!(error instanceof BusError)) return exitCodes.failure;
  switch (error.code) {
    case 'FOLDER_LOCKED':
      return exitCodes.locked;
    case 'UNKNOWN_TOPIC_OR_PARTITION':
    case 'OFFSET_OUT_OF_RANGE':
    case 'GROUP_ID_NOT_FOUND':
    case 'RESOURCE_NOT_FOUND':
      return exitCodes.notFound;
    default:
      return exitCodes.failure;
  }
}

/** Errors that are the program's own way of talking have no stack worth showing. */
export function isExpected(error: unknown): boolean {
  return (
    error instanceof UsageError ||
    error instanceof InputError ||
    error instanceof NotFoundError ||
    error instanceof NotFinishedError ||
    error instanceof BusError ||
    error instanceof DiskError
  );
}
