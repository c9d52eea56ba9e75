/** Spillway with the `written` durability. */
import { spillwayPeer } from './spillway.ts';

export const peer = spillwayPeer('written');
