/** What a member subscribes to: topics by name, by declaration, by pattern, alone or in a list. New topics that match a pattern join by themselves. */
import { BusError } from '../../base/errors.ts';
import { limits } from '../../base/limits.ts';
import { checkTopicName } from '../../coordinator/names.ts';
import { shown } from '../check.ts';
import { checkTopic, type Topic } from '../topic.ts';

/** A regular expression that the whole name must match (Kafka: SubscriptionPattern). A RegExp is searched for, as always. */
export interface TopicPattern {
  pattern: string;
}

export type Subscribable = string | RegExp | TopicPattern | Topic<never, never, never> | Topic<unknown, unknown, unknown>;

export interface Subscription {
  /** Sorted, each once. */
  names: string[];
  /** What whole names must match; '' for no pattern. */
  regex: string;
  /** Declarations by topic. */
  declared: ReadonlyMap<string, Topic<unknown, unknown, unknown>>;
}

/** Throws BusError INVALID_ARGUMENT, INVALID_REGULAR_EXPRESSION. */
export function checkSubscription(topics: unknown): Subscription {
  const names = new Set<string>();
  const patterns: string[] = [];
  const declared = new Map<string, Topic<unknown, unknown, unknown>>();
  for (const one of Array.isArray(topics) ? (topics as unknown[]) : [topics]) {
    if (one instanceof RegExp) patterns.push(wholeOf(one));
    else if (isPattern(one)) patterns.push(checkPattern(one.pattern));
    else if (typeof one === 'string') names.add(checkName(one));
    else {
      const topic = checkTopic(one);
      names.add(topic.name);
      declared.set(topic.name, topic);
    }
  }
  if (names.size === 0 && patterns.length === 0)
    throw new BusError('INVALID_ARGUMENT', 'topics names none: give a name, a declaration, a pattern, or a list of these');
  if (names.size > limits.topicsMax)
    throw new BusError('INVALID_ARGUMENT', `topics names ${names.size}; a bus has ${limits.topicsMax} at most. Use a pattern.`);
  const regex = patterns.length > 1 ? patterns.map((pattern) => `(?:${pattern})`).join('|') : (patterns[0] ?? '');
  return { names: [...names].sort(), regex, declared };
}

/** As the coordinator does it: the whole name. */
export function matcherOf(regex: string): (name: string) => boolean {
  if (regex === '') return () => false;
  const whole = new RegExp(`^(?:${regex})$`);
  return (name) => whole.test(name);
}

function isPattern(one: unknown): one is { pattern: unknown } {
  return typeof one === 'object' && one !== null && 'pattern' in one && !('name' in one);
}

function checkPattern(pattern: unknown): string {
  if (typeof pattern !== 'string' || pattern === '')
    throw new BusError('INVALID_ARGUMENT', `a pattern is the text of a regular expression, not ${shown(pattern)}`);
  try {
    new RegExp(`^(?:${pattern})$`);
    return pattern;
  } catch (cause) {
    throw new BusError('INVALID_REGULAR_EXPRESSION', `${shown(pattern)} is no regular expression: ${(cause as Error).message}`, { cause });
  }
}

/** A RegExp is found anywhere in a name; the coordinator matches whole names. */
function wholeOf({ source, ignoreCase }: RegExp): string {
  const anywhere = `.*(?:${source}).*`;
  return ignoreCase ? `(?i:${anywhere})` : anywhere;
}

function checkName(name: string): string {
  const wrong = checkTopicName(name);
  if (wrong === null) return name;
  throw new BusError('INVALID_TOPIC_EXCEPTION', `${shown(name)} is no topic: ${wrong}. For a pattern, use a RegExp or { pattern: '…' }.`, {
    details: { topic: name },
  });
}
