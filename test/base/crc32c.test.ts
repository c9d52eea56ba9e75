/** CRC-32C against published values and against a plain one, bit by bit. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c } from '../../src/base/crc32c.ts';
import { slowCrc32c } from '../record/build.ts';

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
test.each([
  ['32 bytes of zeros', Buffer.alloc(32), 0x8a9136aa],
  ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['32 bytes rising', Buffer.from(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
  ['32 bytes falling', Buffer.from(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
  [
    'an iSCSI read command',
    Buffer.from(`01c0${'00'.repeat(14)}14000000000004000000001400000018280000000000000002${'00'.repeat(7)}`, 'hex'),
    0xd9963a56,
  ],
  ['the digits', Buffer.from('123456789'), 0xe3069283],
  ['nothing', Buffer.alloc(0), 0],
])('of %s', (_, bytes, crc) => {
  expect(crc32c(bytes)).toBe(crc);
  expect(slowCrc32c(bytes)).toBe(crc);
});

test('of any bytes, in one piece, in two, and within a larger array', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat(500), (bytes, cut) => {
      const crc = crc32c(bytes);
      expect(crc).toBe(slowCrc32c(bytes));
      expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(crc);
      const within = Buffer.concat([Buffer.alloc(3, 9), bytes, Buffer.alloc(3, 9)]);
      expect(crc32c(within.subarray(3, -3))).toBe(crc);
    }),
    { seed: 7, numRuns: 200 },
  );
});
