// A certified OpenID provider on a free port of 127.0.0.1, with one client: rotating refresh tokens, PKCE demanded,
// `iss` in the redirect, sign-in and consent pages of its own.
import { once } from 'node:events';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';
import { freePort } from './console.mjs';

export const CLIENT = { id: 'console', secret: 'CANARY-client-secret-0123456789' };

export class OAuthProvider {
  /** Tokens that were given and ended, by kind of event. */
  events = [];
  #server;

  /** Takes a port; the client is registered by `start`, when the redirect address is known. */
  async reserve() {
    this.port = await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  async start(redirect) {
    const provider = new Provider(this.url, {
      clients: [{
        client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: [redirect],
        grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
      }],
      claims: { openid: ['sub'], email: ['email'] },
      cookies: { keys: ['a key of this test'] },
      features: { devInteractions: { enabled: true }, revocation: { enabled: true } },
      findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, email: `${sub}@example.test` }) }),
      issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
      pkce: { required: () => true },
      rotateRefreshToken: true,
    });
    for (const event of ['grant.success', 'grant.revoked', 'refresh_token.destroyed', 'server_error']) {
      provider.on(event, () => this.events.push(event));
    }
    this.#server = createServer(provider.callback()).listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  async stop() {
    if (!this.#server) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}
