/** Names of topics, by Kafka's rules: a name is also the start of its partitions' folder names. */
import { limits } from '../base/limits.ts';

/** Null when the name is right, else what is wrong with it. */
export function checkTopicName(name: string): string | null {
  if (typeof name !== 'string') return 'a topic’s name is text';
  if (name === '') return 'a topic’s name is not empty';
  if (name === '.' || name === '..') return `a topic cannot be called "${name}"`;
  if (name.length > limits.topicNameMax) return `a topic’s name has at most ${limits.topicNameMax} characters, this one has ${name.length}`;
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) return 'a topic’s name is made of letters, digits, ".", "_" and "-"';
  return null;
}

/** Two names with the same key are told apart by "." and "_" alone, which metric names cannot do. */
export function collisionKey(name: string): string {
  return name.replaceAll('.', '_');
}
