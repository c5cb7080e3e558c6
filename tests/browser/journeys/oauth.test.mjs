// Consent at a real OpenID provider: refused, given too late, given, reused, given again by another account, ended.
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import { CLIENT, OAuthProvider } from '../stage/provider.mjs';
import { useStage } from '../stage/stage.mjs';
import * as steps from './steps.mjs';

const { at, deleteButton, fill, see, status } = steps;

describe('oauth', () => {
  const provider = new OAuthProvider();
  const stage = useStage({
    name: 'oauth',
    prepare: async ({ allowed, catalog }) => {
      copyFileSync(join(import.meta.dirname, '../fixtures/mailbox.toml'), join(catalog, 'mailbox.toml'));
      await provider.reserve();
      allowed.push(`http://127.0.0.1:${provider.port}`);
    },
  });
  after(() => provider.stop());
  const { step } = stage;
  let visitor;
  let page;
  let flow;
  let callback;
  let credential;

  const signIn = async (account) => {
    await page.waitForURL(/\/interaction\//);
    await page.locator('[name="login"]').fill(account);
    await page.locator('[name="password"]').fill('any');
    await page.getByRole('button', { name: /sign-in/i }).click();
  };
  const agree = async () => {
    await page.getByRole('button', { name: /continue/i }).click();
    await page.waitForURL(new RegExp(`^${stage.console.url}/(w|oauth)/`));
  };

  step('first run', async () => {
    await provider.start(`${stage.console.url}/oauth/callback`);
    visitor = await stage.arrive();
    // The provider's pages ask for a typeface from another place; nothing goes there.
    const typeface = 'https://fonts.googleapis.com';
    visitor.elsewhere.add(provider.url).add(typeface);
    await visitor.context.route(`${typeface}/**`, (route) => route.abort());
    page = visitor.page;
    page.on('request', (request) => {
      if (request.url().includes('/oauth/callback?')) callback = request.url();
    });
    await steps.setUp(visitor, stage);
  });

  step('the form leads to a page with the link', async () => {
    await visitor.go(at('/credentials/new?integration=oauth2&method=code'));
    await page.locator('#advanced summary').click();
    await fill(page, {
      name: 'Own provider',
      'f.authorize_url': `${provider.url}/auth`,
      'f.token_url': `${provider.url}/token`,
      'f.revoke_url': `${provider.url}/token/revocation`,
      'f.base_url': provider.url,
      'f.check_path': '/me',
      'f.scope': 'openid email offline_access',
      'f.client_id': CLIENT.id,
      'f.client_secret': CLIENT.secret,
    });
    await visitor.axe('the form of a consent');
    await page.getByRole('button', { name: 'Continue to the sign-in' }).click();
    await page.waitForURL(/\/flows\//);
    flow = page.url();
    await see(page.locator('#go'));
    await visitor.axe('the page of a consent');
    await visitor.picture('oauth flow');
    assert.equal((await page.content()).includes(CLIENT.secret), false);
  });

  step('a refusal is told, and what was entered is kept', async () => {
    await page.locator('#go').click();
    await page.waitForURL(/\/interaction\//);
    await page.getByRole('link', { name: /cancel/i }).click();
    await page.waitForURL(flow);
    await see(page.locator('[data-code="access_denied"]'));
    await visitor.axe('a refused consent');
    await visitor.picture('oauth refused');
    await page.getByRole('button', { name: 'Try again' }).click();
    await see(page.locator('#go'));
  });

  step('an answer that comes too late is not used', async () => {
    await page.locator('#go').click();
    await signIn('bots');
    stage.console.age('oauth_flows', 'expires_at', 11);
    const given = provider.events.filter((event) => event === 'grant.success').length;
    await visitor.expecting(400, agree);
    await see(page.locator('[data-code="flow_expired"]'));
    await visitor.axe('an answer that came too late');
    await visitor.picture('oauth expired');
    assert.equal(provider.events.filter((event) => event === 'grant.success').length, given);
    await page.getByRole('link', { name: 'Start again' }).click();
    await page.waitForURL(flow);
    await see(page.locator('[data-code="flow_expired"]'));
    await page.getByRole('button', { name: 'Try again' }).click();
    await see(page.locator('#go'));
    await visitor.context.clearCookies({ name: /^_/ });
  });

  step('agreeing makes a credential that works', async () => {
    await page.locator('#go').click();
    await signIn('bots');
    await agree();
    credential = page.url();
    assert.match(credential, /\/credentials\/[0-9a-f-]{36}$/);
    await see(status(page, 'working'));
    await see(page.getByText('bots@example.test'));
    await see(page.getByText('Renewed next'));
    await visitor.axe('a connected credential');
    await visitor.picture('oauth connected');
    await page.getByRole('button', { name: 'Verify now' }).click();
    await see(status(page, 'working'));
  });

  step('the same answer is good once', async () => {
    const given = provider.events.filter((event) => event === 'grant.success').length;
    await visitor.expecting(400, () => visitor.go(callback));
    await see(page.locator('[data-code="used"]'));
    await visitor.axe('an answer that was used');
    assert.equal(provider.events.filter((event) => event === 'grant.success').length, given);
  });

  step('another account has to be confirmed', async () => {
    await visitor.context.clearCookies({ name: /^_/ });
    await visitor.go(new URL(credential).pathname);
    await page.getByRole('button', { name: 'Connect again' }).click();
    await page.locator('#go').click();
    await signIn('boss');
    await agree();
    await see(page.locator('[data-code="other_account"]'));
    await visitor.axe('another account');
    await visitor.picture('oauth other account');
    await page.getByRole('button', { name: /^Use/ }).click();
    await page.waitForURL(credential);
    await see(page.getByText('boss@example.test'));
    await see(status(page, 'working'));
  });

  step('a narrow window', async () => {
    await page.setViewportSize({ width: 320, height: 800 });
    await visitor.fits('a connected credential');
    await visitor.go(new URL(flow).pathname);
    await visitor.fits('the page of a consent');
    await visitor.go(at('/apps/gmail'));
    await visitor.fits('the page of a client');
    await visitor.axe('the page of a client');
    await visitor.picture('oauth client narrow');
    await page.setViewportSize({ width: 1280, height: 900 });
    await visitor.go(at('/apps/gmail'));
    await visitor.picture('oauth client');
  });

  step('deleting ends the sign-in at the provider', async () => {
    await visitor.go(`${new URL(credential).pathname}/deletion`);
    await see(page.getByText('is asked to end the sign-in'));
    await deleteButton(page).click();
    await page.waitForURL(/\/credentials$/);
    await see(page.getByText('the service ended the sign-in'));
    assert.ok(provider.events.includes('grant.revoked') || provider.events.includes('refresh_token.destroyed'), provider.events.join());
    assert.ok(!provider.events.includes('server_error'));
  });

  step('a mail server takes the token by XOAUTH2, of this account alone', async () => {
    // It asks the provider whose token it is.
    stage.mail.isToken = async (user, token) => {
      const answer = await fetch(`${provider.url}/me`, { headers: { authorization: `Bearer ${token}` } });
      return answer.ok && (await answer.json()).email === user;
    };
    const begin = async (name, user) => {
      await visitor.go(at('/credentials/new?integration=mailbox&method=xoauth2'));
      await fill(page, {
        name,
        'f.authorize_url': `${provider.url}/auth`,
        'f.token_url': `${provider.url}/token`,
        'f.client_id': CLIENT.id,
        'f.client_secret': CLIENT.secret,
        'f.host': '127.0.0.1',
        'f.port': String(stage.mail.port),
        'f.user': user,
      });
      await page.getByRole('button', { name: 'Continue to the sign-in' }).click();
      await page.locator('#go').click();
    };
    await visitor.context.clearCookies({ name: /^_/ });
    await begin('Newsletter', 'bots@example.test');
    await signIn('bots');
    await agree();
    await see(status(page, 'working'));
    assert.deepEqual(stage.mail.signIns.at(-1), { user: 'bots@example.test', method: 'XOAUTH2', good: true });
    await page.getByRole('link', { name: 'Send a test mail' }).click();
    await page.getByRole('button', { name: 'Send it' }).click();
    await see(page.getByText('The mail server took the test mail'));
    assert.deepEqual(stage.mail.mails.map((mail) => mail.to), [['ana@example.test']]);
    assert.deepEqual(stage.mail.envelopes, ['bots@example.test']);
    // The provider knows who is there, and that they agreed.
    await begin('Of somebody else', 'boss@example.test');
    await page.waitForURL(new RegExp(`^${stage.console.url}/w/`));
    await see(page.locator('[data-code="smtp_535"]'));
    assert.equal(stage.mail.signIns.at(-1).good, false);
  });

  step('no secret was logged', async () => {
    const code = new URL(callback).searchParams.get('code');
    for (const secret of [CLIENT.secret, code, new URL(callback).searchParams.get('state')]) {
      assert.ok(secret && !stage.console.output.includes(secret));
    }
    await visitor.keepsNothing();
  });
});
