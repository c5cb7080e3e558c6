// People: invited by mail, a second factor, a passkey, a new password, sessions, roles; with a real mail server and
// Chromium's own authenticator.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { PERSON, useStage } from '../stage/stage.mjs';
import { at, fill, see, setUp } from './steps.mjs';

const NINA = { email: 'nina@example.test', name: 'Nina Newcomer', password: 'twelve calm otters swim' };
const CHOSEN = 'seven green kettles hum';

/** The code of an authenticator app (RFC 6238). */
function code(key, seconds = Date.now() / 1000) {
  const bits = [...key.replace(/ /g, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const seed = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(seconds / 30)));
  const digest = createHmac('sha1', seed).update(step).digest();
  const from = digest[19] & 15;
  return String((digest.readUInt32BE(from) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** The path of the last link to `path` in the mails that arrived for an address. */
async function linkFor(stage, address, path) {
  for (let n = 0; n < 100; n += 1) {
    const mail = stage.mail.mails.filter((one) => one.to === address && one.text.includes(path)).pop();
    if (mail) return mail.text.match(new RegExp(`${path}[\\w-]+`))[0];
    await pause(200);
  }
  throw new Error(`no mail to ${address} with ${path}`);
}

/** What is on the page can be used by everybody, and fits. */
const looks = async (visitor) => {
  const what = new URL(visitor.page.url()).pathname;
  await visitor.axe(what);
  await visitor.fits(what);
};

const press = (page, name) => page.getByRole('main').getByRole('button', { name }).first().click();
const signIn = async ({ page }, email, password) => {
  await fill(page, { email, password });
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
};

describe('people', () => {
  const stage = useStage({ name: 'people', sendsMail: true });
  let admin; let nina; let key; let codes; let authenticator;

  stage.step('an admin invites somebody, who comes in by mail without JavaScript', async () => {
    admin = await stage.arrive({ host: 'localhost' });
    await setUp(admin, stage);
    await admin.go(at('/members'));
    await looks(admin);
    await admin.page.getByRole('link', { name: 'Invite' }).click();
    await looks(admin);
    await fill(admin.page, { email: NINA.email, role: 'member' });
    await press(admin.page, 'Invite');
    await see(admin.page.getByText('The mail is on its way'));
    assert.equal(await admin.page.locator('#invitation-link').count(), 0, 'the link is in the mail only');
    const plain = await stage.arrive({ host: 'localhost', javaScript: false });
    await plain.go(await linkFor(stage, NINA.email, '/invitations/'));
    await fill(plain.page, { name: NINA.name, password: NINA.password });
    await press(plain.page, 'Join');
    await plain.page.waitForURL(/\/w\/acme-support\/credentials/);
  });

  stage.step('a second factor: the code of an app, and a recovery code', async () => {
    nina = await stage.arrive({ host: 'localhost', viewport: { width: 390, height: 800 }, colorScheme: 'dark' });
    await nina.go('/sign-in');
    await looks(nina);
    await signIn(nina, NINA.email, NINA.password);
    await nina.page.waitForURL(/\/credentials/);
    await nina.go('/account/second-factor');
    await press(nina.page, 'Set it up');
    await see(nina.page.locator('svg.qr'));
    await looks(nina);
    key = await nina.page.locator('#totp-key').innerText();
    await fill(nina.page, { code: code(key) });
    await press(nina.page, 'Turn it on');
    await see(nina.page.locator('#recovery-codes'));
    codes = await nina.page.locator('#recovery-codes li').allInnerTexts();
    assert.equal(codes.length, 10);
    await looks(nina);
    await nina.page.locator('form[action="/sign-out"] button').click();
    await nina.page.waitForURL(/sign-in/);
    await signIn(nina, NINA.email, NINA.password);
    await nina.page.waitForURL(/second-factor/);
    await looks(nina);
    await nina.expecting(401, async () => {
      await fill(nina.page, { code: code(key, 0) });
      await press(nina.page, 'Sign in');
      await see(nina.page.getByText('This code is not right'));
    });
    await fill(nina.page, { code: codes[0] });
    await press(nina.page, 'Sign in');
    await nina.page.waitForURL(/\/credentials/);
  });

  stage.step('a passkey signs in alone', async () => {
    const wire = await nina.context.newCDPSession(nina.page);
    await wire.send('WebAuthn.enable');
    ({ authenticatorId: authenticator } = await wire.send('WebAuthn.addVirtualAuthenticator', { options: {
      protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
    } }));
    await nina.go('/account/passkeys');
    await looks(nina);
    await fill(nina.page, { name: 'Phone' });
    await press(nina.page, 'Add a passkey');
    await see(nina.page.getByText('Your passkey was added'));
    await see(nina.page.getByText('Phone'));
    await nina.page.locator('form[action="/sign-out"] button').click();
    await nina.page.waitForURL(/sign-in/);
    await press(nina.page, 'Sign in with a passkey');
    await nina.page.waitForURL(/\/credentials/);
    const { credentials } = await wire.send('WebAuthn.getCredentials', { authenticatorId: authenticator });
    assert.equal(credentials.length, 1);
    await nina.go('/confirm?next=/account/passkeys');
    await looks(nina);
    await press(nina.page, 'Use a passkey');
    await nina.page.waitForURL(/\/account\/passkeys/);
  });

  stage.step('a session is ended from another browser', async () => {
    const other = await stage.arrive({ host: 'localhost' });
    await other.go('/sign-in');
    await signIn(other, NINA.email, NINA.password);
    await other.page.waitForURL(/second-factor/);
    await fill(other.page, { code: codes[1] });
    await press(other.page, 'Sign in');
    await other.page.waitForURL(/\/credentials/);
    await nina.go('/account/sessions');
    await looks(nina);
    await press(nina.page, 'Sign out everywhere else');
    await see(nina.page.getByText('Signed out there'));
    await other.go('/account');
    assert.match(other.page.url(), /sign-in/);
  });

  stage.step('a role is felt at once, and the last admin stays', async () => {
    assert.equal(await nina.expecting(403, () => nina.go(at('/credentials/new'))), 403);
    await admin.go(at('/members'));
    await admin.page.getByRole('link', { name: NINA.name, exact: true }).click();
    await looks(admin);
    await fill(admin.page, { role: 'admin' });
    await press(admin.page, 'Change role');
    await see(admin.page.getByText('The role was changed'));
    assert.equal(await nina.go(at('/credentials/new')), 200);
    await admin.page.getByRole('link', { name: NINA.name, exact: true }).click();
    await fill(admin.page, { role: 'member' });
    await press(admin.page, 'Change role');
    assert.equal(await nina.expecting(403, () => nina.go(at('/credentials/new'))), 403);
    await admin.page.getByRole('link', { name: PERSON.email.split('@')[0], exact: true }).click();
    await admin.expecting(409, async () => {
      await fill(admin.page, { role: 'member' });
      await press(admin.page, 'Change role');
      await see(admin.page.getByText('the last admin of the workspace'));
    });
    await looks(admin);
  });

  stage.step('a new password by mail', async () => {
    const plain = await stage.arrive({ host: 'localhost', javaScript: false, viewport: { width: 390, height: 800 } });
    await plain.go('/password/forgot');
    await fill(plain.page, { email: NINA.email });
    await press(plain.page, 'Send the link');
    await see(plain.page.getByText('a mail with a link is on its way'));
    const fresh = await stage.arrive({ host: 'localhost' });
    await fresh.go(await linkFor(stage, NINA.email, '/password/reset/'));
    await looks(fresh);
    await fresh.page.locator('#password').fill('short');
    await see(fresh.page.locator('[data-meter-says]'));
    await fresh.page.locator('#password').fill(CHOSEN);
    await press(fresh.page, 'Save');
    await fresh.page.waitForURL(/sign-in/);
    await nina.go('/account');
    assert.match(nina.page.url(), /sign-in/, 'every session ended');
  });

  stage.step('whoever is removed is out at once, and leaves a report', async () => {
    await admin.go(at('/members'));
    await admin.page.getByRole('link', { name: `Remove ${NINA.name}` }).click();
    await looks(admin);
    await press(admin.page, 'Remove');
    await see(admin.page.getByRole('heading', { name: `What ${NINA.name} leaves behind` }));
    await looks(admin);
    await admin.go(at('/mail'));
    await looks(admin);
  });
});
