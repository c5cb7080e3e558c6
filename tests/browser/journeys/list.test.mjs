// The list and the form while they are used: filters that add up, focus that stays, refusals that are told in place.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { useStage } from '../stage/stage.mjs';
import * as steps from './steps.mjs';

const { at, box, create, fill, mailValues, row, see, status } = steps;
const WEBSITE = { 'f.url': 'https://hooks.example.com/a', 'f.signing_secret': 'whsec-0123456789abcdef0123456789abcdef' };
/** More attempts than any limit on checks of one credential lets through. */
const MOST_ATTEMPTS = 30;

describe('the list in use', () => {
  const stage = useStage({ name: 'list' });
  const { step } = stage;
  let visitor;
  let page;
  const focused = (property) => page.evaluate((name) => document.activeElement[name], property);

  step('three credentials', async () => {
    visitor = await stage.arrive();
    page = visitor.page;
    await steps.setUp(visitor, stage);
    await create(visitor, { integration: 'smtp', method: 'password', name: 'Newsletter mail', values: mailValues(stage.mail, stage.mail.password) });
    await create(visitor, { integration: 'website', method: 'webhook', name: 'Newsletter page', values: { ...WEBSITE, environment: 'test' } });
    await create(visitor, { integration: 'website', method: 'webhook', name: 'Shop chat', values: { ...WEBSITE, environment: 'production' } });
  });

  step('a search, a choice and a chip add up, are in the address, and Back undoes them', async () => {
    await visitor.go(at('/credentials'));
    await page.fill('#q', 'newsl');
    await page.waitForURL(/q=newsl/);
    await row(page, 'Shop chat').waitFor({ state: 'hidden' });
    assert.equal(await page.locator('#said').textContent(), '2 credentials');
    const searched = page.url();
    await page.getByRole('navigation', { name: 'Status' }).getByRole('link', { name: /^Unverified/ }).click();
    await page.waitForURL(/status=unverified/);
    assert.match(page.url(), /q=newsl/);
    assert.equal(await page.locator('[id^="row-"]').count(), 1);
    await see(row(page, 'Newsletter page'));
    await page.locator('select[name=environment]').selectOption('production');
    await page.waitForURL(/environment=production/);
    await see(page.getByText('Nothing found'));
    await page.goBack();
    assert.equal(page.url(), searched);
    assert.equal(await page.locator('#q').inputValue(), 'newsl');
    await visitor.keepsNothing();
  });

  step('verifying from a row leaves the focus where it was', async () => {
    await visitor.go(at('/credentials'));
    const button = row(page, 'Newsletter mail').getByRole('button', { name: /verify/i });
    await button.focus();
    const id = await focused('id');
    await steps.submit(page, button);
    await see(status(row(page, 'Newsletter mail'), 'working'));
    await page.waitForFunction((name) => document.activeElement.id === name, id);
  });

  step('too many checks: it is said below the row, and the row stays', async () => {
    await visitor.expecting(429, async () => {
      for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
        const answer = await steps.submit(page, row(page, 'Newsletter mail').getByRole('button', { name: /verify/i }));
        if (answer.status() === 429) break;
        await see(status(row(page, 'Newsletter mail'), 'working'));
        await page.waitForLoadState('networkidle');
      }
    });
    await see(page.getByRole('alert').getByText(/too many attempts/i));
    assert.equal(await page.locator('[id^="row-"]').count(), 3);
    assert.equal(await page.locator('main').count(), 1, 'a page was put into the page');
    await visitor.axe('the list with a refusal');
  });

  step('the dialog that asks: nothing is deleted by pressing Enter twice, and Escape leads back', async () => {
    await visitor.go(at('/credentials'));
    const link = row(page, 'Shop chat').getByRole('link', { name: /delete/i });
    await link.focus();
    await page.keyboard.press('Enter');
    await see(page.locator('#dialog #deletion'));
    assert.equal(await focused('textContent'), 'Cancel');
    await page.keyboard.press('Escape');
    assert.match(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), /Delete Shop chat/);
  });

  step('a secret that was typed survives the redrawing of the fields around it', async () => {
    await visitor.go(at('/credentials/new?integration=smtp&method=password'));
    await fill(page, { 'f.user': 'robot@example.test' });
    await fill(page, { 'f.password': 'typed-and-kept' });
    await fill(page, { 'f.user': '' });
    await box(page, 'f.password').waitFor({ state: 'hidden' });
    await fill(page, { 'f.user': 'somebody@example.test' });
    await box(page, 'f.password').waitFor({ state: 'visible' });
    assert.equal(await box(page, 'f.password').inputValue(), 'typed-and-kept');
    assert.equal(await focused('name'), 'f.user');
  });

  step('a live key in a form that says test is pointed out while it is typed', async () => {
    await visitor.go(at('/credentials/new?integration=stripe'));
    await fill(page, { environment: 'test', 'f.secret_key': `sk_${'live'}_0123456789abcdef01234567` });
    await see(page.getByText('This is a live key, but the environment says test.'));
    await fill(page, { environment: 'production' });
    await page.getByText('This is a live key, but the environment says test.').waitFor({ state: 'hidden' });
  });

  step('T063: after signing out, Back leads to the sign-in page and not to what was seen before', async () => {
    await visitor.go(at('/credentials'));
    await row(page, 'Newsletter mail').getByRole('link', { name: 'Newsletter mail', exact: true }).click();
    await see(page.getByRole('heading', { name: 'Newsletter mail' }));
    await steps.submit(page, page.getByRole('button', { name: /sign out/i }));
    await page.waitForURL(/\/sign-in/);
    for (let times = 0; times < 2; times += 1) {
      await page.goBack();
      await page.waitForURL(/\/sign-in/);
      assert.equal(await page.getByText('Newsletter mail').count(), 0, 'what was seen before is shown');
    }
    // T064: nothing but cookies stays, before and after.
    await visitor.keepsNothing();
  });
});
