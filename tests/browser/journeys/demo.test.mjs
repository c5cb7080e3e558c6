// The demo, as somebody meets it who has just started it: look around, verify, create, mend what is broken.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { launch } from '../stage/chromium.mjs';
import { Demo } from '../stage/demo.mjs';
import { Visitor } from '../stage/visitor.mjs';
import { CREDENTIAL, fill, row, saveButton, see, status, submit } from './steps.mjs';

const STORE = '/w/acme-store/credentials';
const LIMIT_MS = 120_000;

describe('the demo', () => {
  let demo;
  let browser;
  let visitor;
  let page;
  let main;
  let failed;

  const step = (title, act) => it(title, { timeout: LIMIT_MS }, async () => {
    assert.ok(!failed, `not reached: “${failed}” failed`);
    try {
      await act();
      visitor.check();
    } catch (error) {
      failed = title;
      await visitor?.picture(`failed-demo-${title}`).catch(() => {});
      throw error;
    }
  });

  before(async () => {
    demo = await new Demo().start();
    browser = await launch();
    visitor = await Visitor.arrive(browser, demo.url);
    ({ page } = visitor);
    main = page.getByRole('main');
  }, { timeout: LIMIT_MS });

  after(async () => {
    await browser?.close();
    const code = await demo?.stop();
    if (!demo) return;
    assert.equal(code, 0, `it did not stop in good order:\n${demo.output}`);
    assert.ok(!existsSync(demo.folder), `${demo.folder} is still there`);
  }, { timeout: LIMIT_MS });

  const signIn = async (name) => {
    await visitor.go('/sign-in');
    await fill(page, { email: `${name}@acme.example`, password: demo.password });
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.waitForURL(/\/w\//);
  };
  const banner = () => page.getByRole('complementary', { name: 'About this demo' });

  step('it says what it is before anybody signs in, and after', async () => {
    await visitor.go('/sign-in');
    await see(banner());
    await visitor.axe('the page to sign in');
    await signIn('ana');
    assert.match(await banner().innerText(), /Demo.*imitated.*vanishes.*wrong/s);
    await visitor.axe('the list of the demo');
    await visitor.keepsNothing();
  });

  step('every chip of a status leads to its rows', async () => {
    for (const value of ['working', 'broken', 'expiring', 'unverified', 'suspended', 'unreadable']) {
      await visitor.go(STORE);
      await page.locator(`.chips a[href*="status=${value}"]`).click();
      await page.waitForURL(new RegExp(`status=${value}`));
      await see(status(page.locator('tbody'), value));
    }
  });

  step('what was unverified is verified from its row', async () => {
    await visitor.go(STORE);
    const sap = row(page, 'SAP B1 head office');
    await see(status(sap, 'unverified'));
    await sap.getByRole('button', { name: /^Verify/ }).click();
    await see(status(sap, 'working'));
    await see(sap.getByText('verified just now'));
  });

  step('what is broken says why, and a new secret mends it', async () => {
    await visitor.go(STORE);
    await page.getByRole('link', { name: 'Stripe Brazil', exact: true }).click();
    await page.waitForURL(CREDENTIAL);
    await see(page.locator('.hint[data-code=status_401]'));
    await visitor.axe('a broken credential');
    await page.getByRole('link', { name: 'New secret' }).first().click();
    await page.waitForURL(/\/rotation/);
    await fill(page, { 'f.secret_key': 'rk_live_0Acme0wrong0Brazil01' });
    await visitor.expecting(422, () => submit(page, main.locator('button.primary[type=submit]')));
    await see(page.locator('#banner'));
    await fill(page, { 'f.secret_key': 'rk_live_0Acme0right0Brazil02' });
    await submit(page, main.locator('button.primary[type=submit]'));
    await page.waitForURL(CREDENTIAL);
    await see(status(page, 'working'));
  });

  step('a new one is refused with the word, saved without it, edited, and deleted', async () => {
    await visitor.go(`${STORE}/new?integration=smtp&method=password`);
    const values = { name: 'Mail of the journey', 'f.host': 'mail.example.com', 'f.user': 'bot@example.com' };
    await fill(page, values);
    await fill(page, { 'f.password': 'wrong' });
    await visitor.expecting(422, () => submit(page, saveButton(page)));
    await see(page.locator('#banner[data-code=smtp_535], #banner [data-code=smtp_535]'));
    await fill(page, { 'f.password': 'right' });
    await submit(page, saveButton(page));
    await page.waitForURL(CREDENTIAL);
    await see(status(page, 'working'));
    await page.getByRole('link', { name: 'Edit', exact: true }).click();
    await page.waitForURL(/\/edit/);
    await fill(page, { description: 'tried out', 'f.password': 'down' });
    await visitor.expecting(422, () => submit(page, main.locator('button.primary[type=submit]')));
    await see(page.locator('button[name=save_unverified]'));
    await visitor.go(STORE);
    const mine = row(page, 'Mail of the journey');
    await mine.getByRole('link', { name: /^Delete/ }).click();
    await see(page.locator('dialog[open]'));
    await visitor.axe('the question before deleting');
    await page.locator('#deletion').getByRole('button', { name: 'Delete', exact: true }).click();
    await mine.waitFor({ state: 'hidden' });
  });

  step('it fits a telephone, light and dark', async () => {
    for (const colorScheme of ['light', 'dark']) {
      const other = await Visitor.arrive(browser, demo.url, { colorScheme, viewport: { width: 390, height: 844 } });
      await other.context.addCookies(await visitor.context.cookies());
      for (const path of [STORE, `${STORE}/new`, `${STORE}/deleted`, '/account', '/nowhere']) {
        const go = () => other.go(path);
        await (path === '/nowhere' ? other.expecting(404, go) : go());
        await see(other.page.getByRole('complementary', { name: 'About this demo' }));
        await other.fits(path);
        await other.axe(`${path} on a telephone, ${colorScheme}`);
      }
      other.check();
      await other.leave();
    }
  });

  step('the other workspace is a switch away; a member changes nothing', async () => {
    await visitor.go(STORE);
    await page.locator('.switch.menu summary').click();
    await page.getByRole('link', { name: 'Acme Wholesale' }).click();
    await page.waitForURL(/acme-wholesale/);
    await see(row(page, 'Wholesale shop'));
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(/\/sign-in|\/$/);
    await signIn('bruno');
    await see(row(page, 'Loja principal'));
    assert.equal(await page.getByRole('link', { name: /^(Edit|Rename|Delete|Create)/ }).count(), 0);
  });
});
