/** What a bad call comes to: a BusError that is whole, soon. */
import { expect } from 'vitest';
import { BusError, errors } from '../../src/index.ts';

const SOON_MS = 5000;

/** The error of a call. Fails when there is none, none of ours, or none within some seconds. */
export async function refusalOf(call: () => unknown): Promise<BusError> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came of it within ${SOON_MS} ms`)), SOON_MS);
  });
  try {
    const result = await Promise.race([Promise.resolve().then(call), late]);
    throw new Error(`it was not refused, but gave ${JSON.stringify(result)}`);
  } catch (error) {
    if (!(error instanceof BusError)) throw error;
    const row = errors[error.code];
    expect(error).toMatchObject({ name: 'BusError', kafkaCode: row.kafkaCode, retriable: row.retriable });
    // More than a code, and no word that says nothing.
    expect(error.message).toMatch(/\S+ \S+ \S+/);
    expect(error.message).not.toMatch(/undefined is not|\[object |Cannot read|is not a function$/);
    return error;
  } finally {
    clearTimeout(timer);
  }
}

/** Rows of [what, call, code, words of the message]. */
export type BadCall = [what: string, call: () => unknown, code: string, words: RegExp];

export async function expectRefusal([, call, code, words]: BadCall): Promise<BusError> {
  const error = await refusalOf(call);
  expect(`${error.code}: ${error.message}`).toMatch(new RegExp(`^${code}: `));
  expect(error.message).toMatch(words);
  return error;
}
