import { createHmac } from 'node:crypto';
import t from 'tap';
import { keyId } from '../src/auth/tokens.ts';
import type { Platform } from '../src/data.ts';
import { bearer, bodyOf, buildUser, jwtSecret, listen, openPlatform, signIn } from './http-support.ts';

const { platform, users } = await openPlatform(t);
const newSecret = 'the next secret for tests, long enough as well';
const withKeys = (JWT_SECRET: string, JWT_SECRET_PREVIOUS: string): Platform => ({
  ...platform,
  config: { ...platform.config, JWT_SECRET, JWT_SECRET_PREVIOUS },
});

// The three states of a rotation, side by side on one database.
const before = await listen(t, platform);
const during = await listen(t, withKeys(newSecret, jwtSecret));
const after = await listen(t, withKeys(newSecret, ''));
const user = await users.upsertUser(await buildUser());
const me = (base: string, token: string) => fetch(`${base}/api/auth/me`, { headers: bearer(token) });
const status = async (base: string, token: string) => (await me(base, token)).status;

function forge(claims: object, key: string, header: Record<string, unknown>): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode(claims)}`;
  if (header.alg === 'none') return `${signed}.`;
  const hash = header.alg === 'HS512' ? 'sha512' : 'sha256';
  return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`;
}
const headerOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString());

t.test('a token of the key before is taken while that key is kept, and not after', async (t) => {
  const old = await signIn(before.base, user.email);
  t.equal(headerOf(old).kid, keyId(jwtSecret));
  t.equal(await status(before.base, old), 200);
  t.equal(await status(during.base, old), 200, 'both keys are taken');
  t.equal(await status(after.base, old), 401, 'the old key is out');
});

t.test('new tokens are of the new key only, and outlast the rotation', async (t) => {
  const fresh = await signIn(during.base, user.email);
  t.equal(headerOf(fresh).kid, keyId(newSecret));
  t.notMatch(keyId(newSecret), newSecret);
  t.equal(await status(during.base, fresh), 200);
  t.equal(await status(after.base, fresh), 200);
  t.equal(
    await status(before.base, fresh),
    401,
    'a process that was not restarted yet knows the old key only',
  );
});

t.test('30. with two keys, too, every other token is 401 with one and the same body', async (t) => {
  const now = Math.floor(Date.now() / 1000);
  const good = {
    ...{ sub: user._id.toHexString(), role: 'Manager', tv: user.tokenVersion },
    ...{ iss: 'backoffice', aud: 'receivables', iat: now, exp: now + 600 },
  };
  const { exp: _exp, ...endless } = good;
  for (const [key, other] of [
    [jwtSecret, newSecret],
    [newSecret, jwtSecret],
  ] as const) {
    const kid = keyId(key);
    t.equal(await status(during.base, forge(good, key, { kid })), 200, 'the forger’s tools work');
    t.equal(await status(during.base, forge(good, key, {})), 200, 'from before keys had names');
    const refused: Record<string, string> = {
      'alg none': forge(good, key, { kid, alg: 'none' }),
      HS512: forge(good, key, { kid, alg: 'HS512' }),
      'no exp': forge(endless, key, { kid }),
      expired: forge({ ...good, exp: now - 10 }, key, { kid }),
      'wrong issuer': forge({ ...good, iss: 'somebody' }, key, { kid }),
      'wrong audience': forge({ ...good, aud: 'orders' }, key, { kid }),
      'older version': forge({ ...good, tv: user.tokenVersion - 1 }, key, { kid }),
      'the name of the other key': forge(good, key, { kid: keyId(other) }),
      'an unknown name': forge(good, key, { kid: 'nobody' }),
      'a name that is no text': forge(good, key, { kid: [kid] }),
      'a third key': forge(good, 'a third key, which is nobody’s at all here', { kid }),
      'a third key without a name': forge(good, 'a third key, which is nobody’s at all here', {}),
      'the name as the key': forge(good, kid, { kid }),
      garbage: 'garbage',
      'a header that is no JSON': `e30x.${forge(good, key, { kid }).split('.').slice(1).join('.')}`,
    };
    for (const [name, token] of Object.entries(refused)) {
      // Twice: what was looked at once must not be taken for good.
      for (let time = 0; time < 2; time += 1) {
        const answer = await me(during.base, token);
        t.equal(answer.status, 401, name);
        const { requestId: _requestId, ...body } = await bodyOf(answer);
        t.same(body, { error: 'Please sign in.', code: 'UNAUTHENTICATED' }, name);
      }
    }
  }
});
