// Signing in with more than a password: an app, recovery codes, passkeys of Chromium's own authenticator, a proof asked
// again for risky acts, sessions ended from elsewhere, a new password by a mail that a real server caught.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { PERSON, useStage } from '../stage/stage.mjs';
import { at, fill, see, setUp, submit } from './steps.mjs';

const KIM = { email: 'kim@example.test', password: 'twelve calm otters swim' };
const CHOSEN = 'seven green kettles hum';
const STEP_S = 30;

/** The code of an authenticator app (RFC 6238), `later` steps from now. */
function code(key, later = 0) {
  const bits = [...key.replace(/ /g, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const seed = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000 / STEP_S) + later));
  const digest = createHmac('sha1', seed).update(step).digest();
  const from = digest[19] & 15;
  return String((digest.readUInt32BE(from) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

const press = (page, name) => page.getByRole('main').getByRole('button', { name, exact: true }).first().click();

const password = async (visitor, { email, password: typed }) => {
  await visitor.go('/sign-in');
  await fill(visitor.page, { email, password: typed });
  await press(visitor.page, 'Sign in');
};

const leave = async ({ page }) => {
  await page.locator('form[action="/sign-out"] button').click();
  await page.waitForURL(/sign-in/);
};

/** A device that keeps passkeys and asks its owner, who agrees. */
async function device({ context, page }) {
  const wire = await context.newCDPSession(page);
  await wire.send('WebAuthn.enable');
  const { authenticatorId } = await wire.send('WebAuthn.addVirtualAuthenticator', { options: {
    protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
  } });
  return {
    passkeys: async () => (await wire.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
    owner: (isThere) => wire.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: isThere }),
  };
}

describe('second factors', () => {
  const stage = useStage({ name: 'second factors', sendsMail: true });
  let ana; let key; let codes; let phone;

  /** What is on the page can be used by everybody, in both colours, and fits a telephone. */
  const looks = async (visitor, what) => {
    const size = visitor.page.viewportSize();
    for (const colorScheme of ['light', 'dark']) {
      await visitor.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await visitor.axe(`${what} (${colorScheme})`);
      await visitor.picture(`factor ${what} ${colorScheme}`);
    }
    await visitor.page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    for (const width of [390, 320]) {
      await visitor.page.setViewportSize({ width, height: 800 });
      await visitor.fits(`${what} at ${width} px`);
      if (width === 390) await visitor.picture(`factor ${what} narrow`);
    }
    await visitor.page.setViewportSize(size);
  };

  stage.step('an app is set up by the code that it shows', async () => {
    ana = await stage.arrive({ host: 'localhost' });
    await setUp(ana, stage);
    const { page } = ana;
    await ana.go('/account/second-factor');
    await looks(ana, 'none yet');
    await press(page, 'Set it up');
    await see(page.locator('svg.qr'));
    key = await page.locator('#totp-key').innerText();
    await ana.expecting(422, async () => {
      await fill(page, { code: '000000' });
      await press(page, 'Turn it on');
      await see(page.getByText('This is not the code'));
    });
    await looks(ana, 'being set up');
    await fill(page, { code: code(key) });
    await press(page, 'Turn it on');
    await see(page.locator('#recovery-codes'));
    codes = await page.locator('#recovery-codes li').allInnerTexts();
    assert.equal(codes.length, 10);
    await looks(ana, 'recovery codes');
    await ana.go('/account/second-factor');
    assert.equal(await page.locator('#recovery-codes').count(), 0, 'codes are shown once');
    await stage.mail.mailTo(PERSON.email, 'authenticator app was added');
  });

  stage.step('signing in asks for a code, which counts once', async () => {
    await leave(ana);
    const { page } = ana;
    await password(ana, PERSON);
    await page.waitForURL(/second-factor/);
    await looks(ana, 'code asked for');
    await ana.go('/account');
    assert.match(page.url(), /sign-in/, 'half a sign-in opens nothing');
    await ana.go('/sign-in/second-factor');
    await ana.expecting(401, async () => {
      await fill(page, { code: '000000' });
      await press(page, 'Sign in');
      await see(page.getByText('This code is not right'));
    });
    await looks(ana, 'code refused');
    const shown = code(key, 1);
    await fill(page, { code: shown });
    await press(page, 'Sign in');
    await page.waitForURL(/\/credentials/);
    const plain = await stage.arrive({ javaScript: false, viewport: { width: 390, height: 800 } });
    await password(plain, PERSON);
    await plain.expecting(401, async () => {
      await fill(plain.page, { code: shown });
      await press(plain.page, 'Sign in');
      await see(plain.page.getByText('was used already'));
    });
    await fill(plain.page, { code: codes[0].toLowerCase().replaceAll('-', ' ') });
    await press(plain.page, 'Sign in');
    await plain.page.waitForURL(/\/credentials/);
    await leave(plain);
    await password(plain, PERSON);
    await plain.expecting(401, async () => {
      await fill(plain.page, { code: codes[0] });
      await press(plain.page, 'Sign in');
      await see(plain.page.getByText('was used already'));
    });
  });

  stage.step('a passkey signs in alone', async () => {
    const { page } = ana;
    phone = await device(ana);
    await ana.go('/account/passkeys');
    await looks(ana, 'no passkey');
    await fill(page, { name: 'Telephone' });
    await press(page, 'Add a passkey');
    await see(page.getByText('Your passkey was added'));
    await see(page.getByText('Telephone'));
    await looks(ana, 'a passkey');
    assert.equal((await phone.passkeys()).length, 1);
    await leave(ana);
    await looks(ana, 'sign in');
    await press(page, 'Sign in with a passkey');
    await page.waitForURL(/\/credentials/);
  });

  stage.step('whoever cannot prove that the device is theirs stays out', async () => {
    const { page } = ana;
    await leave(ana);
    await phone.owner(false);
    await press(page, 'Sign in with a passkey');
    await see(page.getByText('It was cancelled, or took too long'));
    assert.match(page.url(), /sign-in/);
    await looks(ana, 'passkey cancelled');
    await phone.owner(true);
    await press(page, 'Sign in with a passkey');
    await page.waitForURL(/\/credentials/);
  });

  stage.step('risky acts ask again: a code, a passkey, the page for what has no form', async () => {
    const { page } = ana;
    await ana.go(at('/bots/new'));
    await fill(page, { name: 'Night report' });
    await submit(page, page.getByRole('main').getByRole('button').first());
    const tokens = `${new URL(page.url()).pathname}/tokens`;
    stage.console.age('sessions', 'auth_at', 11);
    await ana.go(tokens);
    await see(page.locator('#current_password'));
    await looks(ana, 'token asks again');
    await fill(page, { name: 'Worker' });
    await press(page, 'Use a passkey instead');
    await see(page.getByRole('button', { name: 'Confirmed' }));
    await press(page, 'Make token');
    await see(page.getByText('This is the only time it is shown'));
    // A password that is wrong loses nothing that was typed.
    stage.console.age('sessions', 'auth_at', 11);
    await ana.go(tokens);
    await ana.expecting(422, async () => {
      await fill(page, { name: 'Second worker', current_password: 'not the password at all' });
      await press(page, 'Make token');
      await see(page.locator('#current_password-error'));
    });
    assert.equal(await page.locator('#name').inputValue(), 'Second worker');
    await fill(page, { current_password: PERSON.password });
    await press(page, 'Make token');
    await see(page.getByText('This is the only time it is shown'));
    // The export has no form: it leads to the page that asks, and from there to the file.
    stage.console.age('sessions', 'auth_at', 11);
    await ana.expecting(401, () => ana.go(at('/audit.csv')));
    await see(page.getByRole('heading', { name: 'Confirm that it is you' }));
    await looks(ana, 'confirm');
    const file = page.waitForEvent('download');
    await press(page, 'Use a passkey instead');
    assert.match((await file).suggestedFilename(), /audit.*\.csv$/);
  });

  stage.step('a session is ended from another browser', async () => {
    const other = await stage.arrive({ host: 'localhost' });
    await password(other, PERSON);
    await other.page.waitForURL(/second-factor/);
    await fill(other.page, { code: codes[1] });
    await press(other.page, 'Sign in');
    await other.page.waitForURL(/\/credentials/);
    await ana.go('/account/sessions');
    await press(ana.page, 'Sign out everywhere else');
    await see(ana.page.getByText('Signed out there'));
    await other.go('/account');
    assert.match(other.page.url(), /sign-in/);
    await ana.go('/account');
    assert.match(ana.page.url(), /account/);
  });

  stage.step('a workspace asks its admins for more than a password', async () => {
    await ana.go(at('/settings'));
    await fill(ana.page, { second_factor: '1' });
    await press(ana.page, 'Save');
    await see(ana.page.getByText('The settings are saved'));
    await looks(ana, 'settings');
    const file = join(stage.scratch.path, 'password');
    writeFileSync(file, KIM.password);
    stage.console.shell('member', 'add', '--workspace', PERSON.slug, '--email', KIM.email, '--role', 'admin', '--password-file', file);
    const kim = await stage.arrive({ host: 'localhost' });
    await password(kim, KIM);
    await kim.page.waitForURL(/\/account\/second-factor/);
    await see(kim.page.locator('#asked'));
    await looks(kim, 'asked for by the workspace');
    await kim.go(at('/audit'));
    assert.match(kim.page.url(), /\/account\/second-factor/, 'nothing else opens there');
    await press(kim.page, 'Set it up');
    await fill(kim.page, { code: code(await kim.page.locator('#totp-key').innerText()) });
    await press(kim.page, 'Turn it on');
    await see(kim.page.locator('#recovery-codes'));
    assert.equal(await kim.go(at('/audit')), 200);
    await kim.go('/account/second-factor');
    await kim.expecting(409, async () => {
      await press(kim.page, 'Turn it off');
      await see(kim.page.getByText('asks its admins and support'));
    });
  });

  stage.step('a new password by mail, which does not come past the second factor', async () => {
    const plain = await stage.arrive({ javaScript: false, viewport: { width: 390, height: 800 } });
    await plain.go('/password/forgot');
    await fill(plain.page, { email: PERSON.email });
    await press(plain.page, 'Send the link');
    await see(plain.page.getByText('a mail with a link is on its way'));
    const fresh = await stage.arrive({ host: 'localhost' });
    await fresh.go(await stage.mail.linkTo(PERSON.email, '/password/reset/'));
    const box = fresh.page.locator('#password');
    const says = fresh.page.locator('[data-meter-says]');
    for (const [typed, words] of [['short', '10 characters more'], ['aaaaaaaaaaaaaaaaaaaa', 'It repeats itself'], ['qwertyuiopasdfgh', 'It follows the keyboard'], [CHOSEN, 'Long enough']]) {
      await box.fill(typed);
      await see(says.getByText(words));
    }
    await looks(fresh, 'new password');
    await press(fresh.page, 'Save');
    await fresh.page.waitForURL(/sign-in/);
    await ana.go('/account');
    assert.match(ana.page.url(), /sign-in/, 'every session ended');
    await password(fresh, { ...PERSON, password: CHOSEN });
    await fresh.page.waitForURL(/second-factor/);
    await fill(fresh.page, { code: codes[2] });
    await press(fresh.page, 'Sign in');
    await fresh.page.waitForURL(/\/credentials/);
  });

  stage.step('a passkey is renamed and removed, without JavaScript, and opens nothing any more', async () => {
    const plain = await stage.arrive({ javaScript: false });
    await password(plain, { ...PERSON, password: CHOSEN });
    await fill(plain.page, { code: codes[3] });
    await press(plain.page, 'Sign in');
    await plain.page.waitForURL(/\/credentials/);
    await plain.go('/account/passkeys');
    await plain.page.getByText('Rename', { exact: false }).first().click();
    await plain.page.getByLabel('New name').fill('Key ring');
    await plain.page.getByRole('button', { name: 'Rename' }).click();
    await see(plain.page.getByText('The passkey was renamed'));
    await plain.page.locator('summary', { hasText: 'Remove' }).click();
    await press(plain.page, 'Remove Key ring');
    await see(plain.page.getByText('The passkey was removed'));
    await ana.go('/sign-in');
    await ana.expecting(401, async () => {
      await press(ana.page, 'Sign in with a passkey');
      await see(ana.page.getByText('This passkey could not be verified'));
    });
  });
});

describe('second factors, JavaScript off', () => {
  const stage = useStage({ name: 'second factors js off', sendsMail: true });
  const arrive = () => stage.arrive({ javaScript: false });
  const proveBy = async ({ page }, typed) => {
    await page.waitForURL(/second-factor/);
    await fill(page, { code: typed });
    await press(page, 'Sign in');
  };
  let ana; let key; let codes;

  stage.step('an app is set up by the key that is typed into it', async () => {
    ana = await arrive();
    await setUp(ana, stage);
    const { page } = ana;
    await ana.go('/account/second-factor');
    await press(page, 'Set it up');
    await see(page.locator('svg.qr'));
    key = await page.locator('#totp-key').innerText();
    await ana.expecting(422, async () => {
      await fill(page, { code: '000000' });
      await press(page, 'Turn it on');
      await see(page.getByText('This is not the code'));
    });
    await fill(page, { code: code(key) });
    await press(page, 'Turn it on');
    await see(page.locator('#recovery-codes'));
    codes = await page.locator('#recovery-codes li').allInnerTexts();
    assert.equal(codes.length, 10);
    await ana.go('/account/second-factor');
    assert.equal(await page.locator('#recovery-codes').count(), 0, 'codes are shown once');
  });

  stage.step('signing in asks for a code of it', async () => {
    const { page } = ana;
    await leave(ana);
    await password(ana, PERSON);
    await ana.expecting(401, async () => {
      await proveBy(ana, '000000');
      await see(page.getByText('This code is not right'));
    });
    await proveBy(ana, code(key, 1));
    await page.waitForURL(/\/credentials/);
  });

  stage.step('risky acts ask again: in the form, and on the page for what has no form', async () => {
    const { page } = ana;
    await ana.go(at('/bots/new'));
    await fill(page, { name: 'Night report' });
    await submit(page, page.getByRole('main').getByRole('button').first());
    const tokens = `${new URL(page.url()).pathname}/tokens`;
    stage.console.age('sessions', 'auth_at', 11);
    await ana.go(tokens);
    await ana.expecting(422, async () => {
      await fill(page, { name: 'Worker', current_password: 'not the password at all' });
      await press(page, 'Make token');
      await see(page.locator('#current_password-error'));
    });
    assert.equal(await page.locator('#name').inputValue(), 'Worker');
    await fill(page, { current_password: PERSON.password });
    await press(page, 'Make token');
    await see(page.getByText('This is the only time it is shown'));
    stage.console.age('sessions', 'auth_at', 11);
    await ana.expecting(401, () => ana.go(at('/audit.csv')));
    await see(page.getByRole('heading', { name: 'Confirm that it is you' }));
    await ana.expecting(422, async () => {
      await fill(page, { current_password: 'not the password at all' });
      await press(page, 'Confirm');
      await see(page.locator('#current_password-error'));
    });
    await fill(page, { current_password: PERSON.password });
    const file = page.waitForEvent('download');
    await press(page, 'Confirm');
    assert.match((await file).suggestedFilename(), /audit.*\.csv$/);
  });

  stage.step('a session is ended from another browser, by itself and with all others', async () => {
    const other = await arrive();
    const others = ana.page.locator('tr[id^="session-"]').filter({ hasNotText: 'this one' });
    const ends = [() => others.getByRole('button').click(), () => press(ana.page, 'Sign out everywhere else')];
    for (const [n, end] of ends.entries()) {
      await password(other, PERSON);
      await proveBy(other, codes[n]);
      // The second time to where they were when their session ended.
      await other.page.waitForURL(/\/(credentials|account)$/);
      await ana.go('/account/sessions');
      assert.equal(await others.count(), 1);
      await end();
      await see(ana.page.getByText('Signed out there'));
      assert.equal(await others.count(), 0);
      await other.go('/account');
      assert.match(other.page.url(), /sign-in/);
    }
    await ana.go('/account');
    assert.match(ana.page.url(), /account/);
  });

  stage.step('a workspace asks its admins for more than a password', async () => {
    await ana.go(at('/settings'));
    await fill(ana.page, { second_factor: '1' });
    await press(ana.page, 'Save');
    await see(ana.page.getByText('The settings are saved'));
    const file = join(stage.scratch.path, 'password');
    writeFileSync(file, KIM.password);
    stage.console.shell('member', 'add', '--workspace', PERSON.slug, '--email', KIM.email, '--role', 'admin', '--password-file', file);
    const kim = await arrive();
    await password(kim, KIM);
    await kim.page.waitForURL(/\/account\/second-factor/);
    await see(kim.page.locator('#asked'));
    await kim.go(at('/audit'));
    assert.match(kim.page.url(), /\/account\/second-factor/, 'nothing else opens there');
    await press(kim.page, 'Set it up');
    await fill(kim.page, { code: code(await kim.page.locator('#totp-key').innerText()) });
    await press(kim.page, 'Turn it on');
    await see(kim.page.locator('#recovery-codes'));
    assert.equal(await kim.go(at('/audit')), 200);
    await kim.go('/account/second-factor');
    await kim.expecting(409, async () => {
      await press(kim.page, 'Turn it off');
      await see(kim.page.getByText('asks its admins and support'));
    });
  });
});
