import { expect, test } from 'vitest';
import { Pool, prepareThread } from '../../src/dispatch/pool.ts';

const entry = new URL('./answering-thread.ts', import.meta.url).href;

test('a thread that was prepared is taken by the first pool of its entry, and not ended then', async () => {
  const drop = prepareThread(entry);
  const first = new Pool(entry);
  const second = new Pool(entry);
  const [one, other] = [first.threads[0].threadId, second.threads[0].threadId];
  expect(other).toBe(one + 1);
  await drop();
  expect(await first.run({}, [])).toBe('done');
  expect(first.threads[0].threadId).toBe(one);
  await Promise.all([first.destroy(), second.destroy()]);
});

test('one that nobody takes is ended', async () => {
  const drop = prepareThread(entry);
  await drop();
  const pool = new Pool(entry);
  expect(await pool.run({}, [])).toBe('done');
  await pool.destroy();
});

test('threads of users are not taken from those that were prepared', async () => {
  const drop = prepareThread(entry);
  const roomy = new Pool(entry, { roomy: true });
  const small = new Pool(entry);
  expect(small.threads[0].threadId).toBeLessThan(roomy.threads[0].threadId);
  await drop();
  await Promise.all([roomy.destroy(), small.destroy()]);
});
