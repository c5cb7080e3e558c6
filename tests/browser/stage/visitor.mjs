// A person at a browser: one context, one page, and an eye on everything that must not happen there.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { OUT, slug } from './files.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const STATUS_MESSAGE = /^Failed to load resource: the server responded with a status of \d+/;

export class Visitor {
  /** What went wrong in the browser since the last `check`. */
  problems = [];
  /** Other places that the journey leads to; what they serve is not ours to judge. */
  elsewhere = new Set();
  #expected = new Map();

  constructor(context, page, { base, javaScript }) {
    Object.assign(this, { context, page, base, javaScript });
  }

  /** Opens a fresh context: nothing cached, no cookie. */
  static async arrive(browser, base, { javaScript = true, colorScheme = 'light', viewport = { width: 1280, height: 900 } } = {}) {
    const context = await browser.newContext({
      baseURL: base, javaScriptEnabled: javaScript, colorScheme, viewport, reducedMotion: 'reduce', serviceWorkers: 'block',
    });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    const visitor = new Visitor(context, page, { base, javaScript });
    visitor.#watch();
    return visitor;
  }

  #watch() {
    const { page, context, base } = this;
    const isElsewhere = (url) => [...this.elsewhere].some((place) => url.startsWith(`${place}/`));
    page.on('console', (message) => {
      if (isElsewhere(message.location().url)) return;
      // Answers of 400 and up are judged below, by their status.
      if (message.type() !== 'error' || STATUS_MESSAGE.test(message.text())) return;
      this.problems.push(`console: ${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', (error) => this.problems.push(`uncaught in the page: ${error.message}`));
    page.on('dialog', (dialog) => {
      this.problems.push(`a script's dialog opened: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    context.on('request', (request) => {
      if (!request.url().startsWith(`${base}/`) && !isElsewhere(request.url())) this.problems.push(`left for another place: ${request.url()}`);
    });
    context.on('response', (response) => {
      const status = response.status();
      if (status < 400 || isElsewhere(response.url())) return;
      if (this.#expected.has(status)) this.#expected.set(status, this.#expected.get(status) + 1);
      else this.problems.push(`${status} from ${response.request().method()} ${response.url()}`);
    });
  }

  /** Does something that must be answered with `status`, and only that may go wrong. */
  async expecting(status, act) {
    this.#expected.set(status, 0);
    try {
      const result = await act();
      assert.ok(this.#expected.get(status) > 0, `no answer with status ${status} was seen`);
      return result;
    } finally {
      this.#expected.delete(status);
    }
  }

  /** Fails on whatever went wrong since the last time. */
  check() {
    const seen = this.problems.splice(0);
    assert.deepEqual(seen, [], 'the browser saw problems');
  }

  /** Opens a path of the console. */
  async go(path) {
    const response = await this.page.goto(path);
    return response?.status();
  }

  /** Accessibility of the page as it stands. It is looked at by a script, so not where scripts are off. */
  async axe(what) {
    assert.ok(this.javaScript, 'axe needs a visitor with JavaScript');
    await this.page.evaluate(AXE);
    const { violations, passes } = await this.page.evaluate(
      (values) => globalThis.axe.run(document, { runOnly: { type: 'tag', values }, resultTypes: ['violations'] }),
      RULES,
    );
    assert.ok(passes.length > 5, `axe looked at next to nothing on ${what}`);
    const lines = violations.flatMap((rule) => rule.nodes.map((node) =>
      `${rule.id} (${rule.impact}): ${node.target.join(' ')}\n    ${node.html.slice(0, 160)}\n    ${node.failureSummary?.replaceAll('\n', '\n    ')}`));
    assert.equal(lines.length, 0, `accessibility of ${what}:\n  ${lines.join('\n  ')}`);
  }

  /** Nothing may be kept in the browser but cookies. */
  async keepsNothing() {
    const kept = await this.page.evaluate(async () => ({
      local: Object.keys(localStorage),
      session: Object.keys(sessionStorage),
      databases: (await indexedDB.databases()).map((one) => one.name),
      caches: await caches.keys(),
    }));
    assert.deepEqual(kept, { local: [], session: [], databases: [], caches: [] }, `kept in the browser at ${this.page.url()}`);
  }

  /** No sideways scrolling at the present width. */
  async fits(what) {
    const [wide, seen] = await this.page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(wide <= seen, `${what} is ${wide} px wide in a window of ${seen} px`);
  }

  /** A picture of the whole page in out/. */
  async picture(name) {
    await this.page.screenshot({ path: join(OUT, `${slug(name)}.png`), fullPage: true });
  }

  async leave() {
    await this.context.close();
  }
}
