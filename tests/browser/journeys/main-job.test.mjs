// The main job, a saved and verified mail credential: in few clicks, and without a mouse. And what the first page costs.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { MAIL_USER, useStage } from '../stage/stage.mjs';
import { weigh } from '../stage/wire.mjs';
import * as steps from './steps.mjs';

const { at, box, createLink, fill, saveButton, see, service, status } = steps;
const MOST_CLICKS = 6;
const MOST_REQUESTS = 10;
const MOST_BYTES = 60 * 1024;
const ROWS = 60;

/** Presses Tab until the focus is on the element, as a person without a mouse does. */
async function tabTo(page, locator, limit = 120) {
  for (let pressed = 0; pressed < limit; pressed += 1) {
    if (await locator.first().evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab never came to ${locator}`);
}

describe('the main job', () => {
  const stage = useStage({ name: 'main job' });
  const { step } = stage;
  let visitor;
  let page;

  step('first run', async () => {
    visitor = await stage.arrive();
    page = visitor.page;
    await steps.setUp(visitor, stage);
  });

  step(`at most ${MOST_CLICKS} clicks from the list to the saved credential`, async () => {
    await visitor.go(at('/credentials'));
    let clicks = 0;
    const click = async (locator) => {
      clicks += 1;
      await locator.first().click();
    };
    await click(createLink(page));
    await page.waitForURL(/\/credentials\/new/);
    await click(service(page, 'SMTP'));
    await page.waitForURL(/integration=smtp/);
    await click(box(page, 'name'));
    await page.keyboard.type('By mouse');
    // From here on Tab leads from box to box; typing is not clicking.
    for (const [name, value] of [['f.host', '127.0.0.1'], ['f.port', String(stage.mail.port)], ['f.user', MAIL_USER]]) {
      await tabTo(page, box(page, name));
      await page.keyboard.press('Control+A');
      await page.keyboard.type(value);
    }
    await tabTo(page, box(page, 'f.password'));
    await page.keyboard.type(stage.mail.password);
    await click(saveButton(page));
    await page.waitForURL(steps.CREDENTIAL);
    await see(status(page, 'working'));
    assert.ok(clicks <= MOST_CLICKS, `${clicks} clicks`);
  });

  step('without a mouse', async () => {
    await visitor.go(at('/credentials'));
    await tabTo(page, createLink(page));
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/credentials\/new/);
    await tabTo(page, service(page, 'SMTP'));
    await page.keyboard.press('Enter');
    await page.waitForURL(/integration=smtp/);
    await tabTo(page, box(page, 'name'));
    await page.keyboard.type('By keyboard');
    for (const [name, value] of [['f.host', '127.0.0.1'], ['f.port', String(stage.mail.port)], ['f.user', MAIL_USER]]) {
      await tabTo(page, box(page, name));
      await page.keyboard.press('Control+A');
      await page.keyboard.type(value);
    }
    await tabTo(page, box(page, 'f.password'));
    await page.keyboard.type(stage.mail.password);
    await tabTo(page, saveButton(page));
    await page.keyboard.press('Enter');
    await page.waitForURL(steps.CREDENTIAL);
    await see(status(page, 'working'));
    assert.deepEqual(await steps.names(visitor, ['By mouse', 'By keyboard']), ['By keyboard', 'By mouse']);
  });

  step('choosing the encryption sets its port', async () => {
    await visitor.go(at('/credentials/new?integration=smtp&method=password'));
    await fill(page, { 'f.tls': 'starttls' });
    assert.equal(await box(page, 'f.port').inputValue(), '587');
    await fill(page, { 'f.tls': 'implicit' });
    assert.equal(await box(page, 'f.port').inputValue(), '465');
  });

  step('keys: / searches, n begins a new one, ? helps', async () => {
    await visitor.go(at('/credentials'));
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('name')), 'q');
    await page.keyboard.type('keyb');
    await page.waitForURL(/q=keyb/);
    await see(steps.row(page, 'By keyboard'));
    await steps.row(page, 'By mouse').waitFor({ state: 'hidden' });
    await visitor.go(at('/credentials'));
    await page.keyboard.press('?');
    await see(page.getByRole('dialog'));
    await visitor.axe('the help on keys');
    await page.keyboard.press('Escape');
    await page.keyboard.press('n');
    await page.waitForURL(/\/credentials\/new/);
  });

  step(`the list with a full page: at most ${MOST_REQUESTS} requests and ${MOST_BYTES / 1024} KiB with nothing cached`, async () => {
    for (let number = 1; number <= ROWS; number += 1) {
      const answer = await visitor.context.request.post(`${stage.console.url}${at('/credentials')}`, {
        headers: { origin: stage.console.url },
        maxRedirects: 0,
        form: {
          integration: 'website', method: 'webhook', name: `Website number ${number}`, environment: number % 2 ? 'production' : 'test',
          'f.url': `https://hooks.example.com/number-${number}`, 'f.signing_secret': `whsec-0123456789abcdef0123456789${number}`,
        },
      });
      assert.equal(answer.status(), 303, await answer.text());
    }
    const cold = await stage.arrive();
    await cold.context.addCookies(await visitor.context.cookies());
    const cost = await weigh(cold, at('/credentials'));
    console.log(`the list: ${cost.requests} requests, ${cost.bytes} bytes\n${cost.table}`);
    assert.equal(cost.cached, 0);
    assert.ok((await cold.page.locator('[id^="row-"]').count()) >= 25, 'the page was not full');
    assert.ok(cost.requests <= MOST_REQUESTS, `${cost.requests} requests:\n${cost.table}`);
    assert.ok(cost.bytes <= MOST_BYTES, `${cost.bytes} bytes:\n${cost.table}`);
  });

  step('the next page of the list holds the rest', async () => {
    await visitor.go(at('/credentials'));
    const seen = new Set();
    for (let turn = 0; turn < 10; turn += 1) {
      for (const id of await page.locator('[id^="row-"]').evaluateAll((rows) => rows.map((one) => one.id))) {
        assert.ok(!seen.has(id), `${id} came twice`);
        seen.add(id);
      }
      const next = page.getByRole('link', { name: 'Next page' });
      if ((await next.count()) === 0) break;
      const before = page.url();
      await next.first().click();
      await page.waitForURL((url) => url.href !== before);
      await page.waitForLoadState('networkidle');
    }
    assert.equal(seen.size, ROWS + 2);
  });
});
