/** A position holds when it was seen twice with no batch in between. */
import { expect, test } from 'vitest';
import { SettledPositions } from '../../src/client/settled-positions.ts';

test('what one look says holds at the next, unless a batch has arrived', () => {
  const positions = new SettledPositions();
  const at = (position: number) => [{ topic: 't', partition: 0, position }];
  expect(positions.look(at(5))).toEqual([]);
  expect(positions.look(at(9))).toEqual(at(5));
  positions.arrived();
  expect(positions.look(at(9))).toEqual([]);
  expect(positions.look(at(9))).toEqual(at(9));
});
