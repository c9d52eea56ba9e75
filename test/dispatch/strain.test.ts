/** How near a heap is to its limit, and what a reader may have then. */
import { expect, test } from 'vitest';
import { allowanceOf, type Strain, strainOf } from '../../src/dispatch/strain.ts';

/** In percent of the limit, one reading after the other. */
function strains(...percents: number[]): Strain[] {
  let strain: Strain = 'none';
  return percents.map((percent) => {
    strain = strainOf(strain, percent, 100);
    return strain;
  });
}

test('each level is entered at one share of the limit and left at a lower one', () => {
  expect(strains(84, 85, 84, 78, 77, 84)).toEqual(['none', 'near', 'near', 'near', 'none', 'none']);
  expect(strains(93, 92, 87, 86, 78, 77)).toEqual(['verge', 'verge', 'verge', 'near', 'near', 'none']);
});

test('a limit that is not known is far away', () => expect(strainOf('verge', 1e12, 0)).toBe('none'));

test('a reader may have less ahead, and on the verge nothing, but may always ask when it has nothing', () => {
  const options = { queuedBytesMax: 8 << 20, fetchBytesMax: 1 << 20 };
  expect(allowanceOf('none', options)).toBe(options);
  expect(allowanceOf('near', options)).toEqual({ queuedBytesMax: 1 << 20, fetchBytesMax: 1 << 17 });
  expect(allowanceOf('verge', options)).toEqual({ queuedBytesMax: 1, fetchBytesMax: 65_536 });
  expect(allowanceOf('near', { queuedBytesMax: 1, fetchBytesMax: 1 })).toEqual({ queuedBytesMax: 1, fetchBytesMax: 1 });
});
