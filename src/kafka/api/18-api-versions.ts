/** ApiVersions: which APIs and versions are spoken. The one request that must be answered in every version: see frame.ts. */
import { errors } from '../../base/errors.ts';
import { type Call, type Reply, spokenBy } from '../handler.ts';
import { api, array, bool, int16, int32, int64, type RequestOf, string, struct } from '../schema.ts';

export const apiVersions = api({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 4],
  flexible: 3,
  request: {
    clientSoftwareName: string({ since: 3 }),
    clientSoftwareVersion: string({ since: 3 }),
  },
  response: {
    errorCode: int16({ default: 0 }),
    apiKeys: array(
      struct({
        apiKey: int16(),
        minVersion: int16(),
        maxVersion: int16(),
      }),
    ),
    throttleTimeMs: int32({ since: 1, default: 0 }),
    supportedFeatures: array(
      struct({
        name: string(),
        minVersion: int16(),
        maxVersion: int16(),
      }),
      { since: 3, tag: 0 },
    ),
    finalizedFeaturesEpoch: int64({ since: 3, default: -1, tag: 1 }),
    finalizedFeatures: array(
      struct({
        name: string(),
        maxVersionLevel: int16(),
        minVersionLevel: int16(),
      }),
      { since: 3, tag: 2 },
    ),
    zkMigrationReady: bool({ since: 3, default: false, tag: 3 }),
  },
});

/** As KIP-511 wants names and versions of clients to be. */
const softwareName = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

export function handleApiVersions(
  request: RequestOf<typeof apiVersions>,
  { broker, version }: Call,
  reply: Reply<typeof apiVersions.response>,
): void {
  const isNamed =
    version < NAMED_SINCE || (softwareName.test(request.clientSoftwareName) && softwareName.test(request.clientSoftwareVersion));
  if (isNamed) reply({ apiKeys: spokenBy(broker.handlers) });
  else reply({ errorCode: errors.INVALID_REQUEST.code, apiKeys: [] });
}

/** The version that names the client's software. */
const NAMED_SINCE = 3;
