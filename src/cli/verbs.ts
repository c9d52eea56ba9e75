/** The table of the program's verbs, in the order in which the help lists them. */
import { check } from './check.ts';
import { consume } from './consume.ts';
import { dump } from './dump.ts';
import { groupVerbs } from './groups.ts';
import { mirror } from './mirror.ts';
import { peek } from './peek.ts';
import { produce } from './produce.ts';
import { run } from './run.ts';
import { topicVerbs } from './topics.ts';
import type { Verb } from './verb.ts';

export const verbs: readonly Verb[] = [run, ...topicVerbs, ...groupVerbs, produce, consume, peek, mirror, check, dump];
