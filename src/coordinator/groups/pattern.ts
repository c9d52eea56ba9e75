/**
 * Patterns that topics are subscribed by: RE2's syntax, matched against whole names in linear time, as RE2 does. JavaScript's own
 * engine tries one way after the other, so that one member's pattern could hold up the coordinator for ever; here it only says which
 * characters a class stands for. Names of topics are ASCII, so a set of characters is 128 flags.
 *
 *   pattern => branch ('|' branch)*      branch => (atom repeat?)*      repeat => [*+?] | {n} | {n,} | {n,m}, each lazy with '?'
 *   atom    => character | . | [class] | \d \w \s \p{…} … | ( … ) (?: … ) (?P<name> … ) (?i) (?i: … ) | ^ $ \A \z \b \B | \Q … \E
 */
import { limits } from '../../base/limits.ts';
import { type Piece, parse, Unreadable } from './pattern-parse.ts';

export type Pattern = { test(name: string): boolean; message?: undefined } | { test?: undefined; message: string };

/** What was read last: a group's pattern is asked for with every topic that changes and every offset that might expire. */
const read = new Map<string, Pattern>();
const READ_MAX = 256;

/** Never throws: a pattern that cannot be read says why. */
export function parsePattern(text: string): Pattern {
  const known = read.get(text);
  if (known !== undefined) return known;
  const parsed = readPattern(text);
  if (read.size >= READ_MAX) read.delete(read.keys().next().value ?? '');
  read.set(text, parsed);
  return parsed;
}

function readPattern(text: string): Pattern {
  if (text.length > limits.groupPatternMax) {
    return { message: `a pattern has at most ${limits.groupPatternMax} characters, not ${text.length}` };
  }
  try {
    const steps = new Program();
    const start = steps.compile(parse(text), steps.add({ step: 'match' }));
    return { test: (name) => matches(steps.all, start, name) };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { message: `"${text}" is no pattern of RE2: ${error.message}` };
  }
}

type Step =
  | { step: 'match' }
  | { step: 'character'; set: Uint8Array; next: number }
  | { step: 'assert'; what: string; next: number }
  | { step: 'either'; a: number; b: number };

/** Steps, each of which knows the next; made from the end, so that it does. */
class Program {
  readonly all: Step[] = [];

  add(step: Step): number {
    if (this.all.length >= limits.groupPatternStepsMax) {
      throw new Unreadable(`it takes more than ${limits.groupPatternStepsMax} steps: repeat less`);
    }
    return this.all.push(step) - 1;
  }

  compile(piece: Piece, next: number): number {
    switch (piece.piece) {
      case 'character':
        return this.add({ step: 'character', set: piece.set, next });
      case 'assert':
        return this.add({ step: 'assert', what: piece.what, next });
      case 'sequence':
        return piece.pieces.reduceRight((then, one) => this.compile(one, then), next);
      case 'choice':
        return piece.pieces.map((one) => this.compile(one, next)).reduce((a, b) => this.add({ step: 'either', a, b }));
      case 'repeat':
        return this.#repeat(piece, next);
    }
  }

  #repeat({ of, min, max }: Extract<Piece, { piece: 'repeat' }>, next: number): number {
    let start = next;
    if (max === Number.POSITIVE_INFINITY) {
      start = this.add({ step: 'either', a: next, b: next });
      const body = this.compile(of, start);
      this.all[start] = { step: 'either', a: body, b: next };
    } else {
      for (let i = min; i < max; i++) start = this.add({ step: 'either', a: this.compile(of, start), b: next });
    }
    for (let i = 0; i < min; i++) start = this.compile(of, start);
    return start;
  }
}

/** Follows all ways at once: as many steps as the name has characters times the pattern has steps, and never more. */
function matches(steps: readonly Step[], start: number, name: string): boolean {
  let at: number[] = [];
  let seen = new Uint8Array(steps.length);
  enter(steps, start, name, 0, at, seen);
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    const then: number[] = [];
    seen = new Uint8Array(steps.length);
    for (const index of at) {
      const step = steps[index];
      if (step.step === 'character' && step.set[code] === 1) enter(steps, step.next, name, i + 1, then, seen);
    }
    if (then.length === 0) return false;
    at = then;
  }
  return at.some((index) => steps[index].step === 'match');
}

function enter(steps: readonly Step[], from: number, name: string, position: number, into: number[], seen: Uint8Array): void {
  const queue = [from];
  for (let index = queue.pop(); index !== undefined; index = queue.pop()) {
    if (seen[index] === 1) continue;
    seen[index] = 1;
    const step = steps[index];
    if (step.step === 'either') queue.push(step.b, step.a);
    else if (step.step !== 'assert') into.push(index);
    else if (holds(step.what, name, position)) queue.push(step.next);
  }
}

function holds(what: string, name: string, position: number): boolean {
  if (what === '^') return position === 0;
  if (what === '$') return position === name.length;
  const isEdge = isWord(name, position - 1) !== isWord(name, position);
  return isEdge === (what === 'b');
}

function isWord(name: string, at: number): boolean {
  return /^\w$/.test(name.charAt(at));
}
