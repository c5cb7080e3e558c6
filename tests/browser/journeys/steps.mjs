// What a person does in more than one journey, and how what they see is read.
import assert from 'node:assert/strict';
import { MAIL_USER, PERSON } from '../stage/stage.mjs';

/** A status by its value (`working`, `broken`, …), within a page or a row: drawn as an icon and a word. */
export const status = (within, value) => within.locator(`[data-status="${value}"]`);

/** The box of a field: the product's own (`name`) or the catalogue's (`f.host`). */
export const box = (page, name) => page.locator(`[name="${name}"]:not([type="hidden"])`);

/** Waits until something can be seen. */
export const see = (locator) => locator.first().waitFor({ state: 'visible' });

/** The button that saves a credential's form. */
export const saveButton = (page) => page.getByRole('button', { name: 'Verify and save' });

/** The link that begins a new credential. */
export const createLink = (page) => page.getByRole('main').getByRole('link', { name: /^create/i });

/** A service in the gallery. */
export const service = (page, name) => page.getByRole('main').getByRole('link', { name: new RegExp(`^${name}`) });

/** The button of the page or dialog that asks whether to delete. */
export const deleteButton = (page) => page.locator('#deletion').getByRole('button', { name: 'Delete', exact: true });

/** A row of the list by the credential's name. */
export const row = (page, name) => page.locator('[id^="row-"]').filter({ hasText: name });

/** Fills boxes by their names; choices and switches as well as text. */
export async function fill(page, values) {
  for (const [name, value] of Object.entries(values)) {
    const one = box(page, name);
    const kind = await one.first().evaluate((element) => (element.tagName === 'SELECT' ? 'select' : element.type));
    if (kind === 'select') await one.selectOption(value);
    else if (kind === 'radio') await page.locator('label').filter({ has: page.locator(`[name="${name}"][value="${value}"]`) }).click();
    else if (kind === 'checkbox') await one.setChecked(value);
    else await one.fill(value);
  }
}

/** First run: makes the workspace and its admin; leaves the person signed in at the list. */
export async function setUp(visitor, stage) {
  const { page } = visitor;
  await visitor.go(stage.console.setupPath());
  await fill(page, { workspace: PERSON.workspace, email: PERSON.email, password: PERSON.password });
  await page.getByRole('button', { name: 'Create workspace' }).click();
  await page.waitForURL(/\/(sign-in|w\/)/);
  if (page.url().includes('/sign-in')) await signIn(visitor);
  await page.waitForURL(new RegExp(`/w/${PERSON.slug}/credentials`));
}

/** Signs in at the page that is open. */
export async function signIn({ page }) {
  await fill(page, { email: PERSON.email, password: PERSON.password });
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.waitForURL(/\/w\//);
}

/** The address of a page of the workspace. */
export const at = (path) => `/w/${PERSON.slug}${path}`;

/** The address of one credential's page, as it may end after a change. */
export const CREDENTIAL = /\/credentials\/[0-9a-f-]{36}(\?.*)?$/;

/** Presses the button and waits for the answer to the form (not for that of a redrawn field). */
export async function submit(page, button) {
  const answer = page.waitForResponse((response) => response.request().method() === 'POST' && !response.url().endsWith('/form'));
  await button.click();
  const response = await answer;
  await page.waitForLoadState('load');
  return response;
}

/** What is typed for a mail server that stands on the stage. */
export const mailValues = (server, password) => ({
  'f.host': '127.0.0.1',
  'f.tls': server.mode,
  'f.port': String(server.port),
  'f.user': MAIL_USER,
  'f.password': password,
});

/** Makes a credential through its form and stays on the page that follows; returns its address. */
export async function create(visitor, { integration, method, name, values }) {
  const { page } = visitor;
  await visitor.go(at(`/credentials/new?integration=${integration}&method=${method}`));
  await fill(page, { name, ...values });
  await submit(page, saveButton(page));
  await page.waitForURL(CREDENTIAL);
  return new URL(page.url()).pathname;
}

/** The names in the list, from the top. */
export async function names(visitor, known) {
  await visitor.go(at('/credentials'));
  const texts = await visitor.page.locator('[id^="row-"]').allInnerTexts();
  return texts.map((text) => known.find((name) => text.includes(name)) ?? text);
}

/** Fails unless every secret box of the page is empty. */
export async function secretsAreBlank(page) {
  const boxes = page.locator('[data-secret]');
  assert.ok((await boxes.count()) > 0, 'no secret box was drawn');
  for (const one of await boxes.all()) assert.equal(await one.inputValue(), '', 'a secret came back to the browser');
}
