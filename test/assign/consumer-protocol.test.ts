/** The consumers' protocol: bytes that Kafka 4.1.1 has written (test/interop compares many more), and bytes that are none. */
import { describe, expect, test } from 'vitest';
import { cooperativeSticky, sticky } from '../../src/assign/client.ts';
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type Subscription,
  versionOf,
} from '../../src/assign/consumer-protocol.ts';

const hex = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const nothing: Subscription = { topics: [], userData: null, owned: [], generation: -1, rackId: null };

const subscriptions: [number, Subscription, string][] = [
  [0, { ...nothing, topics: ['t', 'a'] }, '000000000002000161000174ffffffff'],
  [
    1,
    {
      ...nothing,
      topics: ['t'],
      userData: bytes('0102'),
      owned: [
        { topic: 'u', partitions: [3, 0] },
        { topic: 't', partitions: [1] },
      ],
    },
    '000100000001000174000000020102000000020001740000000100000001000175000000020000000000000003',
  ],
  [2, { ...nothing, generation: 7 }, '000200000000ffffffff0000000000000007'],
  [
    3,
    { ...nothing, topics: ['t'], owned: [{ topic: 't', partitions: [0] }], generation: 7, rackId: 'rack' },
    '000300000001000174ffffffff0000000100017400000001000000000000000700047261636b',
  ],
];

describe('bytes of Kafka', () => {
  test.each(subscriptions)('a subscription of version %i', (version, subscription, expected) => {
    expect(hex(encodeSubscription(subscription, version))).toBe(expected);
    expect(decodeSubscription(bytes(expected))?.topics).toEqual([...subscription.topics].sort());
    expect(versionOf(bytes(expected))).toBe(version);
  });

  test('assignments', () => {
    const partitions = [
      { topic: 't', partitions: [1, 0] },
      { topic: 'a', partitions: [2] },
    ];
    expect(hex(encodeAssignment({ partitions, userData: null }, 0))).toBe(
      '0000000000020001740000000200000001000000000001610000000100000002ffffffff',
    );
    expect(hex(encodeAssignment({ partitions: [], userData: bytes('ff') }))).toBe('00030000000000000001ff');
    expect(decodeAssignment(bytes('0000000000020001740000000200000001000000000001610000000100000002ffffffff'))).toEqual({
      partitions,
      userData: null,
    });
  });

  test('user data of the sticky assignors', () => {
    const last = { partitions: [{ topic: 't', partitions: [1, 0] }], generation: 3 };
    expect(hex(sticky.userData?.(last))).toBe('0000000100017400000002000000000000000100000003');
    expect(hex(cooperativeSticky.userData?.(last))).toBe('00000003');
    expect(sticky.userData?.(null)).toBeNull();
  });
});

describe('what is read', () => {
  test('a version of the future is read as far as this one goes', () => {
    const future = hex(encodeSubscription({ ...nothing, topics: ['t'], generation: 4 })).replace(/^0003/, '0009');
    expect(decodeSubscription(bytes(`${future}00112233`))).toEqual({ ...nothing, topics: ['t'], generation: 4 });
  });

  test('nothing at all is an assignment of nothing, and no subscription', () => {
    expect(decodeAssignment(new Uint8Array(0))).toEqual({ partitions: [], userData: null });
    expect(decodeSubscription(new Uint8Array(0))).toBeNull();
    expect(versionOf(new Uint8Array(1))).toBe(-1);
  });

  test('bytes that were cut or changed are null, whatever they say of their lengths', () => {
    const whole = encodeSubscription({
      topics: ['t', 'u'],
      userData: bytes('0102'),
      owned: [{ topic: 't', partitions: [1, 2] }],
      generation: 1,
      rackId: 'r',
    });
    for (let end = 0; end < whole.length; end++) expect(decodeSubscription(whole.subarray(0, end))).toBeNull();
    expect(decodeSubscription(bytes('ffff00000000'))).toBeNull();
    expect(decodeSubscription(bytes('00037fffffff'))).toBeNull();
    expect(decodeSubscription(bytes('0003fffffffe'))).toBeNull();
    expect(decodeSubscription(bytes('000300000001ffff'))).toBeNull();
    expect(decodeAssignment(bytes('0000000000010001740fffffff'))).toBeNull();
  });
});
