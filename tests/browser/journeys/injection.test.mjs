// Hostile text in everything that can be stored: it is shown as text, on every page, to everybody (T054, T055, T057).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { PROGRAM } from '../stage/files.mjs';
import { PERSON, useStage } from '../stage/stage.mjs';
import * as steps from './steps.mjs';

const { box, fill, saveButton, see, submit } = steps;
const RTL = '\u202e';
/** Everything that a browser or htmx might take for more than text. None may call `stung`, ask, or fetch. */
const FAMILIES = [
  '<script>stung(1)</script>', '"><script src=//evil.test/x.js></script>', '<svg onload=stung(2)>', '<svg><script>stung(3)</script></svg>',
  '<img src=x onerror=stung(4)>', '"><img src=//evil.test/i onerror=stung(5)>', '<iframe srcdoc="<script>parent.stung(6)</script>">',
  '<iframe src=javascript:stung(7)>', '<video><source onerror=stung(8)></video>', '<body onload=stung(9)>', '<details open ontoggle=stung(10)>',
  '<a href="javascript:stung(11)">x</a>', '<form action=//evil.test><button>x</button></form>', '<base href=//evil.test/>',
  '<meta http-equiv=refresh content="0;url=//evil.test">', '<link rel=stylesheet href=//evil.test/c.css>', '<style>*{background:url(//evil.test/b)}</style>',
  '<object data=//evil.test/o>', '<math><mtext><img src=x onerror=stung(12)>', '<input autofocus onfocus=stung(13)>',
  '" autofocus onfocus=stung(14) x="', '\' onmouseover=stung(15) x=\'', '{{7*7}}', '${7*7}', '{% raw %}', '</textarea><img src=x onerror=stung(16)>',
  '</title><img src=x onerror=stung(17)>', '--><img src=x onerror=stung(18)>', ']]><img src=x onerror=stung(19)>',
  '" hx-get="//evil.test/h" hx-trigger="load" x="', '<div hx-get=//evil.test/h hx-trigger=load></div>', '<p hx-on:click=stung(20) hx-on::load=stung(21)>',
  '<div data-hx-get=//evil.test/d data-hx-trigger=load></div>', '<div data-hx-on:click=stung(22)></div>', 'javascript:stung(23)',
  'data:text/html,<script>stung(24)</script>', `${RTL}gnp.exe`, '&lt;img src=x onerror=stung(25)&gt;', '&#60;svg onload=stung(26)&#62;',
  '\\"-stung(27)-\\"', '\u2028stung(28)\u2029', '=HYPERLINK("//evil.test","x")',
];
/** Names have at most so many characters. */
const LONGEST = 200;
const LONG = `${'<b>W'.repeat(60)}`.slice(0, LONGEST);
/** Short enough for a workspace, a person or a tag, and still hostile. */
const SHORT = '<svg onload=stung(40)>"{{7*7}}';
const AGENT = '<img src=x onerror=stung(41)>" onload=stung(42) {{7*7}}';
const OTHERS = { member: 'mila@example.test', support: 'sora@example.test' };
const OF_A_CREDENTIAL = ['', '/edit', '/name', '/rotation', '/deletion'];
const NAMES = [...FAMILIES, LONG];

describe('hostile text', () => {
  let slug;
  const at = (path) => `/w/${slug}${path}`;
  const stage = useStage({
    name: 'injection',
    prepare: ({ catalog }) => copyFileSync(join(import.meta.dirname, '../fixtures/loopback.toml'), join(catalog, 'loopback.toml')),
  });
  const { step } = stage;
  const addresses = [];
  let visitor;
  let page;

  /** A person in whose browser every sting is felt: a script that runs, an event of the policy, an element that should be text. */
  const arrive = async () => {
    const one = await stage.arrive();
    await one.context.setExtraHTTPHeaders({ 'user-agent': AGENT });
    await one.page.addInitScript(() => {
      globalThis.felt = [];
      globalThis.stung = (number) => globalThis.felt.push(`stung(${number}) ran`);
      document.addEventListener('securitypolicyviolation', (event) => globalThis.felt.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
    });
    return one;
  };

  /** The page as it stands: nothing ran, nothing was blocked, and nothing that was typed became an element. */
  const unharmed = async (who, what) => {
    const seen = await who.page.evaluate(() => ({
      felt: globalThis.felt,
      foreign: [...document.querySelectorAll('iframe, object, embed, video, math, base, style, body > script, main script, main meta, main link, '
        + '[onload], [onerror], [onfocus], [onclick], [onmouseover], [ontoggle], [data-hx-get], [data-hx-on\\:click]')].map((one) => one.outerHTML.slice(0, 120)),
      hx: [...document.querySelectorAll('*')].flatMap((one) => [...one.attributes]
        .filter((attribute) => attribute.name.startsWith('hx-on') || (attribute.name === 'hx-get' && !attribute.value.startsWith('/w/')))
        .map((attribute) => `${attribute.name}=${attribute.value}`)),
      links: [...document.querySelectorAll('a[href]')].map((one) => one.href).filter((href) => !/^https?:/.test(href)),
      reckoned: document.body.innerText.includes('49 ') && !document.body.innerText.includes('{{7*7}}'),
    }));
    assert.deepEqual(seen, { felt: [], foreign: [], hx: [], links: [], reckoned: false }, `${what} was harmed`);
  };

  const open = async (who, path, status = 200) => {
    const answered = status === 200 ? await who.go(path) : await who.expecting(status, () => who.go(path));
    assert.equal(answered, status, path);
    await unharmed(who, path);
  };

  step('T054: the workspace, its admin and its members are named with it', async () => {
    visitor = await arrive();
    page = visitor.page;
    await visitor.go(stage.console.setupPath());
    await fill(page, { workspace: SHORT, email: PERSON.email, password: PERSON.password });
    await page.getByRole('button', { name: 'Create workspace' }).click();
    await page.waitForURL(/\/w\//);
    slug = new URL(page.url()).pathname.split('/')[2];
    await unharmed(visitor, 'the empty list');
    await visitor.go('/account');
    await fill(page, { name: `${SHORT}${RTL}` });
    await submit(page, page.getByRole('button', { name: 'Save' }));
    await unharmed(visitor, 'the account');
    const file = join(stage.scratch.path, 'password');
    writeFileSync(file, PERSON.password);
    const env = { PATH: process.env.PATH, HOME: stage.scratch.path, ...stage.console.settings };
    for (const [role, email] of Object.entries(OTHERS)) {
      execFileSync(PROGRAM, ['member', 'add', '--workspace', slug, '--email', email, '--role', role, '--password-file', file], { env, stdio: 'pipe' });
    }
  });

  step('T054: each family is the name, the description, the tag and a plain value of a credential', async () => {
    for (const [index, text] of NAMES.entries()) {
      const answer = await visitor.context.request.post(`${stage.console.url}${at('/credentials')}`, {
        headers: { origin: stage.console.url, 'user-agent': AGENT },
        maxRedirects: 0,
        form: {
          integration: 'website', method: 'webhook', name: text, description: `${text} ${text}`.slice(0, 900), environment: 'production',
          tags: text.replaceAll(',', ' ').slice(0, 40),
          'f.url': `https://hooks.example.com/${encodeURIComponent(text).slice(0, 300)}?a="><svg/onload=stung(${50 + index})>`,
          'f.signing_secret': `whsec-0123456789abcdef0123456789${index}`,
        },
      });
      const status = answer.status();
      // Some of it is refused, such as characters that end a line: then the refusal must be harmless.
      assert.ok(status === 303 || status === 422, `${text} was answered with ${status}`);
      if (status === 303) addresses.push(new URL(answer.headers().location, stage.console.url).pathname);
    }
    assert.ok(addresses.length >= NAMES.length - 4, `only ${addresses.length} of ${NAMES.length} were stored`);
  });

  step('T054: a form that is refused comes back with it in every box', async () => {
    for (const text of ['" autofocus onfocus=stung(14) x="', '</textarea><img src=x onerror=stung(16)>', '" hx-get="//evil.test/h" hx-trigger="load" x="', LONG]) {
      await visitor.go(at('/credentials/new?integration=smtp&method=password'));
      await page.locator('#credential').evaluate((form) => { form.noValidate = true; });
      await fill(page, { 'f.host': text, 'f.user': text, name: text, description: text, tags: text });
      await page.waitForLoadState('networkidle');
      await unharmed(visitor, 'the redrawn fields');
      await visitor.expecting(422, () => submit(page, saveButton(page)));
      await unharmed(visitor, 'the refused form');
      assert.equal(await box(page, 'f.user').inputValue(), text);
    }
  });

  step('T055: fragments: search, verifying from a row, the dialog that asks', async () => {
    await visitor.go(at('/credentials'));
    for (const text of ['<svg', '"><img', '{{7*7}}', "' onmouseover"]) {
      await page.fill('#q', text);
      await page.waitForURL((url) => url.searchParams.get('q') === text);
      await unharmed(visitor, `the search for ${text}`);
    }
    await visitor.go(at('/credentials'));
    for (const number of [0, 1, 2]) {
      await page.getByRole('link', { name: /^Delete/ }).nth(number).click();
      await see(page.locator('#dialog #deletion'));
      await unharmed(visitor, 'the dialog');
      await page.keyboard.press('Escape');
    }
  });

  step('T055: renaming, its refusal, deleting, and what is deleted', async () => {
    const [first, second] = addresses;
    await visitor.go(`${first}/name`);
    const taken = FAMILIES[1];
    await fill(page, { name: taken });
    await visitor.expecting(422, () => submit(page, page.getByRole('button', { name: 'Rename' })));
    await unharmed(visitor, 'the refused name');
    await fill(page, { name: `${taken} too` });
    await submit(page, page.getByRole('button', { name: 'Rename' }));
    await unharmed(visitor, 'the renamed credential');
    await visitor.go(`${second}/edit`);
    const other = await visitor.context.newPage();
    await other.goto(`${second}/name`);
    await fill(other, { name: '<svg onload=stung(43)> meanwhile' });
    await submit(other, other.getByRole('button', { name: 'Rename' }));
    await other.close();
    await fill(page, { description: '<svg onload=stung(44)> too late' });
    await visitor.expecting(409, () => submit(page, saveButton(page)));
    await unharmed(visitor, 'what differs');
    await visitor.go(`${first}/deletion`);
    await submit(page, steps.deleteButton(page));
    addresses.shift();
    await open(visitor, at('/credentials/deleted'));
    await open(visitor, first, 404);
  });

  step('T055: error pages of hostile addresses', async () => {
    for (const path of ['/%3Csvg%20onload=stung(45)%3E', at('/credentials/%22%3E%3Cimg%20src=x%20onerror=stung(46)%3E'), at('/integrations/%7B%7B7*7%7D%7D')]) await open(visitor, path, 404);
    await open(visitor, at('/credentials?status=%3Csvg%20onload=stung(47)%3E'), 400);
    for (const query of ['q', 'integration']) await open(visitor, at(`/credentials?${query}=%22%3E%3Csvg%20onload=stung(48)%3E`));
    await open(visitor, at('/credentials/new?find=%22%3E%3Csvg%20onload=stung(49)%3E'));
    await open(visitor, at('/integrations?find=%3C/script%3E%3Csvg%20onload=stung(49)%3E'));
  });

  step('T057: what a service answers is never drawn', async () => {
    const values = { 'f.base_url': `http://127.0.0.1:${stage.web.port}`, 'f.token': 'token-0123456789abcdef' };
    for (const answer of ['page', 'refused', 'lying', 'down']) {
      stage.web.answer = answer;
      await visitor.go(at('/credentials/new?integration=loopback&method=token'));
      await fill(page, { name: `Answer ${answer}`, ...values });
      await visitor.expecting(422, () => submit(page, saveButton(page)));
      await unharmed(visitor, `the refusal of ${answer}`);
      assert.ok(!(await page.content()).includes('MARKER-BODY'), `the body of ${answer} is on the page`);
    }
  });

  step('T055, T057: an account whose name is hostile, verified from its row', async () => {
    stage.web.answer = 'hostile';
    await visitor.go(at('/credentials/new?integration=loopback&method=token'));
    await fill(page, { name: '<svg onload=stung(61)>', 'f.base_url': `http://127.0.0.1:${stage.web.port}`, 'f.token': 'token-0123456789abcdef' });
    await submit(page, saveButton(page));
    await page.waitForURL(steps.CREDENTIAL);
    await see(page.getByText('onerror=stung(60)'));
    await unharmed(visitor, 'the credential');
    addresses.unshift(new URL(page.url()).pathname);
    await visitor.go(at('/credentials'));
    await see(page.locator('[id^="row-"]').first().getByText('onerror=stung(60)'));
    await submit(page, page.getByRole('button', { name: /^Verify/ }).first());
    await see(steps.status(page.locator('[id^="row-"]').first(), 'working'));
    await unharmed(visitor, 'the row');
    stage.web.answer = 'good';
  });

  step('T054: every page, as admin', async () => {
    for (const path of ['/credentials', '/credentials?sort=name', '/credentials/new', '/credentials/deleted', '/integrations', '/integrations/website']) await open(visitor, at(path));
    await open(visitor, '/account');
    for (const address of addresses) await open(visitor, address);
    // Their forms are drawn by the same templates: some of each kind of quote are enough.
    for (const address of addresses.filter((_, index) => index % 8 === 0)) {
      for (const path of OF_A_CREDENTIAL) await open(visitor, `${address}${path}`);
    }
  });

  for (const [role, email] of Object.entries(OTHERS)) {
    step(`T054: every page, as ${role}`, async () => {
      const other = await arrive();
      await other.go('/sign-in');
      await fill(other.page, { email, password: PERSON.password });
      await other.page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await other.page.waitForURL(/\/w\//);
      for (const path of ['/credentials', '/integrations', '/integrations/website']) await open(other, at(path));
      for (const address of addresses.filter((_, index) => index % 3 === 0)) await open(other, address);
      for (const path of OF_A_CREDENTIAL.slice(1)) await open(other, `${addresses[0]}${path}`, 403);
      await other.leave();
    });
  }

  step('the watch itself works: what is put into a page on purpose is felt', async () => {
    await visitor.go(at('/credentials'));
    await page.evaluate(() => {
      const image = document.createElement('img');
      image.src = 'data:image/gif;base64,R0lGODlhAQABAAAAACw=';
      document.querySelector('main').append(image, document.createElement('iframe'));
    });
    await page.waitForFunction(() => globalThis.felt.some((one) => one.startsWith('img-src')));
    await assert.rejects(() => unharmed(visitor, 'the prepared page'), /img-src.*<iframe/s);
    assert.ok(visitor.problems.length > 0, 'the violation was not in the log of the browser');
    visitor.problems.length = 0;
  });
});
