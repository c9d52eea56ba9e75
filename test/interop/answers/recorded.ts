/** Answers as they are kept: a line for each case, so that a change shows as the lines that changed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kafkaVersion } from '../java.ts';
import type { Answers } from './asking.ts';
import type { Json } from './normal.ts';

/** What Apache Kafka answers. */
export const ofKafka = join(import.meta.dirname, `kafka-${kafkaVersion}.jsonl`);
/** What Spillway answers where that is otherwise. */
export const ofSpillway = join(import.meta.dirname, 'spillway.jsonl');

export function readAnswers(path: string): Answers {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return new Map(lines.map((line) => JSON.parse(line) as [string, Json]));
}

export function writeAnswers(path: string, answers: Answers): void {
  writeFileSync(path, [...answers].map((row) => `${JSON.stringify(row)}\n`).join(''));
}

/** Cases whose answers are not those that are expected, each told in three lines. */
export function otherwise(expected: Answers, answers: Answers): string[] {
  const names = new Set([...expected.keys(), ...answers.keys()]);
  return [...names]
    .filter((name) => !isSame(expected, answers, name))
    .map((name) => {
      const told = (of: Answers): string => (of.has(name) ? JSON.stringify(of.get(name)) : 'no such case');
      return `${name}\n  expected ${told(expected)}\n  answered ${told(answers)}`;
    });
}

export function isSame(one: Answers, other: Answers, name: string): boolean {
  return JSON.stringify(one.get(name)) === JSON.stringify(other.get(name));
}
