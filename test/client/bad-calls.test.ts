/**
 * Bad calls at the public edge. Each is refused with a BusError that says what to do, soon, and nothing is the worse for it: the last
 * tests send and read as if nothing had been. Vitest itself fails a file that leaves a rejection unhandled.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Bus, type Consumer, defineTopic, type Producer, type ProducerOptions, serdes } from '../../src/index.ts';
import { type BadCall, expectRefusal, refusalOf } from './refusal.ts';

const MiB = 1024 * 1024;
/** The compiler would refuse most of these calls; JavaScript does not. */
const wrong = (value: unknown): never => value as never;

let bus: Bus;
let producer: Producer;
let raw: Producer<string | Uint8Array, Uint8Array>;
let consumer: Consumer;
const warnings: string[] = [];
const warned = (warning: Error): void => void warnings.push(`${warning.name}: ${warning.message}`);

beforeAll(async () => {
  process.on('warning', warned);
  bus = await Bus.open({ memoryBytesMax: 32 * MiB, hosts: 2, autoCreateTopics: false, logLevel: 'silent' });
  await bus.admin().createTopics([
    { name: 't', partitions: 2 },
    { name: 'large', configs: { 'max.message.bytes': 8 * MiB } },
  ]);
  producer = bus.producer();
  raw = bus.producer({ value: serdes.raw });
  consumer = await bus.consumer({ autoOffsetReset: 'earliest' }).assign('t');
});
afterAll(async () => {
  await bus.close();
  process.off('warning', warned);
});

describe('options', () => {
  const making = (options: unknown) => () => bus.producer(wrong(options));
  const reading = (options: unknown) => () => bus.consumer(wrong(options));
  test.each<BadCall>([
    ['no object', making(5), 'INVALID_ARGUMENT', /takes an object of options, not 5/],
    ['null', making(null), 'INVALID_ARGUMENT', /not null/],
    ['a list', making([]), 'INVALID_ARGUMENT', /not a list of 0/],
    ['a mistyped name', making({ lingerMS: 5 }), 'INVALID_ARGUMENT', /no option "lingerMS"; it has .*lingerMs/],
    [
      'a number below its bound',
      making({ batchSize: 1023 }),
      'INVALID_ARGUMENT',
      /batchSize is a whole number from 1024 to 16777216, not 1023/,
    ],
    ['a number beyond its bound', making({ maxRequestSize: 256 * MiB + 1 }), 'INVALID_ARGUMENT', /to 268435456, not 268435457/],
    ['a fraction', making({ retries: 1.5 }), 'INVALID_ARGUMENT', /retries is a whole number/],
    ['text for a number', making({ maxBlockMs: '5' }), 'INVALID_ARGUMENT', /not "5"/],
    ['text for a flag', making({ idempotence: 'no' }), 'INVALID_ARGUMENT', /idempotence is true or false, not "no"/],
    ['an unknown choice', making({ acks: 2 }), 'INVALID_ARGUMENT', /acks is one of 0, 1, -1, "all", not 2/],
    ['no function', making({ onError: 'log' }), 'INVALID_ARGUMENT', /onError is a function, not "log"/],
    [
      'a serde that was not called',
      making({ value: serdes.json }),
      'INVALID_ARGUMENT',
      /serde of value has no serialize .*serdes\.json\(\)/,
    ],
    ['more in flight than order allows', making({ maxInFlight: 6 }), 'INVALID_ARGUMENT', /idempotent .* 1 to 5, not 6/],
    ['a buffer below one batch', making({ bufferMemory: 2048 }), 'INVALID_ARGUMENT', /bufferMemory is a whole number from 131072/],
    ['a level without its codec', making({ compressionLevel: 3 }), 'INVALID_ARGUMENT', /compression is "none": leave it out/],
    [
      'a level beyond its codec',
      making({ compression: 'gzip', compressionLevel: 10 }),
      'INVALID_ARGUMENT',
      /gzip is a whole number from 1 to 9/,
    ],
    ['of a consumer: a mistyped name', reading({ autoOffsetRest: 'earliest' }), 'INVALID_ARGUMENT', /no option "autoOffsetRest"/],
    ['of a consumer: beyond a bound', reading({ fetchBytesMax: 64 * MiB + 1 }), 'INVALID_ARGUMENT', /fetchBytesMax is .* to 67108864/],
    [
      'of a consumer: an unknown choice',
      reading({ onDamage: 'ignore' }),
      'INVALID_ARGUMENT',
      /onDamage is one of "stop", "skip", not "ignore"/,
    ],
    ['of a declaration', () => defineTopic('x', wrong({ key: 'string' })), 'INVALID_ARGUMENT', /serde of key/],
    ['of close', () => bus.close(wrong({ deadlineMs: Number.NaN })), 'INVALID_ARGUMENT', /deadlineMs is a whole number from 0/],
    ['of close, mistyped', () => bus.producer().close(wrong({ deadline: 5 })), 'INVALID_ARGUMENT', /no option "deadline"/],
  ])('%s', async (...row) => void (await expectRefusal(row)));

  test('a refusal names the option and its bounds in its details', async () => {
    expect((await refusalOf(making({ batchSize: 5 }))).details).toEqual({ option: 'batchSize', value: 5, min: 1024, max: 16_777_216 });
  });
});

describe('sending', () => {
  const send = (record: unknown) => () => producer.send('t', wrong(record));
  const to = (topic: unknown) => () => producer.send(wrong(topic), { value: 1 });
  const half = 512 * 1024;
  test.each<BadCall>([
    ['null', send(null), 'INVALID_ARGUMENT', /a record is an object .*, not null/],
    ['nothing', send(undefined), 'INVALID_ARGUMENT', /not undefined/],
    ['a text', send('hello'), 'INVALID_ARGUMENT', /not "hello"/],
    ['null among many', send([{ value: 1 }, null]), 'INVALID_ARGUMENT', /not null/],
    ['a set', send(new Set([1])), 'INVALID_ARGUMENT', /an array of records/],
    ['a mistyped value', send({ vlaue: 1 }), 'INVALID_ARGUMENT', /no field "vlaue"; it has key, value/],
    ['pushing a list', () => producer.push('t', wrong([{ value: 1 }])), 'INVALID_ARGUMENT', /push takes one/],
    ['to null', to(null), 'INVALID_ARGUMENT', /a topic is a name or what defineTopic\(\) returns, not null/],
    ['to an object that is no declaration', to({ name: 't' }), 'INVALID_ARGUMENT', /defineTopic/],
    ['to a name that cannot be', to('a/b'), 'INVALID_TOPIC_EXCEPTION', /letters, digits/],
    ['to no name', to(''), 'INVALID_TOPIC_EXCEPTION', /not empty/],
    ['to a name of 250 characters', to('n'.repeat(250)), 'INVALID_TOPIC_EXCEPTION', /at most 249/],
    ['to a topic that does not exist', to('unknown'), 'UNKNOWN_TOPIC_OR_PARTITION', /"unknown" does not exist; create it/],
    ['a partition beyond the last', send({ partition: 2 }), 'UNKNOWN_TOPIC_OR_PARTITION', /partitions 0 to 1, not 2/],
    ['a partition that cannot be', send({ partition: -1 }), 'INVALID_ARGUMENT', /not -1/],
    ['a partition of another type', send({ partition: '0' }), 'INVALID_ARGUMENT', /not 0/],
    ['a date as timestamp', send({ timestamp: new Date() }), 'INVALID_TIMESTAMP', /whole milliseconds/],
    ['a timestamp before all time', send({ timestamp: -1 }), 'INVALID_TIMESTAMP', /not -1/],
    [
      'a timestamp far ahead',
      send({ timestamp: Number.MAX_SAFE_INTEGER }),
      'INVALID_TIMESTAMP',
      /message\.timestamp\.after\.max\.ms=3600000/,
    ],
    ['a key of another type', send({ key: 5 }), 'INVALID_DATA', /key of topic "t": .* declare a serde/],
    ['a function', send({ value: () => 1 }), 'INVALID_DATA', /MessagePack has no function/],
    ['a symbol', send({ value: Symbol('s') }), 'INVALID_DATA', /value of topic "t"/],
    ['a cycle', send({ value: cycle() }), 'INVALID_DATA', /call stack/],
    [
      'a value that throws',
      send({
        value: {
          get a(): number {
            throw new Error('oops');
          },
        },
      }),
      'INVALID_DATA',
      /oops/,
    ],
    ['no headers', send({ value: 1, headers: null }), 'INVALID_DATA', /headers are an object or a list of .*, not null/],
    ['headers of another type', send({ value: 1, headers: [5] }), 'INVALID_DATA', /not 5/],
    ['a header without a key', send({ value: 1, headers: [{}] }), 'INVALID_DATA', /key is a string, not undefined/],
    ['a header of another type', send({ value: 1, headers: { a: 5 } }), 'INVALID_DATA', /header "a"/],
    ['a header that is no text', send({ value: 1, headers: { '\ud800': 'x' } }), 'INVALID_DATA', /lone surrogate/],
    [
      'one header too many',
      send({ headers: Array.from({ length: 10_001 }, () => ({ key: 'a', value: null })) }),
      'LIMIT_REACHED',
      /10001 headers; 10000/,
    ],
    [
      'a value too large',
      () => raw.send('t', { value: Buffer.alloc(MiB) }),
      'MESSAGE_TOO_LARGE',
      /1048650 bytes .* maxRequestSize=1048576; raise it/,
    ],
    [
      'headers too large',
      () =>
        raw.send('t', {
          headers: [
            { key: 'a', value: Buffer.alloc(half) },
            { key: 'b', value: Buffer.alloc(half) },
          ],
        }),
      'MESSAGE_TOO_LARGE',
      /maxRequestSize/,
    ],
  ])('%s', async (...row) => void (await expectRefusal(row)));

  test('a record of maxRequestSize is taken, one of a byte more is not', async () => {
    // The header of a batch, lengths of three bytes, and one byte each for what is small or absent.
    const overhead = 61 + 3 + 5 + 3;
    const { offset } = await raw.send('t', { partition: 1, value: Buffer.alloc(MiB - overhead) });
    expect(offset).toBeGreaterThanOrEqual(0);
    const error = await refusalOf(() => raw.send('t', { partition: 1, value: Buffer.alloc(MiB - overhead + 1) }));
    expect(error.details).toEqual({ topic: 't', bytes: MiB + 1, bytesMax: MiB });
  });

  test('a record larger than its topic takes, or than can be in flight, is refused at once and holds up nobody', async () => {
    const big = bus.producer({ value: serdes.raw, maxRequestSize: 16 * MiB });
    const error = await refusalOf(() => big.send('t', { value: Buffer.alloc(2 * MiB) }));
    expect(error).toMatchObject({ code: 'MESSAGE_TOO_LARGE', details: { topic: 't', records: 1 } });
    expect(error.message).toMatch(/max\.message\.bytes=1048588/);
    expect((await refusalOf(() => big.send('large', { value: Buffer.alloc(5 * MiB) }))).message).toMatch(/memoryBytesMax/);
    expect((await big.send('large', { value: Buffer.alloc(3 * MiB) })).offset).toBe(0);
    await refusalOf(() => big.flush());
    await big.close();
  });

  test('batches larger than their topic takes are not made', async () => {
    const wide = bus.producer({ value: serdes.raw, batchSize: 4 * MiB, lingerMs: 1000 });
    const sent = Array.from({ length: 3 }, () => wide.send('t', { partition: 0, value: Buffer.alloc(700_000) }));
    await wide.flush();
    expect(new Set((await Promise.all(sent)).map(({ offset }) => offset)).size).toBe(3);
    await wide.close();
  });

  test('a thousand sends to a topic that does not exist ask once, and leave nothing behind', async () => {
    const results = await Promise.allSettled(Array.from({ length: 1000 }, () => producer.send('unknown', { value: 1 })));
    const errors = new Set(results.map((result) => (result.status === 'rejected' ? result.reason : null)));
    expect(errors.size).toBe(1);
  });

  test('pushing to a topic that does not exist is refused by the next push', async () => {
    expect(producer.push('unknown', { value: 1 })).toBe(false);
    await producer.drained();
    await expectRefusal(['', () => producer.push('unknown', { value: 1 }), 'UNKNOWN_TOPIC_OR_PARTITION', /does not exist/]);
    expect(producer.push('unknown', { value: 1 })).toBe(false);
    await producer.drained();
  });

  test('a time that Node’s timers cannot hold is as good as any', async () => {
    const patient = bus.producer({ maxBlockMs: Number.MAX_SAFE_INTEGER });
    await patient.send('t', { value: 1 });
    const idle = await bus.consumer().assign('large');
    const polled = idle.poll({ timeoutMs: Number.MAX_SAFE_INTEGER });
    expect(await Promise.race([polled, new Promise((resolve) => setTimeout(resolve, 50, 'waits'))])).toBe('waits');
    await idle.close();
    expect(await polled).toEqual([]);
    await patient.close();
  });
});

describe('code of the user’s', () => {
  const withSerde = (serialize: () => unknown) => () =>
    bus.producer({ value: wrong({ name: 'mine', serialize, deserialize: () => 1 }) }).send('t', { value: 1 });
  const withPartitioner = (partitioner: () => unknown) => () => bus.producer({ partitioner: wrong(partitioner) }).send('t', { value: 1 });
  const fail = (): never => {
    throw new Error('oops');
  };
  test.each<BadCall>([
    ['a serde throws', withSerde(fail), 'INVALID_DATA', /mine cannot serialize it: oops/],
    [
      'a serde throws what has no words',
      withSerde(() => {
        throw Object.create(null);
      }),
      'INVALID_DATA',
      /no words/,
    ],
    ['a serde returns a number', withSerde(() => 5), 'INVALID_DATA', /returned the number 5/],
    ['a serde is asynchronous', withSerde(async () => Buffer.alloc(1)), 'INVALID_DATA', /returned a promise; serdes are synchronous/],
    ['a serde is asynchronous and fails', withSerde(async () => fail()), 'INVALID_DATA', /promise/],
    ['a partitioner throws', withPartitioner(fail), 'USER_CODE_FAILED', /partitioner of topic "t" threw: oops/],
    ['a partitioner returns one too many', withPartitioner(() => 2), 'USER_CODE_FAILED', /returned 2 for topic "t"; it returns 0 to 1/],
    ['a partitioner returns text', withPartitioner(() => '0'), 'USER_CODE_FAILED', /returned "0"/],
    ['a partitioner returns NaN', withPartitioner(() => Number.NaN), 'USER_CODE_FAILED', /returned NaN/],
    ['a partitioner is asynchronous and fails', withPartitioner(async () => fail()), 'USER_CODE_FAILED', /returned an object/],
    [
      'a schema returns nothing',
      () =>
        producer.send(
          defineTopic('t', { schema: { value: wrong({ '~standard': { version: 1, vendor: 'mine', validate: () => undefined } }) } }),
          { value: 1 },
        ),
      'INVALID_ARGUMENT',
      /schema \(mine\) of value returned undefined/,
    ],
  ])('%s', async (...row) => void (await expectRefusal(row)));

  test('a serde that closes the producer it serves: the record is refused, and the producer ends', async () => {
    const suicidal: Producer<string, number> = bus.producer({
      value: {
        name: 'mine',
        serialize() {
          void suicidal.close();
          return Buffer.alloc(1);
        },
        deserialize: () => 1,
      },
    });
    await suicidal.send('t', { value: 1 }).catch((error: unknown) => expect(error).toMatchObject({ code: 'CLOSED' }));
    await expectRefusal(['', () => suicidal.send('t', { value: 1 }), 'CLOSED', /producer is closed/]);
  });

  test.each<[string, ProducerOptions['onError']]>([
    ['throws', fail],
    ['fails later', wrong(async () => fail())],
  ])('an onError that %s becomes a warning, and every failure is told all the same', async (_, onError) => {
    const seen: string[] = [];
    const before = warnings.length;
    const unlucky = bus.producer({
      onError: (error) => {
        seen.push(error.code);
        return onError?.(error);
      },
    });
    const ahead = { value: 1, timestamp: Number.MAX_SAFE_INTEGER };
    for (let i = 0; i < 3; i++) await refusalOf(() => unlucky.send('t', { ...ahead, partition: i % 2 }));
    expect((await unlucky.send('t', { value: 2 })).offset).toBeGreaterThan(0);
    expect(seen).toEqual(['INVALID_TIMESTAMP', 'INVALID_TIMESTAMP', 'INVALID_TIMESTAMP']);
    await expect.poll(() => warnings.length - before).toBe(3);
    expect(warnings.at(-1)).toBe('BusError: onError threw: oops');
    await refusalOf(() => unlucky.flush());
    await unlucky.close();
  });

  test('an onError that calls the producer finds it whole', async () => {
    const again: Promise<unknown>[] = [];
    const stubborn: Producer = bus.producer({
      onError: () => {
        again.push(stubborn.drained(), stubborn.send('t', { value: 'again' }), stubborn.close());
      },
    });
    await refusalOf(() => stubborn.send('t', { value: 1, timestamp: Number.MAX_SAFE_INTEGER }));
    expect(again).toHaveLength(3);
    expect((await Promise.allSettled(again)).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  test('a serde that throws where records are read: told at the record, and the next one is read', async () => {
    const odd = { name: 'odd', serialize: () => null, deserialize: fail };
    const reader = await bus.consumer({ value: odd, autoOffsetReset: 'earliest' }).assign([{ topic: 't', partition: 0 }]);
    const [record] = await reader.poll({ timeoutMs: 5000, recordsMax: 1 });
    await expectRefusal(['', () => record.value, 'INVALID_DATA', /odd cannot read its \d+ bytes: oops/]);
    const [next] = await reader.poll({ timeoutMs: 5000, recordsMax: 1 });
    expect(next.offset).toBe(record.offset + 1);
    await reader.close();
  });
});

describe('reading', () => {
  const assign = (what: unknown) => () => consumer.assign(wrong(what));
  const seek = (target: unknown) => () => consumer.seek('t', wrong(target));
  const poll = (options: unknown) => () => consumer.poll(wrong(options));
  test.each<BadCall>([
    ['nothing', assign(undefined), 'INVALID_ARGUMENT', /assign takes topics and \{ topic, partition \}, not undefined/],
    ['a number', assign([5]), 'INVALID_ARGUMENT', /not 5/],
    ['a topic without a partition', assign([{ topic: 't' }]), 'INVALID_ARGUMENT', /not an object/],
    ['a partition as text', assign([{ topic: 't', partition: '0' }]), 'INVALID_ARGUMENT', /partition is a whole number from 0 .*, not "0"/],
    ['a partition beyond the last', assign([{ topic: 't', partition: 2 }]), 'UNKNOWN_TOPIC_OR_PARTITION', /partitions 0 to 1, not 2/],
    ['a topic that does not exist', assign('unknown'), 'UNKNOWN_TOPIC_OR_PARTITION', /does not exist; create it/],
    ['half of it does not exist', assign(['large', 'unknown']), 'UNKNOWN_TOPIC_OR_PARTITION', /"unknown"/],
    ['seek of what is not assigned', () => consumer.seek('large', 0), 'INVALID_ARGUMENT', /large is not assigned .* call assign\(\) first/],
    ['seek of nothing', () => consumer.seek(wrong(null), 0), 'INVALID_ARGUMENT', /seek takes/],
    ['seek before all', seek(-1), 'INVALID_ARGUMENT', /offset is a whole number from 0/],
    ['seek to a fraction', seek(1.5), 'INVALID_ARGUMENT', /not 1\.5/],
    ['seek to nowhere', seek('start'), 'INVALID_ARGUMENT', /'beginning', 'end' or \{ timestamp \}, not "start"/],
    ['seek to no time', seek({ timestamp: 'now' }), 'INVALID_ARGUMENT', /timestamp is a whole number/],
    ['position of what is not assigned', () => consumer.position('t', 7), 'INVALID_ARGUMENT', /t-7 is not assigned/],
    ['pause of what is not assigned', () => consumer.pause([{ topic: 't', partition: 7 }]), 'INVALID_ARGUMENT', /t-7 is not assigned/],
    ['pause of nonsense', () => consumer.pause(wrong(5)), 'INVALID_ARGUMENT', /what pause takes is a list, not 5/],
    ['resume of what is not assigned', () => consumer.resume([{ topic: 'large', partition: 0 }]), 'INVALID_ARGUMENT', /not assigned/],
    ['poll for less than no time', poll({ timeoutMs: -1 }), 'INVALID_ARGUMENT', /timeoutMs is a whole number from 0/],
    ['poll for NaN', poll({ timeoutMs: Number.NaN }), 'INVALID_ARGUMENT', /not NaN/],
    ['poll of no records', poll({ recordsMax: 0 }), 'INVALID_ARGUMENT', /recordsMax is a whole number from 1/],
    ['poll with a mistyped name', poll({ timeout: 5 }), 'INVALID_ARGUMENT', /no option "timeout"; it has timeoutMs, recordsMax/],
    ['poll of null', poll(null), 'INVALID_ARGUMENT', /takes an object of options, not null/],
  ])('%s', async (...row) => void (await expectRefusal(row)));

  test('what was assigned stays assigned', () => {
    expect(consumer.assignment().map(({ topic, partition }) => `${topic}-${partition}`)).toEqual(['t-0', 't-1']);
  });

  test.each([
    ['earliest', 0],
    ['latest', undefined],
  ] as const)('an offset out of range with autoOffsetReset %s goes on where it says', async (autoOffsetReset, expected) => {
    const reader = await bus.consumer({ autoOffsetReset }).assign([{ topic: 't', partition: 0 }]);
    const [{ highWatermark }] = await reader.lag();
    await reader.seek('t', highWatermark + 1000);
    const polled = reader.poll({ timeoutMs: 5000 });
    if (autoOffsetReset === 'latest') await expect.poll(() => reader.position('t', 0)).toBe(highWatermark);
    if (autoOffsetReset === 'latest') await producer.send('t', { partition: 0, value: 'new' });
    expect((await polled)[0].offset).toBe(expected ?? highWatermark);
    await reader.close();
  });

  test('an offset out of range with autoOffsetReset none is thrown once, and a seek mends it', async () => {
    const reader = await bus.consumer({ autoOffsetReset: 'none' }).assign([{ topic: 't', partition: 0 }]);
    await reader.seek('t', 1_000_000);
    const error = await expectRefusal([
      '',
      () => reader.poll({ timeoutMs: 5000 }),
      'OFFSET_OUT_OF_RANGE',
      /begins at 0\. Seek, or set autoOffsetReset/,
    ]);
    expect(error.details).toMatchObject({ topic: 't', partition: 0, offset: 1_000_000, startOffset: 0 });
    expect(await reader.poll()).toEqual([]);
    await reader.seek('t', 'beginning');
    expect((await reader.poll({ timeoutMs: 5000 }))[0].offset).toBe(0);
    await reader.close();
  });
});

describe('what is closed', () => {
  test('a producer', async () => {
    const closed = bus.producer();
    expect(await closed.close()).toEqual({ unfinished: 0 });
    expect(await closed.close()).toEqual({ unfinished: 0 });
    for (const call of [() => closed.send('t', { value: 1 }), () => closed.push('t', { value: 1 }), () => closed.drained()]) {
      await expectRefusal(['', call, 'CLOSED', /the producer is closed, or its bus is/]);
    }
    await closed.flush();
  });

  test('a consumer: calls are refused, loops end', async () => {
    const closed = await bus.consumer().assign('t');
    const loop = (async () => {
      for await (const _ of closed) throw new Error('there is nothing new');
      return 'ended';
    })();
    const polled = closed.poll({ timeoutMs: 60_000 });
    await closed.close();
    await closed.close();
    expect(await Promise.all([loop, polled])).toEqual(['ended', []]);
    const calls = [
      () => closed.assign('t'),
      () => closed.seek('t', 0),
      () => closed.poll(),
      () => closed.lag(),
      () => closed.pause(),
      () => closed.resume(),
    ];
    for (const call of calls) await expectRefusal(['', call, 'CLOSED', /the consumer is closed, or its bus is/]);
    for await (const _ of closed.batches()) throw new Error('it is closed');
  });

  test('a bus: everything of it', async () => {
    const own = await Bus.open({ memoryBytesMax: 16 * MiB, hosts: 1, logLevel: 'silent' });
    const [sender, reader, admin] = [own.producer(), await own.consumer().assign([]), own.admin()];
    await own.close();
    expect(own.closed).toBe(true);
    const calls = [
      () => own.producer(),
      () => own.consumer(),
      () => own.admin(),
      () => own.handle(),
      () => own.pressure(),
      () => sender.send('t', { value: 1 }),
      () => sender.drained(),
      () => reader.poll(),
      () => reader.assign('t'),
      () => admin.listTopics(),
      () => admin.createTopics([{ name: 'x' }]),
      () => admin.listOffsets('t', 'latest'),
    ];
    for (const call of calls) await expectRefusal(['', call, 'CLOSED', /closed/]);
  });
});

test('after all this the bus works as before, and no warning came but those that were asked for', async () => {
  const { partition, offset } = await producer.send('t', { key: 'k', value: { still: 'here' } });
  await consumer.seek({ topic: 't', partition }, offset);
  consumer.pause([{ topic: 't', partition: 1 - partition }]);
  const [record] = await consumer.poll({ timeoutMs: 5000, recordsMax: 1 });
  expect([record.offset, record.value]).toEqual([offset, { still: 'here' }]);
  expect(await bus.close()).toEqual({ unfinished: [] });
  expect(warnings.filter((text) => !text.startsWith('BusError: onError threw'))).toEqual([]);
});

function cycle(): object {
  const self: { self?: object } = {};
  self.self = self;
  return self;
}
