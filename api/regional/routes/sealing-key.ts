import { clientSealInfo } from '#shared/contract/desired.ts';
import { sealingKeyPath, sealingKeyQuerySchema } from '#shared/contract/deployment.ts';
import type { SealingKeyReply } from '#shared/contract/parts.ts';
import { AppError } from '#shared/contract/errors.ts';
import { parseInput } from '../../http/read-input.ts';
import type { Answer, Call, RegionContext } from '../endpoints/region-context.ts';
import type { Route } from './route.ts';

/** GET /v2/dedicated-inferences/sealing-key */
export const sealingKeyRoute: Route = {
  method: 'get',
  path: sealingKeyPath,
  operationId: 'dedicatedInferences_get_sealing_key',
  summary: 'Show the key that clients seal secrets to',
  description:
    'What is sealed to it (HPKE, RFC 9180) opens in endpoints of the team alone, and is sent as `sealed_hugging_face_token`. Over NATS a secret is taken in no other way.',
  scope: 'dedicated_inference:read',
  success: { status: 200, description: 'The key, and what a seal is bound to.' },
  query: sealingKeyQuerySchema,
  handle: async (c, { context }) => {
    const { region } = parseInput(sealingKeyQuerySchema, c.req.query());
    if (region === undefined || region === context.region) return sealingKey(context, c.get('call'));
    const message = `is not ${context.region}, whose API this is`;
    throw new AppError('unprocessable', { problems: [{ path: 'region', message }] });
  },
};

/** What a client needs to seal a secret for the endpoints of its team. */
export async function sealingKey({ keys, region }: RegionContext, call: Call): Promise<Answer<SealingKeyReply>> {
  const { keyId: key_id, publicKey: public_key } = keys.sealingKey;
  const algorithm = 'HPKE: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM';
  const info = clientSealInfo({ region, team: call.principal.team });
  return { status: 200, revision: null, body: { sealing_key: { region, key_id, algorithm, public_key, info } } };
}
