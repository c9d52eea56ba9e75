/**
 * A thousand requests, ordinary and odd, to a broker: what Spillway answers is what Apache Kafka was recorded to answer, but for what
 * differs by decision; `npm run interop` holds the recording against Kafka itself. `npm run answers` records anew.
 */
import { describe, expect, test } from 'vitest';
import { isFull } from '../brokers.ts';
import { javaSkipReason } from '../java.ts';
import type { Answers } from './asking.ts';
import { differingCases } from './differing.ts';
import { isSame, ofKafka, ofSpillway, otherwise, readAnswers } from './recorded.ts';
import { answersOf } from './subjects.ts';

const kafka = readAnswers(ofKafka);
const own = readAnswers(ofSpillway);

describe('answers', () => {
  test('Spillway answers as Apache Kafka does, or as was decided', async () => {
    const expected: Answers = new Map([...kafka, ...own]);
    expect(otherwise(expected, await answersOf('spillway'))).toEqual([]);
  }, 60_000);

  test('what differs has a reason, and what has a reason differs', () => {
    const differ = [...own.keys()].filter((name) => !isSame(kafka, own, name));
    expect(differ.toSorted()).toEqual([...differingCases].toSorted());
  });

  test.skipIf(!isFull || (javaSkipReason !== null && !process.env.CI))(
    'Apache Kafka answers as was recorded',
    async () => {
      expect(otherwise(kafka, await answersOf('kafka'))).toEqual([]);
    },
    180_000,
  );
});
