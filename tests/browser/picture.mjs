// Takes the picture of the README from the demo: docs/list.png, light, twice as fine as a usual screen.
//
//   cargo build --release && CREDENZA_BIN=target/release/credenza node tests/browser/picture.mjs
//
// With a folder as its argument it takes pictures of many pages into that folder instead, to be looked at.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { launch } from './stage/chromium.mjs';
import { Demo } from './stage/demo.mjs';

const README = resolve(import.meta.dirname, '../../docs/list.png');
const SCREEN = { width: 1360, height: 900 };
const PHONE = { width: 390, height: 844 };
const STORE = '/w/acme-store';

const demo = await new Demo().start();
const browser = await launch();

/** Somebody of the demo at a browser of this size and colour. */
async function arrive(who, viewport = SCREEN, colorScheme = 'light') {
  const context = await browser.newContext({
    baseURL: demo.url, viewport, colorScheme, deviceScaleFactor: 2, locale: 'en-GB', reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.goto('/sign-in');
  await page.locator('[name=email]').fill(`${who}@acme.example`);
  await page.locator('[name=password]').fill(demo.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL(/\/w\//);
  return page;
}

/** The page, as far as a person sees it or to its end, but not further than two long screens. */
async function take(page, path, file, { whole = true } = {}) {
  if (path) await page.goto(path);
  await page.waitForLoadState('networkidle');
  const { width, height } = await page.evaluate(() => document.documentElement.getBoundingClientRect());
  await page.screenshot({ path: file, fullPage: whole, ...(whole && { clip: { x: 0, y: 0, width, height: Math.min(height, 1900) } }) });
}

/** The address of the credential of this name. */
const find = (page, name) => page.getByRole('link', { name, exact: true }).getAttribute('href');

async function everything(folder) {
  mkdirSync(folder, { recursive: true });
  for (const colour of ['light', 'dark']) {
    for (const [size, viewport] of [['wide', SCREEN], ['narrow', PHONE]]) {
      const at = (name) => join(folder, `${name}-${size}-${colour}.png`);
      const page = await arrive('ana', viewport, colour);
      await take(page, `${STORE}/credentials`, at('list'));
      const [broken, working] = [await find(page, 'Stripe Brazil'), await find(page, 'Loja principal')];
      await take(page, broken, at('broken'));
      await take(page, working, at('working'));
      await take(page, `${STORE}/credentials/new`, at('gallery'));
      await take(page, `${STORE}/credentials/new?integration=smtp&method=password`, at('form'));
      await take(page, `${working}/edit`, at('edit'));
      await take(page, `${STORE}/credentials/deleted`, at('deleted'));
      await take(page, `${STORE}/integrations/stripe`, at('guide'));
      await page.goto(`${STORE}/credentials`);
      await page.locator('[id^="row-"]').first().getByRole('link', { name: /^Delete/ }).click();
      await page.locator('dialog[open]').waitFor();
      await take(page, null, at('deletion'), { whole: false });
      for (const who of ['bruno', 'sofia']) {
        const other = await arrive(who, viewport, colour);
        await take(other, `${STORE}/credentials`, at(`list-${who}`), { whole: false });
        await take(other, broken, at(`broken-${who}`));
        await other.context().close();
      }
      await page.context().close();
    }
  }
}

try {
  const folder = process.argv[2];
  if (folder) await everything(folder);
  else await take(await arrive('ana'), `${STORE}/credentials`, README, { whole: false });
} finally {
  await browser.close();
  await demo.stop();
}
