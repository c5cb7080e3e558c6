// Everything a journey needs, set up before it and taken down after it.
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { makeAuthority } from './authority.mjs';
import { launch } from './chromium.mjs';
import { Console } from './console.mjs';
import { OUT, scratch, slug } from './files.mjs';
import { MailServer } from './mail-server.mjs';
import { Visitor } from './visitor.mjs';
import { WebServer } from './web-server.mjs';

const STEP_LIMIT_MS = 120_000;

export const PERSON = { workspace: 'Acme Support', slug: 'acme-support', email: 'ana@example.test', password: 'lamp orbit velvet canyon 73' };
export const MAIL_USER = 'robot@example.test';

/**
 * Puts up, for the `describe` block it is called in: an authority, two mail servers, a web server, a console that may
 * reach them, and a browser. `prepare(stage)` may write catalogue files, add to `allowed` and set `settings` before the
 * console starts. With `sendsMail` the console sends its own mails through `stage.mail`.
 */
export function useStage({ name, prepare, sendsMail = false }) {
  const stage = { name, visitors: [], allowed: [] };

  before(async () => {
    mkdirSync(OUT, { recursive: true });
    stage.scratch = scratch(slug(name));
    stage.authority = makeAuthority(stage.scratch.path);
    const mail = (mode) => new MailServer({ authority: stage.authority, mode, user: MAIL_USER, password: 'right-password-1' }).start();
    stage.mail = await mail('implicit');
    stage.otherMail = await mail('implicit');
    stage.startTlsMail = await mail('starttls');
    stage.web = await new WebServer().start();
    stage.catalog = join(stage.scratch.path, 'catalog');
    mkdirSync(stage.catalog);
    await prepare?.(stage);
    const peers = [stage.mail, stage.otherMail, stage.startTlsMail].map((peer) => `127.0.0.1:${peer.port}`);
    stage.console = await new Console({
      folder: stage.scratch.path,
      egressAllow: [...peers, `http://127.0.0.1:${stage.web.port}`, ...stage.allowed],
      authority: stage.authority,
      catalog: stage.catalog,
      ...(sendsMail && { mailUrl: `smtps://${encodeURIComponent(MAIL_USER)}:${stage.mail.password}@127.0.0.1:${stage.mail.port}` }),
      settings: stage.settings,
    }).start();
    stage.browser = await launch();
  }, { timeout: STEP_LIMIT_MS });

  after(async () => {
    await stage.browser?.close();
    const code = await stage.console?.stop();
    for (const peer of [stage.mail, stage.otherMail, stage.startTlsMail, stage.web]) await peer?.stop();
    stage.scratch?.remove();
    if (stage.console) assert.equal(code, 0, 'the console did not stop in good order');
  }, { timeout: STEP_LIMIT_MS });

  /** A new person at a new browser, at `host` if the address of the console is to be another name of this machine. */
  stage.arrive = async ({ host = '127.0.0.1', ...options } = {}) => {
    const visitor = await Visitor.arrive(stage.browser, stage.console.url.replace('127.0.0.1', host), options);
    stage.visitors.push(visitor);
    return visitor;
  };

  /** One step of the journey: a test that also fails on what the browsers saw meanwhile, or when one before it did. */
  stage.step = (title, act) => it(title, { timeout: STEP_LIMIT_MS }, async () => {
    assert.ok(!stage.failed, `not reached: “${stage.failed}” failed`);
    try {
      await act();
      for (const visitor of stage.visitors) visitor.check();
    } catch (error) {
      stage.failed = title;
      const label = slug(`${name}-${title}`);
      await stage.visitors.at(-1)?.picture(`failed-${label}`).catch(() => {});
      appendFileSync(join(OUT, `failed-${label}.log`), `${error.stack}\n\n${stage.console?.output ?? ''}`);
      throw error;
    }
  });

  return stage;
}
