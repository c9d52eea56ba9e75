/**
 * `npm run answers`: asks Spillway and Apache Kafka, and writes down what they answer: all of Kafka's, and Spillway's where it is
 * otherwise. With `spillway` as its argument Kafka is taken as it was recorded. What is otherwise must have a reason in differing.ts.
 */

import { isSame, ofKafka, ofSpillway, readAnswers, writeAnswers } from './recorded.ts';
import { answersOf } from './subjects.ts';

if (process.argv[2] !== 'spillway') writeAnswers(ofKafka, await answersOf('kafka'));
const kafka = readAnswers(ofKafka);
const spillway = await answersOf('spillway');
const differing = [...spillway].filter(([name]) => !isSame(kafka, spillway, name));
writeAnswers(ofSpillway, new Map(differing));
console.log(`${spillway.size - differing.length} of ${spillway.size} answers are Kafka's`);
