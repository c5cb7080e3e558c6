// Forms that change with what is chosen, and an operator's own integration against a service that answers in every way.
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { useStage } from '../stage/stage.mjs';
import * as steps from './steps.mjs';

const { at, box, fill, saveButton, see, status, submit } = steps;
const FIXTURE = join(import.meta.dirname, '../fixtures/loopback.toml');
const TOKEN = 'tok-CANARY-0123456789';

/** Answers that are refused when a person saves, with the words of the hint; the last column offers to save all the same. */
const REFUSED = [
  ['refused', /did not accept the key/i, false],
  ['forbidden', /refused/i, false],
  ['lying', /not as .* does/i, false],
  ['page', /not as .* does/i, false],
  ['huge', /not as .* does/i, false],
  ['redirect', /sent us elsewhere/i, false],
  ['limited', /limiting calls/i, true],
  ['down', /problem of its own/i, true],
  ['slow', /did not answer within/i, true],
];

for (const javaScript of [true, false]) {
  describe(`services, JavaScript ${javaScript ? 'on' : 'off'}`, () => {
    const stage = useStage({
      name: `services js ${javaScript ? 'on' : 'off'}`,
      prepare: ({ catalog }) => copyFileSync(FIXTURE, join(catalog, 'loopback.toml')),
    });
    const { step } = stage;
    const values = () => ({ 'f.base_url': `http://127.0.0.1:${stage.web.port}`, 'f.token': TOKEN });
    let visitor;
    let page;
    let address;

    step('first run', async () => {
      visitor = await stage.arrive({ javaScript });
      page = visitor.page;
      await steps.setUp(visitor, stage);
    });

    step('Shopify: the fields follow the method', async () => {
      await visitor.go(at('/credentials/new?integration=shopify'));
      await page.getByRole('link', { name: /access token of an existing custom app/i }).first().click();
      await page.waitForURL(/method=admin_token/);
      await see(box(page, 'f.access_token'));
      assert.equal(await box(page, 'f.client_id').count(), 0);
      await see(page.getByText('.myshopify.com').first());
      await page.getByRole('link', { name: /Dev Dashboard/i }).first().click();
      await page.waitForURL(/method=client_credentials/);
      await see(box(page, 'f.client_id'));
      await see(box(page, 'f.client_secret'));
      await see(box(page, 'f.shop'));
      assert.equal(await box(page, 'f.access_token').count(), 0);
      await visitor.picture(`shopify js ${javaScript}`);
    });

    step('Shopify: a malformed token is told apart before anybody is called', async () => {
      await visitor.go(at('/credentials/new?integration=shopify&method=admin_token'));
      await fill(page, { name: 'Shop', 'f.shop': 'acme', 'f.access_token': `shpss_${'a'.repeat(32)}` });
      await visitor.expecting(422, () => submit(page, saveButton(page)));
      await see(page.getByText(/shared secret/i));
      assert.equal(await box(page, 'f.shop').inputValue(), 'acme');
      await steps.secretsAreBlank(page);
    });

    step('OpenAI: the base address belongs to a compatible server', async () => {
      await visitor.go(at('/credentials/new?integration=openai&method=api_key'));
      const advanced = page.locator('details').filter({ has: box(page, 'f.custom') }).locator('summary').first();
      await advanced.click();
      if (javaScript) {
        assert.equal(await box(page, 'f.base_url').isVisible(), false, 'the base address is drawn before it is asked for');
        await fill(page, { name: 'Typed name', 'f.api_key': 'sk-typed-and-kept-0123456789' });
        await fill(page, { 'f.custom': true });
        await see(box(page, 'f.base_url'));
        assert.equal(await box(page, 'f.api_key').inputValue(), 'sk-typed-and-kept-0123456789', 'the key was lost on redraw');
        assert.equal(await box(page, 'name').inputValue(), 'Typed name');
        await visitor.picture('openai conditional field');
        await fill(page, { 'f.custom': false });
        await box(page, 'f.base_url').first().waitFor({ state: 'hidden' });
      } else {
        await see(box(page, 'f.base_url'));
        await see(page.getByText(/only if/i));
      }
    });

    step('the operator\'s own integration is in the gallery', async () => {
      await visitor.go(at('/credentials/new'));
      await steps.service(page, 'Loopback service').first().click();
      await page.waitForURL(/integration=loopback/);
      await see(page.getByText('Service address'));
    });

    for (const [answer, hint, offered] of REFUSED) {
      step(`an answer that is “${answer}” is refused with its hint`, async () => {
        stage.web.answer = answer;
        stage.web.requests.length = 0;
        await visitor.go(at('/credentials/new?integration=loopback&method=token'));
        await fill(page, { name: `Answer ${answer}`, ...values() });
        await visitor.expecting(422, () => submit(page, saveButton(page)));
        await see(page.getByText(hint));
        await see(page.locator('#banner[data-code]'));
        const html = await page.content();
        assert.ok(!html.includes('MARKER-BODY'), 'the service\'s own text is on the page');
        assert.ok(!html.includes(TOKEN), 'the token is on the page');
        assert.equal(await page.getByRole('button', { name: /without verifying/i }).count(), offered ? 1 : 0);
        assert.deepEqual(stage.web.requests.map((one) => `${one.method} ${one.path}`), ['GET /me'], 'one call, not followed, not repeated');
        assert.equal(stage.web.requests[0].headers.authorization, `Bearer ${TOKEN}`);
      });
    }

    step('a service that is down: saved without verifying, and it says so', async () => {
      stage.web.answer = 'down';
      await visitor.go(at('/credentials/new?integration=loopback&method=token'));
      await fill(page, { name: 'Loopback', ...values() });
      await visitor.expecting(422, () => submit(page, saveButton(page)));
      await fill(page, { 'f.token': TOKEN });
      await submit(page, page.getByRole('button', { name: /without verifying/i }));
      await page.waitForURL(steps.CREDENTIAL);
      address = new URL(page.url()).pathname;
      await see(status(page, 'unverified'));
    });

    const verify = async (answer) => {
      stage.web.answer = answer;
      await visitor.go(address);
      await submit(page, page.getByRole('main').getByRole('button', { name: /verify|try again/i }).first());
      await visitor.go(address);
    };

    step('once the service is back it is verified, and says as whom', async () => {
      await verify('good');
      await see(status(page, 'working'));
      await see(page.getByText(/Loopback account/));
    });

    step('refused later: red; limited later: as it was', async () => {
      await verify('limited');
      await see(status(page, 'working'));
      await verify('refused');
      await see(status(page, 'broken'));
      await verify('down');
      await see(status(page, 'broken'));
      await verify('good');
      await see(status(page, 'working'));
      if (javaScript) await visitor.keepsNothing();
    });
  });
}
