/** Which offset of the target a record has: exact while there are few runs, and never behind what a group has not read. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limits } from '../../../src/base/limits.ts';
import { checkpointText, readCheckpoint } from '../../../src/client/mirror/checkpoint.ts';
import { OffsetMap } from '../../../src/client/mirror/offset-map.ts';

const topicId = '0123456789abcdef0123456789abcdef';

/** A map of these source offsets, onto a target that begins at `target`. */
function mapOf(sources: readonly number[], target = 0, first = sources[0] ?? 0): OffsetMap {
  const map = new OffsetMap(first, target);
  for (const source of sources) map.append(source);
  return map;
}

/** How many records lie before an offset: what a translation has to be. */
const exact = (sources: readonly number[], target: number, offset: number): number => target + sources.filter((one) => one < offset).length;

test('with gaps', () => {
  const map = mapOf([100, 101, 102, 105, 106]);
  expect(map.runs).toEqual([
    { source: 100, target: 0, coarse: false },
    { source: 105, target: 3, coarse: false },
  ]);
  expect([0, 100, 101, 102, 103, 104, 105, 106, 107, 999].map((offset) => map.translate(offset))).toEqual([0, 0, 1, 2, 3, 3, 3, 4, 5, 5]);
  map.passed(200);
  expect([map.nextSource, map.translate(150), map.translate(200)]).toEqual([200, 5, 5]);
});

test('from 0 to 0 without gaps every offset is the same, in one run', () => {
  const map = mapOf(Array.from({ length: 1000 }, (_, i) => i));
  expect(map.runs).toHaveLength(1);
  expect([0, 1, 999, 1000].map((offset) => map.translate(offset))).toEqual([0, 1, 999, 1000]);
});

test(`as many runs as limits.mirrorRunsMax are exact; with one more the older half is coarser`, () => {
  const most = Array.from({ length: limits.mirrorRunsMax }, (_, i) => i * 10);
  expect(mapOf(most).runs.filter(({ coarse }) => coarse)).toEqual([]);
  const more = mapOf([...most, limits.mirrorRunsMax * 10]);
  expect(more.runs.length).toBeLessThan(limits.mirrorRunsMax);
  expect(more.runs.filter(({ coarse }) => coarse).length).toBeGreaterThan(0);
  expect(more.translate(limits.mirrorRunsMax * 10)).toBe(limits.mirrorRunsMax);
});

const sourcesArbitrary = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 400 }).map((gaps) => {
  let offset = -1;
  return gaps.map((gap) => {
    offset += gap;
    return offset;
  });
});

test('a translation never skips a record, and rises with the offset; it is exact in what is new', () => {
  fc.assert(
    fc.property(sourcesArbitrary, fc.nat(50), (sources, target) => {
      const map = mapOf(sources, target, 0);
      const firstExact =
        map.runs.findLast(({ coarse }) => coarse) === undefined ? 0 : (map.runs.find(({ coarse }) => !coarse)?.source ?? 0);
      let before = 0;
      for (let offset = 0; offset <= map.nextSource + 1; offset++) {
        const translated = map.translate(offset);
        expect(translated).toBeLessThanOrEqual(exact(sources, target, offset));
        expect(translated).toBeGreaterThanOrEqual(before);
        if (offset >= firstExact) expect(translated).toBe(exact(sources, target, offset));
        before = translated;
      }
    }),
    { numRuns: 100 },
  );
});

test('what the source has lost counts, and is passed by nobody who has not read it', () => {
  const map = mapOf([0, 1, 2]);
  map.lost(4, 20);
  map.append(20);
  expect([map.nextTarget, map.translate(3), map.translate(20), map.translate(21)]).toEqual([8, 0, 7, 8]);
});

describe('a checkpoint', () => {
  test('there and back', () => {
    fc.assert(
      fc.property(sourcesArbitrary, fc.nat(50), fc.nat(9), (sources, target, passed) => {
        const map = mapOf(sources, target, 0);
        map.passed(map.nextSource + passed);
        const text = checkpointText(topicId, map);
        expect(Buffer.byteLength(text)).toBeLessThan(limits.offsetMetadataMax);
        const { topicId: id, map: again } = readCheckpoint('orders-0', map.nextTarget, text);
        expect([id, again.runs, again.nextSource, again.nextTarget]).toEqual([topicId, map.runs, map.nextSource, map.nextTarget]);
      }),
    );
  });

  test('of the largest offsets it fits into the metadata of an offset', () => {
    const runs = Array.from({ length: limits.mirrorRunsMax }, (_, i) => ({
      source: 2 ** 53 - 200 + i,
      target: 2 ** 53 - 200 + i,
      coarse: true,
    }));
    expect(checkpointText(topicId, new OffsetMap(2 ** 53 - 1, 2 ** 53 - 1, runs)).length).toBeLessThan(limits.offsetMetadataMax);
  });

  test.each(['', 'x', `1;${topicId};5;`, `2;${topicId};5;0:0`, `1;${topicId};5;0:0 0:0`, `1;${topicId};5;9:0`, `1;${topicId};5;0:z`])(
    'refuses %j',
    (text) => {
      expect(() => readCheckpoint('orders-0', 5, text)).toThrow('what is committed of orders-0 is not a mirror’s'.replace('’', "'"));
    },
  );
});
