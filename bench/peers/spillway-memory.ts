/** Spillway with the `memory` durability. */
import { spillwayPeer } from './spillway.ts';

export const peer = spillwayPeer('memory');
