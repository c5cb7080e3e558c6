// The whole life of a bot, with JavaScript and without: its blocks, its token, and a credential that is taken from it.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { curl } from '../stage/curl.mjs';
import { useStage } from '../stage/stage.mjs';
import * as steps from './steps.mjs';

const { at, box, fill, mailValues, row, saveButton, see, status, submit } = steps;
const BOT = 'Order confirmations';
const MAIL = 'Shop mail';
const RELAY = 'Office relay';
const OTHER = 'Website events';

for (const javaScript of [true, false]) {
  describe(`a bot, JavaScript ${javaScript ? 'on' : 'off'}`, () => {
    const stage = useStage({ name: `bots js ${javaScript ? 'on' : 'off'}` });
    const { step } = stage;
    let visitor;
    let page;
    let bot;
    let mail;
    let token;

    const button = (name) => page.getByRole('main').getByRole('button', { name });
    const link = (name) => page.getByRole('main').getByRole('link', { name });
    const ask = (path) => curl(stage.console.url + path, token);
    const looks = async (what) => {
      if (javaScript) await visitor.axe(what);
      await visitor.picture(`bots ${what} js ${javaScript}`);
    };
    /** What the drop-down of credentials offers. */
    const offered = () => box(page, 'credential').locator('option').allInnerTexts();

    step('a bot is registered', async () => {
      visitor = await stage.arrive({ javaScript });
      page = visitor.page;
      await steps.setUp(visitor, stage);
      await page.getByRole('navigation').getByRole('link', { name: 'Bots' }).click();
      await link('Register the first one').click();
      await fill(page, { name: BOT, description: 'Runs on the shop server' });
      await submit(page, button('Create bot'));
      await page.waitForURL(/\/bots\/[0-9a-f-]{36}/);
      bot = new URL(page.url()).pathname;
      await see(page.getByText('No blocks yet'));
    });

    step('a block leads to a new credential and back', async () => {
      await link('Add the first block').click();
      await fill(page, { integration: 'smtp' });
      await button('Next').click();
      await see(box(page, 'label'));
      assert.deepEqual(await offered(), ['None yet'], 'there is none of this service');
      await fill(page, { label: 'Send the confirmation' });
      await submit(page, button('Save, and create a credential for it'));
      await page.waitForURL(/\/credentials\/new\?.*block=/);
      await fill(page, { name: MAIL, ...mailValues(stage.mail, stage.mail.password) });
      await submit(page, saveButton(page));
      await page.waitForURL((url) => url.pathname === bot);
      await see(status(page, 'working'));
      mail = await link(MAIL).getAttribute('href');
      await see(page.getByText('its block works'));
      await looks('a bot with one block');
    });

    step('another block offers what fits, with its status', async () => {
      await steps.create(visitor, {
        integration: 'website', method: 'webhook', name: OTHER,
        values: { 'f.url': 'https://hooks.example.com/credenza', 'f.signing_secret': 'whsec-0123456789abcdef0123456789abcdef' },
      });
      await visitor.go(bot);
      await link('Add block').click();
      await link('SMTP').click();
      await see(box(page, 'label'));
      assert.deepEqual(await offered(), ['None yet', `${MAIL} (working)`]);
      await fill(page, { label: 'Send the invoice' });
      await box(page, 'credential').selectOption({ label: `${MAIL} (working)` });
      await looks('the form of a block');
      await submit(page, button('Add block'));
      await page.waitForURL((url) => url.pathname === bot);
      await see(page.getByText('all 2 blocks work'));
    });

    step('it is published', async () => {
      await link('Publish…').click();
      await submit(page, button('Publish'));
      await page.waitForURL((url) => url.pathname === bot);
      await see(page.getByRole('heading', { name: BOT }).getByText('published'));
    });

    step('its token is shown once', async () => {
      await link('Tokens').click();
      await fill(page, { name: 'Worker' });
      await page.getByLabel('Fetch values').setChecked(true);
      await submit(page, button('Make token'));
      await page.waitForURL(/\/tokens\/[0-9a-f-]{36}$/);
      token = (await page.locator('#token').innerText()).trim();
      assert.match(token, /^crdz_/);
      await looks('a token');
      await page.reload();
      await see(page.locator('[data-code="shown"]'));
      assert.ok(!(await page.content()).includes(token), 'the token was shown twice');
      await looks('a token that was shown');
    });

    step('the bot reads its secret with curl', async () => {
      const { status: code, body } = await ask('/api/v1/blocks/send-the-confirmation/secret');
      assert.equal(code, 200);
      assert.equal(body.values.password, stage.mail.password);
      assert.equal(body.handle, 'shop-mail');
      const listed = await ask('/api/v1/credentials');
      assert.deepEqual(listed.body.credentials.map((one) => one.handle), ['shop-mail'], 'only what its blocks choose');
      assert.equal((await ask('/api/v1/credentials/website-events/secret')).status, 404);
    });

    step('whoever deletes the credential is told who needs it', async () => {
      await visitor.go(at('/credentials'));
      await row(page, MAIL).getByRole('link', { name: /delete/i }).click();
      const asking = page.locator('#deletion');
      await see(asking.getByText('This breaks 2 blocks, 2 of published bots'));
      await see(asking.getByText('block “Send the invoice” · last used'));
      await looks('a deletion that breaks a bot');
      await visitor.go(`${mail}/deletion`);
      await fill(page, { confirm_name: 'something else' });
      await visitor.expecting(409, () => submit(page, steps.deleteButton(page)));
      await see(page.getByText(`${BOT} would notice`));
      await looks('a deletion that was refused');
      assert.equal((await ask('/api/v1/blocks/send-the-invoice/secret')).status, 200);
    });

    step('another credential takes over, and the bot notices nothing', async () => {
      await steps.create(visitor, {
        integration: 'smtp', method: 'password', name: RELAY, values: mailValues(stage.startTlsMail, stage.startTlsMail.password),
      });
      stage.startTlsMail.password = 'unlike-the-first-4';
      await visitor.go(`${new URL(page.url()).pathname}/rotation`);
      await fill(page, { 'f.password': stage.startTlsMail.password });
      await submit(page, saveButton(page));
      await page.waitForURL(steps.CREDENTIAL);
      await visitor.go(`${mail}/deletion`);
      await link('Replace it by another credential first').click();
      await box(page, 'target').selectOption({ label: `${RELAY} (working)` });
      await looks('a replacement');
      await submit(page, button('Replace'));
      await page.waitForURL((url) => url.pathname === `${mail}/deletion`);
      for (const key of ['send-the-confirmation', 'send-the-invoice']) {
        const { status: code, body } = await ask(`/api/v1/blocks/${key}/secret`);
        assert.equal(code, 200);
        assert.deepEqual([body.handle, body.values.password], ['office-relay', stage.startTlsMail.password], 'the same token');
      }
    });

    step('now it can be deleted', async () => {
      await see(page.getByText('No bot has a block for this SMTP credential'));
      // It was used a moment ago, so its name is asked for all the same.
      await fill(page, { confirm_name: MAIL });
      await submit(page, steps.deleteButton(page));
      assert.deepEqual(await steps.names(visitor, [MAIL, RELAY, OTHER]), [RELAY, OTHER]);
      assert.equal((await ask('/api/v1/credentials/shop-mail/secret')).status, 404);
      assert.equal((await ask('/api/v1/blocks/send-the-invoice/secret')).status, 200);
      await visitor.go(bot);
      await see(page.getByText('all 2 blocks work'));
      await looks('a bot with two blocks');
    });

    step('a revoked token opens nothing', async () => {
      await link('Tokens').click();
      await link('Revoke Worker').click();
      await submit(page, button('Revoke it'));
      const { status: code, body } = await ask('/api/v1/blocks/send-the-invoice/secret');
      assert.equal(code, 401);
      assert.equal(body.type, '/api/v1/problems/token-revoked');
    });

    step('neither token nor secret is kept or logged', async () => {
      for (const secret of [token, stage.mail.password, stage.startTlsMail.password]) assert.ok(!stage.console.output.includes(secret));
      if (javaScript) await visitor.keepsNothing();
    });
  });
}
