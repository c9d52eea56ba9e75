import { expect, test } from 'vitest';
import type { BatchContext, HandlerContext } from '../../../src/client/run/run-options.ts';
import { batchOf, Gate, Rig, type TestBatch, type TestRecord } from './rig.ts';

const nulls = (count: number): null[] => Array.from({ length: count }, () => null);

test('one record of a partition after the other, several partitions at once, and the offset follows', async () => {
  const gate = new Gate();
  const rig = new Rig({ eachRecord: gate.handle, concurrency: 2 });
  void rig.run();
  rig.give(batchOf(0, 0, nulls(3)), batchOf(1, 10, nulls(1)), batchOf(2, 20, nulls(1)));
  await rig.pass();
  expect(gate.running).toEqual(['0:0', '1:10']);
  gate.end('0:0');
  await rig.pass();
  expect(gate.running).toEqual(['1:10', '2:20']);
  gate.end('1:10', '2:20');
  await rig.pass();
  gate.end('0:1');
  await rig.pass();
  gate.end('0:2');
  await rig.pass();
  expect(gate.begun).toEqual(['0:0', '1:10', '2:20', '0:1', '0:2']);
  expect(rig.finished).toEqual(['0:1', '1:11', '2:21', '0:2', '0:3']);
});

test('handlers that return at once run in one go, and give the thread back between slices', async () => {
  const seen: number[] = [];
  const rig = new Rig({ eachRecord: ({ offset }) => seen.push(offset) });
  void rig.run();
  rig.give(batchOf(0, 0, nulls(1000)), batchOf(0, 1000, nulls(1000)));
  await rig.pass();
  expect([seen.length, seen.every((offset, i) => offset === i), rig.finished.at(-1)]).toEqual([2000, true, '0:2000']);
});

test('order by key: the committed offset stays contiguous while later records end first', async () => {
  const gate = new Gate();
  const rig = new Rig({ eachRecord: gate.handle, concurrency: 10, order: 'key', windowRecords: 4 });
  void rig.run();
  rig.give(batchOf(0, 0, ['a', 'b', 'a', 'c', 'd', 'e']));
  await rig.pass();
  expect(gate.running).toEqual(['0:0', '0:1', '0:3']);
  gate.end('0:1', '0:3');
  await rig.pass();
  // Offset 0 is open: nothing may be committed, and the window of four lets no more begin.
  expect([gate.running, rig.finished]).toEqual([['0:0'], []]);
  gate.end('0:0');
  await rig.pass();
  expect(rig.finished).toEqual(['0:2']);
  expect(gate.running).toEqual(['0:2', '0:4', '0:5']);
});

test('a record that fails is tried again after pauses that grow, while other partitions go on', async () => {
  const attempts: number[] = [];
  const handled: string[] = [];
  const eachRecord = ({ partition, offset }: TestRecord, { attempt }: HandlerContext): void => {
    if (partition === 0 && offset === 0 && attempt < 4) {
      attempts.push(attempt);
      throw new Error('not yet');
    }
    handled.push(`${partition}:${offset}#${attempt}`);
  };
  const rig = new Rig({ eachRecord, attempts: 4, backoffMs: 100, backoffMsMax: 150 });
  void rig.run();
  rig.give(batchOf(0, 0, nulls(2)), batchOf(1, 0, nulls(2)));
  await rig.pass();
  expect([attempts, handled]).toEqual([[1], ['1:0#1', '1:1#1']]);
  expect(rig.runner.progress('t', 0)).toMatchObject({ doing: 'retrying', detail: 'Error: not yet' });
  expect(rig.runner.progress('t', 1)).toBeNull();
  await rig.pass(400);
  expect([attempts, handled.slice(2), rig.finished]).toEqual([
    [1, 2, 3],
    ['0:0#4', '0:1#1'],
    ['1:2', '0:2'],
  ]);
});

test("'stop': the run rejects with the cause, and the position stays at the record", async () => {
  const cause = new Error('broken for good');
  const eachRecord = ({ offset }: TestRecord): void => {
    if (offset === 2) throw cause;
  };
  const rig = new Rig({ eachRecord, attempts: 2, backoffMs: 0 });
  const run = rig.run();
  run.catch(() => {});
  rig.give(batchOf(0, 0, nulls(5)));
  await rig.pass(10);
  await expect(run).rejects.toMatchObject({
    code: 'USER_CODE_FAILED',
    cause,
    details: { topic: 't', partition: 0, offset: 2, attempts: 2 },
    message: 'the handler of t-0 at offset 2, tried 2 times, threw: broken for good. The position stays there.',
  });
  expect([rig.finished, rig.runner.positions()]).toEqual([['0:2'], [{ topic: 't', partition: 0, offset: 2 }]]);
});

test("'skip' goes on behind it; an error that says it is final is tried once", async () => {
  let calls = 0;
  const eachRecord = ({ offset }: TestRecord): void => {
    if (offset !== 1) return;
    calls++;
    throw Object.assign(new Error('no use'), { retriable: false });
  };
  const rig = new Rig({ eachRecord, onFailure: 'skip' });
  const run = rig.run();
  rig.give(batchOf(0, 0, nulls(3)));
  await rig.pass(10);
  await rig.runner.stop();
  expect([calls, rig.finished, await run]).toEqual([1, ['0:3'], { handled: 2, retried: 0, deadLettered: 0, skipped: 1, unfinished: [] }]);
});

test('batches: what a handler marked as finished is not handed to it again', async () => {
  const given: string[] = [];
  const eachBatch = (batch: TestBatch, context: BatchContext): void => {
    given.push(`${batch.firstOffset}-${batch.nextOffset}#${context.attempt}`);
    if (context.attempt > 1) return;
    context.finished(2);
    throw new Error('half way');
  };
  const rig = new Rig({ eachBatch, backoffMs: 0 });
  void rig.run();
  rig.give(batchOf(0, 0, nulls(5)));
  await rig.pass(10);
  expect([given, rig.finished]).toEqual([
    ['0-5#1', '3-5#2'],
    ['0:3', '0:5'],
  ]);
});

test('a mark outside of the batch is refused', async () => {
  const eachBatch = (_batch: TestBatch, context: BatchContext): void => context.finished(5);
  const rig = new Rig({ eachBatch, attempts: 1 });
  const run = rig.run();
  run.catch(() => {});
  rig.give(batchOf(0, 0, nulls(5)));
  await rig.pass();
  await expect(run).rejects.toThrow('context.finished takes an offset of the batch, 0 to 4, not 5');
});

test('revocation: what runs is finished and told, what waits is not begun, and the promise waits for it', async () => {
  const gate = new Gate();
  const rig = new Rig({ eachRecord: gate.handle, concurrency: 4 });
  void rig.run();
  rig.give(batchOf(0, 0, nulls(3)), batchOf(1, 0, nulls(3)));
  await rig.pass();
  let moved = false;
  void rig.runner.revoking([{ topic: 't', partition: 0 }]).then(() => {
    moved = true;
  });
  await rig.pass(1000);
  expect([moved, gate.running]).toEqual([false, ['0:0', '1:0']]);
  gate.end('0:0');
  await rig.pass();
  expect([moved, rig.finished, gate.running]).toEqual([true, ['0:1'], ['1:0']]);
});

test('a partition that went while its handler ran, and came back, goes on where it came back', async () => {
  const gate = new Gate();
  const rig = new Rig({ eachRecord: gate.handle, concurrency: 2 });
  void rig.run();
  rig.give(batchOf(0, 0, nulls(3)), batchOf(1, 0, nulls(3)));
  await rig.pass();
  // The group goes on without waiting for the handler.
  void rig.runner.revoking([{ topic: 't', partition: 0 }]);
  rig.renew(0);
  void rig.runner.stop();
  await rig.pass(60_000);
  expect(rig.runner.positions()).toEqual([{ topic: 't', partition: 1, offset: 0 }]);
});

test('revocation gives up what waits to be tried again', async () => {
  const eachRecord = (): never => {
    throw new Error('always');
  };
  const rig = new Rig({ eachRecord, backoffMs: 100 });
  void rig.run();
  rig.give(batchOf(0, 0, nulls(3)));
  await rig.pass();
  await rig.runner.revoking([{ topic: 't', partition: 0 }]);
  await rig.pass(10_000);
  expect([rig.finished, rig.runner.progress('t', 0)]).toEqual([[], null]);
});

test('loss aborts the handlers, and what they still do counts for nothing', async () => {
  const gate = new Gate();
  const signals: AbortSignal[] = [];
  const eachRecord = (record: TestRecord, { signal }: HandlerContext): Promise<void> => {
    signals.push(signal);
    return gate.handle(record);
  };
  const rig = new Rig({ eachRecord });
  void rig.run();
  rig.give(batchOf(0, 0, nulls(3)));
  await rig.pass();
  rig.runner.lost([{ topic: 't', partition: 0 }]);
  expect(signals[0].reason).toMatchObject({ code: 'ABORTED', message: 't-0: this partition is another member’s now' });
  gate.end('0:0');
  await rig.pass();
  expect([rig.finished, gate.begun]).toEqual([[], ['0:0']]);
});

test('a partition that comes back waits for the handler of its last time here', async () => {
  const gate = new Gate();
  const rig = new Rig({ eachRecord: gate.handle, concurrency: 4 });
  void rig.run();
  rig.give(batchOf(0, 0, nulls(3)));
  await rig.pass();
  rig.runner.lost([{ topic: 't', partition: 0 }]);
  rig.renew(0);
  rig.give(batchOf(0, 1, nulls(1)));
  await rig.pass();
  expect(gate.running).toEqual(['0:0']);
  gate.end('0:0');
  await rig.pass();
  expect(gate.running).toEqual(['0:1']);
  gate.end('0:1');
  await rig.pass();
  expect(rig.finished).toEqual(['0:2']);
});

test('a seek starts anew: what was queued before it is dropped, what ran counts no more', async () => {
  const gate = new Gate();
  const rig = new Rig({ eachRecord: gate.handle, concurrency: 4 });
  void rig.run();
  rig.give(batchOf(0, 0, nulls(3)));
  await rig.pass();
  rig.renew(0);
  rig.give(batchOf(0, 100, nulls(1)));
  await rig.pass();
  gate.end('0:0');
  await rig.pass();
  gate.end('0:100');
  await rig.pass();
  expect([gate.begun, rig.finished]).toEqual([['0:0', '0:100'], ['0:101']]);
});

test('stopping waits for handlers, hurries them at half of its time, and names those that never end', async () => {
  const gate = new Gate();
  const signals: AbortSignal[] = [];
  const eachRecord = (record: TestRecord, { signal }: HandlerContext): Promise<void> => {
    signals.push(signal);
    return gate.handle(record);
  };
  const rig = new Rig({ eachRecord, concurrency: 2, stopDeadlineMs: 1000 });
  const run = rig.run();
  rig.give(batchOf(0, 0, nulls(3)), batchOf(1, 0, nulls(3)));
  await rig.pass();
  const closing = rig.runner.closing();
  await rig.pass(400);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
  gate.end('0:0');
  await rig.pass(200);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  await rig.pass(1000);
  const unfinished = ['the handler of t-1 at offset 0 did not end within 1000 ms'];
  expect([await closing, await run]).toEqual([unfinished, { handled: 1, retried: 0, deadLettered: 0, skipped: 0, unfinished }]);
  expect([rig.finished, gate.begun]).toEqual([['0:1'], ['0:0', '1:0']]);
});

test('a partition whose handler is slow is held, and let go when its batches are used up', async () => {
  const gate = new Gate();
  const rig = new Rig({ eachRecord: gate.handle, concurrency: 4 });
  void rig.run();
  const large = Array.from({ length: 9 }, (_, i) =>
    batchOf(
      0,
      i * 2000,
      Array.from({ length: 2000 }, () => 'k'.repeat(400)),
    ),
  );
  rig.give(...large);
  await rig.pass();
  expect([...rig.held]).toEqual([]);
  rig.give(
    ...Array.from({ length: 9 }, (_, i) =>
      batchOf(
        0,
        18_000 + i * 2000,
        Array.from({ length: 2000 }, () => 'k'.repeat(500)),
      ),
    ),
  );
  await rig.pass();
  expect([...rig.held]).toEqual([0]);
  rig.give(batchOf(1, 0, nulls(1)));
  await rig.pass();
  expect(gate.running).toEqual(['0:0', '1:0']);
});

test('what a read throws ends the run', async () => {
  const rig = new Rig({ eachRecord: () => {} });
  const run = rig.run();
  run.catch(() => {});
  const damaged = batchOf(0, 0, nulls(3));
  damaged.bytes[61] = 0xff;
  rig.give(damaged);
  await rig.pass();
  await expect(run).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' });
});

test.each([
  [{}, 'consumer.run takes one of eachRecord, eachBatch and module, not none'],
  [{ eachRecord: () => {}, eachBatch: () => {} }, 'not eachRecord and eachBatch'],
  [{ eachBatch: () => {}, order: 'key' as const }, "order: 'key' hands out single records"],
  [{ eachRecord: () => {}, onFailure: 'deadLetter' as const }, 'deadLetter is undefined: set both'],
  [{ eachRecord: () => {}, onFailure: 'skip' as const, deadLetter: { topic: 'd' } }, "onFailure is 'skip' and deadLetter is an object"],
  [{ eachRecord: () => {}, deadLetter: { name: 'd' } as never }, 'deadLetter has no option "name"'],
  [{ eachRecord: 3 as never }, 'eachRecord is a function'],
  [{ eachRecord: () => {}, signal: {} as never }, 'signal is an AbortSignal'],
  [{ eachRecord: () => {}, concurrency: 10_001 }, 'concurrency is a whole number from 1 to 10000, not 10001'],
  [{ eachRecord: () => {}, windowRecords: 100_001 }, 'windowRecords is a whole number from 1 to 100000, not 100001'],
  [{ module: 'x', threads: 65 }, 'threads is a whole number from 1 to 64, not 65'],
])('refuses %j', (options, message) => {
  expect(() => new Rig(options)).toThrow(message);
});
