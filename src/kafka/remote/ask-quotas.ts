/** Quotas, asked of a cluster. */
import { describeClientQuotas } from '../api/48-describe-client-quotas.ts';
import { alterClientQuotas } from '../api/49-alter-client-quotas.ts';
import { type Handle, put } from './desk.ts';
import { alterQuotasReply, alterQuotasRequest, quotasReply, quotasRequest } from './quotas.ts';

export const askDescribeQuotas: Handle<'describeQuotas'> = (_ask, desk, reply) => {
  const about = { to: 'any', api: describeClientQuotas, message: quotasRequest(), again: 'all' } as const;
  put(desk, { ...about, heard: quotasReply, refused: (error) => ({ error, quotas: [] }) }, reply);
};

export const askAlterQuotas: Handle<'alterQuotas'> = (ask, desk, reply) => {
  const about = { to: 'controller', api: alterClientQuotas, message: alterQuotasRequest(ask), again: 'all' } as const;
  put(desk, { ...about, heard: alterQuotasReply, refused: (error, message) => ({ error, message }) }, reply);
};
