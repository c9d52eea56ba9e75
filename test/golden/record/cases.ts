/** The records that every client was asked to produce for the golden files beside this one, and the list of those files. */

export interface GoldenRecord {
  timestampMs: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: [key: string, value: Buffer | null][];
}

const text = (value: string) => Buffer.from(value);
const START_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;
const everyByte = Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i));

/** Each is one thing that an encoder may get wrong. Timestamps step back, and by more than 2^31 ms. */
export const goldenRecords: GoldenRecord[] = [
  { timestampMs: START_MS, key: text('key'), value: text('value'), headers: [] },
  { timestampMs: START_MS + 1, key: null, value: text('no key'), headers: [] },
  { timestampMs: START_MS + 1, key: text('tombstone'), value: null, headers: [] },
  { timestampMs: START_MS + 2, key: null, value: null, headers: [['only', text('header')]] },
  { timestampMs: START_MS + 3, key: text(''), value: text(''), headers: [] },
  {
    timestampMs: START_MS - DAY_MS,
    key: text('headers'),
    value: text('twice, null, empty, beyond ASCII'),
    headers: [
      ['twice', text('first')],
      ['null', null],
      ['twice', text('second')],
      ['empty', text('')],
      ['ключ', everyByte],
    ],
  },
  { timestampMs: START_MS - 60 * DAY_MS, key: everyByte, value: everyByte, headers: [] },
  { timestampMs: START_MS + 70, key: text('64'), value: Buffer.alloc(64, 'x'), headers: [] },
  { timestampMs: START_MS + 80, key: text('8192'), value: Buffer.alloc(8192, 'spillway '), headers: [] },
  ...Array.from({ length: 70 }, (_, i) => ({ timestampMs: START_MS + 100 + i, key: text(`${i % 7}`), value: text(`number ${i}`), headers: [] })),
];

/**
 * What @platformatic/kafka 2.12.1 makes of them: it writes a timestamp delta below −2^31 by a wrong shift, so that a time 60 days back
 * comes out a millisecond late. Kafka's own tools read it so too.
 */
export const goldenShifted: GoldenRecord[] = goldenRecords.map((record) =>
  record.timestampMs < START_MS - 2 ** 31 ? { ...record, timestampMs: record.timestampMs + 1 } : record,
);

/** Values that take several blocks of snappy's 32 KiB and of lz4's 64 KiB. */
export const goldenLarge: GoldenRecord[] = [100_000, 200_000].map((bytes, i) => ({
  timestampMs: START_MS + i,
  key: text('large'),
  value: Buffer.alloc(bytes, Array.from({ length: 997 }, (_, line) => `line ${line * line}\n`).join('')),
  headers: [],
}));

export const goldenClients = ['java', 'librdkafka', 'platformatic'] as const;
export const goldenCodecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

export interface GoldenFile {
  /** The file is `<name>.log`; the topic had the same name. */
  name: string;
  client: (typeof goldenClients)[number];
  codec: (typeof goldenCodecs)[number];
  records: GoldenRecord[];
  /** The topic had message.timestamp.type=LogAppendTime. */
  logAppendTime: boolean;
  /** Produced in a transaction: a control batch follows. */
  transactional: boolean;
}

const plain = { records: goldenRecords, logAppendTime: false, transactional: false };

export const goldenFiles: GoldenFile[] = [
  ...goldenClients.flatMap((client) =>
    goldenCodecs.flatMap((codec): GoldenFile[] => {
      const records = client === 'platformatic' ? goldenShifted : goldenRecords;
      const small = { ...plain, records, name: `${client}-${codec}`, client, codec };
      return codec === 'none' ? [small] : [small, { ...small, name: `${client}-${codec}-large`, records: goldenLarge }];
    }),
  ),
  { ...plain, name: 'java-append-time', client: 'java', codec: 'none', logAppendTime: true },
  { ...plain, name: 'java-transaction', client: 'java', codec: 'lz4', transactional: true },
];
