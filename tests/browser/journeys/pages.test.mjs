// Every page: accessible in light and in dark, no wider than a small telephone, nothing kept in the browser (T064).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { PERSON, useStage } from '../stage/stage.mjs';
import * as steps from './steps.mjs';

const { at, fill, mailValues, saveButton, see, status, submit } = steps;
const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const LONG = `Very long name ${'of a credential that somebody pasted '.repeat(5)}`.slice(0, 120);

/** Answers that are no pages: two health checks, two forwardings, two files. */
const NO_PAGE = ['/health/live', '/health/ready', '/', '/w/{slug}', '/w/{slug}/audit.jsonl', '/w/{slug}/audit.csv'];

/** Pages that a mail, another service or half a sign-in leads to; these have journeys of their own. */
const FROM_OUTSIDE = ['/sign-in/second-factor', '/invitations/{id}', '/password/reset/{id}', '/account/email/{id}', '/oauth/callback',
  '/w/{slug}/flows/{id}', '/w/{slug}/apps/{integration}'];

/** Every address of the route table that can be opened. */
function pagesOfTheRouteTable() {
  const table = readFileSync(join(import.meta.dirname, '../../../src/web/routes.rs'), 'utf8');
  const found = [...table.matchAll(/\bget(?:\.clone\(\))?,\s*"([^"]+)"/g)].map((match) => match[1]);
  assert.ok(found.length > 15, 'the route table could not be read');
  const pages = found.map((path) => path.replace(/\{(block|flow|invitation|mail|member|token)\}/g, '{id}'));
  return pages.filter((path) => !NO_PAGE.includes(path) && !FROM_OUTSIDE.includes(path));
}

/** Pages that no link leads to from the list, and that must be among those looked at. */
const KNOWN = ['/credentials/new?integration=smtp&method=password', '/credentials/new?integration=openai', '/credentials/new?integration=shopify',
  '/credentials/new?integration=google-sheets', '/credentials?q=nothing-like-this', '/integrations/smtp', '/credentials/deleted', '/bots', '/members', '/invitations', '/mail', '/settings', '/departure'];

/** The same outside of a workspace. */
const OF_A_PERSON = ['/confirm', '/support', '/account/password', '/account/email', '/account/sessions'];

const WEBSITE = (name) => ({
  integration: 'website', method: 'webhook', name,
  values: { 'f.url': 'https://hooks.example.com/a', 'f.signing_secret': 'whsec-0123456789abcdef0123456789abcdef' },
});

/** What every credential's pages are called. */
const OF_A_CREDENTIAL = ['', '/edit', '/name', '/rotation', '/replacement', '/suspension', '/test-mail', '/deletion'];

describe('every page', () => {
  const stage = useStage({ name: 'pages' });
  const { step } = stage;
  const looked = new Map();
  let visitor;
  let page;

  /** Looks at the page that is open in both colour schemes and at two widths. */
  const look = async (what) => {
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await visitor.axe(`${what} (${colorScheme})`);
      await visitor.picture(`page ${what} ${colorScheme}`);
    }
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    for (const width of [390, 320]) {
      await page.setViewportSize({ width, height: 800 });
      await visitor.fits(`${what} at ${width} px`);
      if (width === 390) await visitor.axe(`${what} (narrow)`);
    }
    await visitor.picture(`page ${what} narrow`);
    await page.setViewportSize({ width: 1280, height: 900 });
    await visitor.keepsNothing();
  };

  /** The same page with another id or another page of rows is the same page. */
  const pattern = (address) => {
    const url = new URL(address);
    const names = [...url.searchParams.keys()].sort().join('&');
    return url.pathname.replace(ID, '{id}').replace(/\/integrations\/[^/]+$/, '/integrations/{id}') + (names ? `?${names}` : '');
  };

  const lookAt = async (path) => {
    const key = pattern(new URL(path, stage.console.url).href);
    const status = await visitor.go(path);
    assert.equal(status, 200, `${path} answered ${status}`);
    await look(key);
    looked.set(key, path);
  };

  step('before signing in: first run, sign-in, its refusal', async () => {
    visitor = await stage.arrive();
    page = visitor.page;
    await lookAt(stage.console.setupPath());
    await lookAt('/sign-in');
    await lookAt('/password/forgot');
    await visitor.go(stage.console.setupPath());
    await fill(page, { workspace: 'Short', email: 'a@example.test', password: 'short' });
    await visitor.expecting(422, () => submit(page, page.getByRole('button', { name: 'Create workspace' })));
    await look('setup refused');
    await steps.setUp(visitor, stage);
  });

  step('the empty list', async () => {
    await visitor.go(at('/credentials'));
    await look('empty list');
  });

  let working;
  step('the form that was refused', async () => {
    await visitor.go(at('/credentials/new?integration=smtp&method=password'));
    await fill(page, { name: LONG, ...mailValues(stage.mail, 'wrong-password') });
    await visitor.expecting(422, () => submit(page, saveButton(page)));
    await look('form refused');
    await visitor.go(at('/credentials/new?integration=smtp&method=password'));
    await page.locator('#credential').evaluate((form) => { form.noValidate = true; });
    await visitor.expecting(422, () => submit(page, saveButton(page)));
    await look('form empty refused');
  });

  step('a working, a broken and an unverified credential', async () => {
    const make = (name, server) => steps.create(visitor, {
      integration: 'smtp', method: 'password', name, values: mailValues(server, server.password),
    });
    working = await make(LONG, stage.mail);
    const broken = await make('Broken one', stage.otherMail);
    stage.otherMail.password = 'changed-2';
    await visitor.go(broken);
    await submit(page, page.getByRole('main').getByRole('button', { name: /verify|try again/i }).first());
    const gone = await steps.create(visitor, WEBSITE('Gone'));
    await visitor.go(`${gone}/deletion`);
    await submit(page, steps.deleteButton(page));
    await visitor.go(broken);
    await see(status(page, 'broken'));
    await look('credential broken');
    for (const path of OF_A_CREDENTIAL) await lookAt(`${working}${path}`);
    for (const path of KNOWN) await lookAt(at(path));
    for (const path of OF_A_PERSON) await lookAt(path);
  });

  step('a bot with a block and a token, and somebody who is invited', async () => {
    const origin = stage.console.url;
    const post = async (path, form) => {
      const reply = await page.request.post(origin + path, { form, maxRedirects: 0, headers: { origin } });
      assert.equal(reply.status(), 303, `${path} answered ${reply.status()}`);
      return reply.headers().location;
    };
    const bot = await post(at('/bots'), { name: 'Greeter' });
    await post(`${bot}/blocks`, { integration: 'smtp', label: 'Send', credential: working.match(ID)[0] });
    const shown = await post(`${bot}/tokens`, { name: 'Worker', scope: 'use' });
    await lookAt(shown);
    await lookAt(await post(at('/tokens'), { name: 'Pipeline' }));
    await post(at('/invitations'), { email: 'b@example.test', role: 'member' });
    await lookAt(bot);
  });

  step('every page that a link leads to', async () => {
    const waiting = [at('/credentials')];
    const queued = new Set();
    while (waiting.length > 0) {
      const path = waiting.shift();
      const key = pattern(new URL(path, stage.console.url).href);
      if (looked.has(key)) await visitor.go(path);
      else await lookAt(path);
      const links = await page.locator('a[href]').evaluateAll((all) => all.map((one) => one.href));
      for (const link of links) {
        const url = new URL(link);
        if (url.origin !== stage.console.url || url.pathname.startsWith('/static/') || /\.(jsonl|csv)$/.test(url.pathname)) continue;
        const next = pattern(link);
        if (queued.has(next)) continue;
        queued.add(next);
        waiting.push(url.pathname + url.search);
      }
      assert.ok(queued.size < 200, 'the links never end');
    }
    assert.ok(looked.size > 15, `only ${looked.size} pages were found`);
  });

  step('that was every page of the route table', () => {
    const seen = new Set([...looked.keys()].map((key) => key.split('?')[0].replace(`/w/${PERSON.slug}`, '/w/{slug}')
      .replace(/\/integrations\/\{id\}$/, '/integrations/{integration}')));
    const missed = pagesOfTheRouteTable().filter((path) => !seen.has(path));
    assert.deepEqual(missed, [], 'pages that nobody looked at');
  });

  step('errors: a page that is not there, in and outside a workspace', async () => {
    for (const path of [at('/credentials/01890000-0000-7000-8000-000000000000'), '/nothing-here', '/w/foreign/credentials']) {
      await visitor.expecting(404, () => visitor.go(path));
      await look(`error 404 ${path}`);
    }
  });

  step('two people at once: what differs, and a name that was taken meanwhile', async () => {
    await visitor.go(`${working}/edit`);
    const other = await visitor.context.newPage();
    await other.goto(`${working}/name`);
    await fill(other, { name: 'Renamed meanwhile' });
    await submit(other, other.getByRole('button', { name: 'Rename' }));
    await other.close();
    await fill(page, { description: 'Too late' });
    await visitor.expecting(409, () => submit(page, saveButton(page)));
    await see(page.locator('[data-code="stale_revision"]'));
    await look('stale edit');
    await steps.create(visitor, WEBSITE('Gone'));
    await visitor.go(at('/credentials/deleted'));
    await visitor.expecting(409, () => submit(page, page.getByRole('button', { name: 'Restore Gone' })));
    await look('restore needs another name');
    await fill(page, { name: 'Gone and back' });
    await submit(page, page.getByRole('button', { name: 'Restore Gone' }));
    await visitor.go(at('/credentials'));
    await see(steps.row(page, 'Gone and back'));
  });

  step('the theme by choice is kept, in a cookie or the account', async () => {
    await visitor.go('/account');
    await fill(page, { theme: 'dark' });
    await submit(page, page.getByRole('main').getByRole('button', { name: /save/i }).first());
    await visitor.go(at('/credentials'));
    await visitor.axe('the list, dark by choice');
    await visitor.picture('list dark by choice');
    const shade = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+(\.\d+)?/g).slice(0, 3).map(Number));
    assert.ok(shade.reduce((sum, one) => sum + one, 0) < 3 * 80, `the background is ${shade}`);
  });
});
