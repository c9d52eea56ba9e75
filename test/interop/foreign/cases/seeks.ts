/** Reading from an offset and from a time. */
import { expect } from 'vitest';
import { base64, makeTopic, type Trial, textOf, wordOf } from './trial.ts';

const COUNT = 20;
const STEP_MS = 1_000;

export async function seek(trial: Trial): Promise<void> {
  const { client, witness, director } = trial;
  const topic = `seeks-${wordOf(trial)}`;
  await makeTopic(trial, topic, 2);
  const first = Date.now() - COUNT * STEP_MS;
  const at = (i: number) => first + i * STEP_MS;
  // A batch for every four, so that a time lies within one.
  for (let from = 0; from < COUNT; from += 4) {
    const records = [0, 1, 2, 3].map((i) => ({
      key: null,
      value: base64(`${from + i}`),
      headers: [],
      partition: 1,
      timestamp: at(from + i),
    }));
    await (client.cannotSend.timestamps ? director : witness).ask('produce', { topic, codec: 'none', idempotent: true, records });
  }
  const offsetAt = async (timestamp: number) => (await witness.ask('offsetsAt', { topic, timestamp })).offsets[1];
  const valuesFrom = async (offset: number) => {
    const { records } = await witness.ask('read', { topic, from: { 1: offset }, until: { 1: COUNT } });
    return records.map(({ value }) => textOf(value));
  };
  const values = (from: number) => Array.from({ length: COUNT - from }, (_, i) => `${from + i}`);

  expect(await offsetAt(-2)).toBe(0);
  expect(await offsetAt(-1)).toBe(COUNT);
  if (client.listsMaxTimestamp) expect(await offsetAt(-3)).toBe(COUNT - 1);
  expect(await offsetAt(first - STEP_MS)).toBe(0);
  expect(await offsetAt(at(0))).toBe(0);
  expect(await offsetAt(at(6))).toBe(6);
  expect(await offsetAt(at(6) + 1)).toBe(7);
  expect(await offsetAt(at(COUNT - 1))).toBe(COUNT - 1);
  // Nothing so late: clients hand on the broker's −1, or make it the end.
  expect([-1, COUNT]).toContain(await offsetAt(at(COUNT)));

  expect(await valuesFrom(0)).toEqual(values(0));
  // In the middle of a batch.
  expect(await valuesFrom(13)).toEqual(values(13));
  expect(await valuesFrom(await offsetAt(at(10) - 1))).toEqual(values(10));
}
