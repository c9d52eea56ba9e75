/** Chronicle Queue (Java): memory-mapped files, readers and writers in one JVM, busy-waiting. It promises no sync. */
import { javaSkipReason } from '../../test/interop/java.ts';
import { compile, jarsOf, runJavaPeer } from './jars.ts';
import type { Peer } from './work.ts';

// What Chronicle's documentation asks of Java 17, and no reports home.
const flags = [
  '--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED',
  '--add-exports=java.base/sun.nio.ch=ALL-UNNAMED',
  '--add-exports=jdk.unsupported/sun.misc=ALL-UNNAMED',
  '--add-exports=jdk.compiler/com.sun.tools.javac.file=ALL-UNNAMED',
  '--add-opens=jdk.compiler/com.sun.tools.javac=ALL-UNNAMED',
  '--add-opens=java.base/java.lang=ALL-UNNAMED',
  '--add-opens=java.base/java.lang.reflect=ALL-UNNAMED',
  '--add-opens=java.base/java.io=ALL-UNNAMED',
  '--add-opens=java.base/java.util=ALL-UNNAMED',
  '--add-opens=java.base/sun.nio.ch=ALL-UNNAMED',
  '-Dchronicle.analytics.disable=true',
  '-Dchronicle.announcer.disable=true',
];

export const peer: Peer = {
  skipReason: () => javaSkipReason,
  run(setup) {
    const jars = jarsOf('net.openhft:chronicle-queue:2026.4');
    const classes = compile(['ChroniclePeer', 'Load'], jars);
    return runJavaPeer(setup, { main: 'ChroniclePeer', classpath: [classes, jars], flags, options: { folder: setup.folder } });
  },
};
